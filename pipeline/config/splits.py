"""The rules that say which recordings are for training and which for the test."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from pipeline.config.base import Count, Group, Whole

# A share that leaves both sides something.
Part = Annotated[float, Field(gt=0, lt=1)]


# The folder that DVC watches: lists are looked for only there.
LISTS = "data/splits"


def _watched(file: str) -> str:
    if not file.startswith(f"{LISTS}/") or ".." in PurePosixPath(file).parts:
        raise ValueError(f"expected a file below {LISTS}/, whose changes are noticed, found {file!r}")
    return file


class NumericSplit(Group):
    rule: Literal["numeric"]
    train: Count


class FirstForTestSplit(Group):
    rule: Literal["test_first"]
    test: Count


class LexicographicSplit(Group):
    rule: Literal["lexicographic"]
    share: Part


class RandomSplit(Group):
    rule: Literal["random"]
    share: Part
    seed: Whole


class GivenSplit(Group):
    rule: Literal["given"]


class ListedSplit(Group):
    """`others`: recordings that the file does not name are an error, or are left out, and their classes with them."""

    rule: Literal["listed"]
    file: Annotated[str, AfterValidator(_watched)]
    others: Literal["refuse", "leave_out"] = "refuse"


Split = Annotated[
    NumericSplit | FirstForTestSplit | LexicographicSplit | RandomSplit | GivenSplit | ListedSplit,
    Field(discriminator="rule"),
]


class Validation(Group):
    """A part cut from the training side: of each class, or whole subjects where the layout knows them."""

    share: Part
    seed: Whole
