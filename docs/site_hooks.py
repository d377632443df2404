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
        files.append(File.generated(config, f"{notebook.src_uri[:-6]}.md", content=_notebook(notebook)))
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
    """Lead links that leave docs/ to the copies, and links of copies to the pages."""
    here = page.file.src_uri

    def led(link: re.Match) -> str:
        target = _target(here, link[2])
        if target is None:
            return link[0]
        place = target.removeprefix("docs/") if target.startswith("docs/") else f"{COPIES}/{target}"
        place = re.sub(r"\.ipynb$", ".md", place)
        return f"{link[1]}{os.path.relpath(place, PurePosixPath(here).parent)}{link[3] or ''}{link[4]}"

    return LINK.sub(led, markdown)


def _outside(page: str, text: str) -> set[str]:
    targets = {_target(page, link[2]) for link in LINK.finditer(text)}
    return {target for target in targets if target is not None and not target.startswith("docs/")}


def _target(page: str, link: str) -> str | None:
    """The file of the repository that a link of a page leads to, as a path from the root; None: no such file."""
    if re.match(r"[a-z]+:|/", link):
        return None
    place = ROOT / page.removeprefix(f"{COPIES}/") if page.startswith(f"{COPIES}/") else ROOT / "docs" / page
    path = Path(os.path.normpath(place.parent / link))
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) and path.is_file() else None


def _notebook(file: File) -> str:
    """The cells of a notebook as Markdown, and the notebook itself to be downloaded."""
    parts = []
    for cell in json.loads(file.content_string)["cells"]:
        source = "".join(cell["source"]).strip()
        parts.append(source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```")
    download = f'<a href="{PurePosixPath(file.src_uri).name}" download>Download this notebook</a>'
    return "\n\n".join([*parts, download]) + "\n"
