"""Files that appear whole or not at all, with the same bytes for the same content."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path` that takes its name when the block ends well, and vanishes when not.

    Works for a file or, when the block makes one, a directory; parent directories are made. The temporary path is this
    process's own, so that two that write the same do not meet; what a killed one has left is removed.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    of_this = re.compile(rf"\.{re.escape(path.name)}\.(\d+)(\.away)?\.partial")
    for left in path.parent.iterdir():
        owner = of_this.fullmatch(left.name)
        if owner and (int(owner[1]) == os.getpid() or not psutil.pid_exists(int(owner[1]))):
            remove(left)
    try:
        yield partial
        _put(partial, path)
    finally:
        remove(partial)


def _put(partial: Path, path: Path) -> None:
    """Rename `partial`; a folder that is there is moved away whole first, as no folder replaces a full one."""
    away = path.with_name(f".{path.name}.{os.getpid()}.away.partial")
    while True:
        try:
            if partial.is_dir():
                with suppress(FileNotFoundError):
                    os.replace(path, away)
                remove(away)
            os.replace(partial, path)
            return
        except OSError as error:
            # Another process has put its own there since.
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise


def remove(path: Path) -> None:
    """Delete a file or a directory tree, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes) -> None:
    with replacing(path) as partial:
        partial.write_bytes(data)


def write_text(path: str | Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, content: Any) -> None:
    """Write JSON with sorted keys, so that equal content is equal bytes."""
    write_text(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def write_csv(path: str | Path, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a table; floats with the shortest digits that read back equal."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())
