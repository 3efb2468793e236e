"""What a terminal or a log shows: progress bars, and letters that it lacks."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")
LOG_EVERY_SECONDS = 5.0


def prepare_output() -> None:
    """Have print write letters that the terminal lacks (LC_ALL=C) as question marks, in place of ending the program.

    Torch is kept from saying in every process that there is no Triton, as on every CPU.
    """
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def progress(items: Iterable[Item], total: int, title: str, unit: str, done: int = 0) -> tqdm[Item]:
    """Wrap an iterable so that its progress, rate and remaining time are seen on stderr; `done` were done before."""
    live = sys.stderr.isatty()
    return tqdm(
        items,
        total=total,
        initial=done,
        desc=title,
        unit=f" {unit}",
        dynamic_ncols=live,
        ncols=None if live else 100,
        mininterval=0.2 if live else LOG_EVERY_SECONDS,
        maxinterval=10.0 if live else LOG_EVERY_SECONDS,
        leave=True,
    )
