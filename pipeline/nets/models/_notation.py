"""How params/networks.yaml writes the layers of a chain: 64 is a convolution, p a pool; and its linear layers."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, PlainValidator

POOL = re.compile(r"p(\d*)")


def pool_side(token: int | str) -> int | None:
    """Return the side of a pool, px; None of a convolution."""
    return int(token[1:] or 2) if isinstance(token, str) else None


def _token(value: Any) -> int | str:
    if isinstance(value, str) and POOL.fullmatch(value) and (pool_side(value) or 0) >= 2:
        return value
    if type(value) is int and value >= 1:
        return value
    raise ValueError(
        f"unknown layer {value!r}; 64 is a convolution with 64 channels, p a pool of 2 x 2, p4 one of 4 x 4"
    )


def _convolves(tokens: list[int | str]) -> list[int | str]:
    if not any(isinstance(token, int) for token in tokens):
        raise ValueError(f"no convolution among {tokens}; 64 is one with 64 channels")
    return tokens


def _units(value: Any) -> int | float:
    if (type(value) is int and value >= 1) or (type(value) is float and 0 < value < 1):
        return value
    raise ValueError(f"expected how many units, or which share of the inputs (between 0.0 and 1.0), found {value!r}")


Tokens = Annotated[list[Annotated[int | str, PlainValidator(_token)]], Field(min_length=1), AfterValidator(_convolves)]
Units = Annotated[int | float, PlainValidator(_units)]
