"""Text in CSV files: a cell that a spreadsheet would run as a formula is written with a quote before it."""

from __future__ import annotations

QUOTE = "'"
# A quote is among them, so that none is lost on the way back.
MARKED = ("=", "+", "-", "@", "\t", "\r", QUOTE)


def csv_safe(text: str) -> str:
    """Return text as a CSV cell holds it; `csv_plain` takes it back."""
    return QUOTE + text if text.startswith(MARKED) else text


def csv_plain(cell: str) -> str:
    """Return the text of a cell that `csv_safe` made."""
    return cell.removeprefix(QUOTE)
