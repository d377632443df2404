"""Captions on a task's pictures."""

from PIL import Image, ImageDraw, ImageFont

INK, PLATE = (44, 48, 54), (246, 247, 244)


def write_caption(picture: Image.Image, caption: str, *, height: int) -> None:
    """Write a caption into the upper left corner, on a light plate. height: of its letters [px], at least 10."""
    height = max(height, 10)
    pad, start = height // 3, (0.7 * height, 0.6 * height)
    font = ImageFont.load_default(size=height)
    pen = ImageDraw.Draw(picture)
    left, top, right, bottom = pen.textbbox(start, caption, font=font)
    pen.rounded_rectangle((left - pad, top - pad, right + pad, bottom + pad), radius=pad, fill=PLATE)
    pen.text(start, caption, font=font, fill=INK)
