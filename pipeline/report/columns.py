"""CSV files by column."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import FileError


def read_columns(path: Path, needed: Sequence[str]) -> dict[str, list[str]]:
    """Read a CSV file with a header, all columns in the file's order, values as written.

    Raises:
        FileError: missing, empty, a needed column is not there, or a row is short or long.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = list(csv.reader(file)) or [[]]
    except FileNotFoundError as error:
        raise FileError(path, "not found; `dvc repro` makes it") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise FileError(path, f"not CSV ({error}); remove it, `dvc repro` makes it again") from error
    missing = [name for name in needed if name not in header]
    if missing or not rows:
        problem = f"no column {', '.join(missing)}" if missing else "no rows"
        raise FileError(path, f"{problem}; remove it, `dvc repro` makes it again")
    if any(len(row) != len(header) for row in rows):
        raise FileError(path, f"a row has not {len(header)} values; remove it, `dvc repro` makes it again")
    return {name: [row[index] for row in rows] for index, name in enumerate(header)}
