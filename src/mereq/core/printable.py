"""Texts without characters that act on a terminal, for the terminal and for log files."""

import unicodedata

KEPT = "\n\t"


def printable(text: str, kept: str = KEPT) -> str:
    """The text with visible escapes in place of characters that would act on a terminal, or that it cannot encode."""
    return "".join(c if c.isprintable() or c in kept or unicodedata.category(c) == "Zs" else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
