"""Figures of other systems as the paper's Table 1 cites them, which stand in cited.csv as data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.report.columns import read_columns

FIELDS = ("method", "reference", "venue", "network", "dataset", "steps", "accuracy", "reproduced", "source")


@dataclass(frozen=True)
class Figure:
    """One figure as it is printed.

    `reference` is its number in the paper's list; `dataset` a column of the paper's tables; `accuracy` (%) has the
    digits that can be read; `reproduced`: marked by the paper (a dagger) as its authors' own run of another's method.
    """

    method: str
    reference: str
    venue: str
    network: str
    dataset: str
    steps: str
    accuracy: str
    reproduced: bool
    source: str

    @property
    def whole(self) -> bool:
        """Whether both decimals can be read."""
        return len(self.accuracy.partition(".")[2]) == 2


@cache
def figures() -> tuple[Figure, ...]:
    """Read all figures in the paper's order; FileError where the file is damaged."""
    columns = read_columns(Path(__file__).with_name("cited.csv"), FIELDS)
    flags = [flag == "1" for flag in columns.pop("reproduced")]
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return tuple(Figure(**row, reproduced=flag) for row, flag in zip(rows, flags, strict=True))


def of(column: str) -> list[Figure]:
    """List those of one column of the paper's tables."""
    return [figure for figure in figures() if figure.dataset == column]


def own(column: str) -> list[Figure]:
    """List those that the paper measured itself: the reproduced ones and HSD's."""
    return [figure for figure in of(column) if figure.reproduced or not figure.reference]
