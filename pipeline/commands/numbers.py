"""Numbers of the command line, refused with what was expected."""

from __future__ import annotations

import sys
from argparse import ArgumentTypeError
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

Number = TypeVar("Number", int, float)


def number(kind: Callable[[str], Number], words: str, low: float, high: float) -> Callable[[str], Number]:
    """Return what reads a number from `low` to `high`, which `words` name."""

    def read(text: str) -> Number:
        with suppress(ValueError):
            if low <= (value := kind(text)) <= high:
                return value
        raise ArgumentTypeError(f"expected {words}, found {text!r}")

    return read


count = number(int, "a whole number of at least 1", 1, sys.maxsize)
positive = number(float, "a number of at least 0.001", 1e-3, sys.float_info.max)
share = number(float, "a number from 0 to 1", 0, 1)
