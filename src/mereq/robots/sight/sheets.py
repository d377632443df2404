"""Printable sheets of tags: A4 pages at 300 dots per inch, with a ruler to check the printer's scale."""

from pathlib import Path

from PIL import Image, ImageDraw

from mereq.robots.cell_file import TagsEntry
from mereq.robots.sight.tags import INK, MODULES, tag_picture

DPI = 300
PAGE = (210.0, 297.0)  # A4 [mm]
MARGIN, GAP, RULER = 15.0, 12.0, 100.0  # [mm]
FACES = (  # of a cube that is not turned, in the order of `cube_of_tags`; left is seen from the robot
    "cube, away from the robot, upright",
    "cube, left, upright",
    "cube, towards the robot, upright",
    "cube, right, upright",
    "cube, on top, upper edge to the left",
)
TURNED_FACES = (  # of a cube that is
    "cube, away from the object, upright",
    "cube, left of that, upright",
    "cube, towards the object, upright",
    "cube, right of that, upright",
    "cube, on top, upper edge to the left of that",
)


def write_sheets(tags: TagsEntry, file: Path) -> int:
    """Write the sheets of a cell's tags as PDF. Returns the number of pages."""
    pages = sheets(tags)
    pages[0].save(file, "PDF", resolution=DPI, save_all=True, append_images=pages[1:])
    return len(pages)


def sheets(tags: TagsEntry) -> list[Image.Image]:
    """Pages with a cell's tags. Below each of a cube's is written which face it belongs to, and how."""
    wanted: list[tuple[int, float, str]] = []
    for name, cube in tags.cubes.items():
        faces = TURNED_FACES if cube.turned else FACES
        wanted += [(tag, cube.printed * INK, f"{name}'s {f}") for tag, f in zip(cube.cube, faces, strict=True)]
    if tags.goal is not None:
        wanted.append((tags.goal.id, tags.goal.side, "goal"))
    wanted += [(tag, tags.table.side, "table") for tag in tags.table.ids]
    pages = [_page()]
    x, y, row = MARGIN, MARGIN + 25.0, 0.0
    for tag, ink, where in wanted:
        side = 1000.0 * ink / INK
        if x + side > PAGE[0] - MARGIN:
            x, y, row = MARGIN, y + row + GAP, 0.0
        if y + side > PAGE[1] - MARGIN:
            pages.append(_page())
            x, y, row = MARGIN, MARGIN + 25.0, 0.0
        _paste(pages[-1], tag, side, x, y, f"{tag}: {where}\nblack square {1000.0 * ink:.1f} mm")
        x, row = x + side + GAP, max(row, side)
    return pages


def _dots(mm: float) -> int:
    return round(mm / 25.4 * DPI)


def _page() -> Image.Image:
    """An empty page with the ruler."""
    page = Image.new("L", (_dots(PAGE[0]), _dots(PAGE[1])), 255)
    draw = ImageDraw.Draw(page)
    top = _dots(MARGIN)
    for mm in range(int(RULER) + 1):
        left, length = _dots(MARGIN + mm), _dots(6.0 if mm % 10 == 0 else 3.0)
        draw.line((left, top, left, top + length), fill=0, width=2)
    words = "This ruler is 100 mm long. If it is not, print again without scaling. Keep the white frame of each tag."
    draw.text((_dots(MARGIN), top + _dots(8.0)), words, fill=0, font_size=_dots(4.0))
    return page


def _paste(page: Image.Image, tag: int, side: float, x: float, y: float, words: str) -> None:
    size = _dots(side)
    picture = Image.fromarray(tag_picture(tag, 32)).resize((size, size), Image.Resampling.NEAREST)
    page.paste(picture, (_dots(x), _dots(y)))
    draw = ImageDraw.Draw(page)
    edge = _dots(side / MODULES / 4.0)
    draw.rectangle((_dots(x), _dots(y), _dots(x) + size, _dots(y) + size), outline=200, width=max(1, edge // 8))
    draw.text((_dots(x), _dots(y) + size + 4), words, fill=0, font_size=_dots(2.6))
