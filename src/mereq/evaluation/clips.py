"""Animated GIFs: the one place that writes them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image

Picture = UInt8[np.ndarray, "height width 3"]


def write_gif(
    frames: Sequence[Picture],
    path: Path,
    *,
    frame_milliseconds: int,
    colours: int,
    method: Image.Quantize = Image.Quantize.MEDIANCUT,
) -> None:
    """Write frames as an animated GIF that repeats for ever.

    All frames share one palette, which is chosen from about four of them, so that nothing flickers.

    Args:
        frames: at least one; all of the same size.
        path: the GIF, written over if it is there.
        frame_milliseconds: how long each frame is shown.
        colours: size of the palette.
        method: how the palette is chosen; `MAXCOVERAGE` keeps the colours of small things.
    """
    sample = Image.fromarray(np.vstack(frames[:: max(len(frames) // 4, 1)]))
    palette = sample.quantize(colours, method, dither=Image.Dither.NONE)
    first, *rest = [Image.fromarray(frame).quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    first.save(path, save_all=True, append_images=rest, duration=frame_milliseconds, loop=0, optimize=True)
