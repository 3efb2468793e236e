"""The rules that say which recordings are for training and which for the test."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import Count, Group, Share, Whole


class NumericSplit(Group):
    rule: Literal["numeric"]
    train: Count


class FirstForTestSplit(Group):
    rule: Literal["test_first"]
    test: Count


class LexicographicSplit(Group):
    rule: Literal["lexicographic"]
    share: Share


class RandomSplit(Group):
    rule: Literal["random"]
    share: Share
    seed: Whole


class GivenSplit(Group):
    rule: Literal["given"]


class ListedSplit(Group):
    rule: Literal["listed"]
    file: str


Split = Annotated[
    NumericSplit | FirstForTestSplit | LexicographicSplit | RandomSplit | GivenSplit | ListedSplit,
    Field(discriminator="rule"),
]
