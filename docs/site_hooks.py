"""Hooks of mkdocs.yml: files of the repository that the pages link to, and the notebook as a page.

A page of docs/ may link to any file of the repository, such as ../results/highway/report.md, as it does on a code host.
The site has a copy of each such file under files/, so that no link leads out of it.
"""

import json
import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[1]
LINK = re.compile(r"(\]\()([^)\s#]+)(#[^)\s]*)?(\))")
COPIES = "files"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add a copy of each file outside of docs/ that a page links to, and turn notebooks into pages."""
    for notebook in [file for file in files if file.src_uri.endswith(".ipynb")]:
        files.remove(notebook)
        files.append(File.generated(config, f"{notebook.src_uri[:-6]}.md", content=_notebook(notebook.content_string)))
        files.append(File.generated(config, notebook.src_uri, content=notebook.content_string))
    waiting = [(file.src_uri, file.content_string) for file in files.documentation_pages()]
    while waiting:
        page, text = waiting.pop()
        for target in _outside(page, text):
            copy = f"{COPIES}/{target}"
            if files.get_file_from_path(copy) is None:
                files.append(File.generated(config, copy, abs_src_path=str(ROOT / target)))
                if target.endswith(".md"):  # a report links to its own figures
                    waiting.append((copy, (ROOT / target).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links that leave docs/ to the copies."""
    here = PurePosixPath(page.file.src_uri)

    def led(link: re.Match) -> str:
        target = _target(page.file.src_uri, link[2])
        if target is None:
            return link[0]
        return f"{link[1]}{os.path.relpath(f'{COPIES}/{target}', here.parent)}{link[3] or ''}{link[4]}"

    return LINK.sub(led, markdown)


def _outside(page: str, text: str) -> set[str]:
    return {target for link in LINK.finditer(text) if (target := _target(page, link[2])) is not None}


def _target(page: str, link: str) -> str | None:
    """The file of the repository outside of docs/ that a link leads to, as a path from the root; None: another link."""
    if re.match(r"[a-z]+:|/", link):
        return None
    copied = page.startswith(f"{COPIES}/")
    folder = ROOT / page.removeprefix(f"{COPIES}/") if copied else ROOT / "docs" / page
    path = Path(os.path.normpath(folder.parent / link))
    inside = path.is_relative_to(ROOT / "docs")
    if inside or not path.is_relative_to(ROOT) or not path.is_file():
        return None
    return path.relative_to(ROOT).as_posix()


def _notebook(text: str) -> str:
    """The cells of a notebook as Markdown."""
    parts = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"]).strip()
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    return "\n\n".join(parts) + "\n"
