"""Named rules that say which recordings are for training and which for the test."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.config import (
    FirstForTestSplit,
    GivenSplit,
    LexicographicSplit,
    ListedSplit,
    NumericSplit,
    RandomSplit,
    Split,
)
from pipeline.errors import ConfigError, FileError
from pipeline.events.listing import SIDES, TEST, TRAIN, Recording

__all__ = ["TEST", "TRAIN", "assign", "describe"]


def assign(recordings: Sequence[Recording], split: Split) -> list[int]:
    """Put each recording on one side.

    Args:
        recordings: of one listing.
        split: the rule and its numbers:
            numeric: the last number in the file's name, below `train` for training (CIFAR10-DVS's 0-899 / 900-999);
            test_first: that number, below `test` for the test (the first 100 of each class);
            lexicographic: the first int(share · n) of each class in sorted order for training;
            random: as many of each class, drawn with `seed`;
            given: what the layout says (N-MNIST's folders, DVS128 Gesture's trial lists);
            listed: a csv `file` with the columns name and split (train or test) that names every recording once.

    Returns:
        0 (train) or 1 (test) for each name, in order.

    Raises:
        ConfigError: the rule does not fit the names, or leaves a side empty.
        FileError: the listed file is missing, or does not name every recording once.
    """
    sides = _assign(recordings, split)
    for side, word in ((TRAIN, "training"), (TEST, "test")):
        if side not in sides:
            raise ConfigError(f"split {describe(split)} leaves no {word} recording of {len(recordings)}")
    return sides


def describe(split: Split) -> str:
    """Write a split as one line: its rule and numbers."""
    values = {key: value for key, value in split.model_dump().items() if key != "rule"}
    return ", ".join([split.rule, *(f"{key}: {value}" for key, value in values.items())])


def _assign(recordings: Sequence[Recording], split: Split) -> list[int]:
    names = [recording.name for recording in recordings]
    match split:
        case GivenSplit():
            return _given(recordings)
        case NumericSplit():
            return [TRAIN if _number(name) < split.train else TEST for name in names]
        case FirstForTestSplit():
            return [TEST if _number(name) < split.test else TRAIN for name in names]
        case LexicographicSplit():
            return _first_of_each_class(recordings, split.share, None)
        case RandomSplit():
            return _first_of_each_class(recordings, split.share, split.seed)
        case ListedSplit():
            return _listed(names, Path(split.file))


def _number(name: str) -> int:
    numbers = re.findall(r"\d+", name.rpartition("/")[2])
    if not numbers:
        raise ConfigError(f"integrate.split goes by numbers, but the recording {name!r} has none in its name")
    return int(numbers[-1])


def _given(recordings: Sequence[Recording]) -> list[int]:
    sides = [recording.side for recording in recordings if recording.side is not None]
    if len(sides) < len(recordings):
        raise ConfigError("split given: this layout says nothing of sides; choose another rule or layout")
    return sides


def _first_of_each_class(recordings: Sequence[Recording], share: float, seed: int | None) -> list[int]:
    classes: dict[int, list[int]] = defaultdict(list)
    for index in sorted(range(len(recordings)), key=lambda index: recordings[index].name):
        classes[recordings[index].label].append(index)
    sides = [TEST] * len(recordings)
    for number, members in enumerate(classes[name] for name in sorted(classes)):
        order = range(len(members))
        if seed is not None:
            # A stream for each class: another class more or less does not move the others.
            order = np.random.default_rng([seed, number]).permutation(len(members)).tolist()
        for place in list(order)[: int(share * len(members))]:
            sides[members[place]] = TRAIN
    return sides


def _listed(names: Sequence[str], path: Path) -> list[int]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [(row["name"], row["split"]) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as error:
        raise FileError(path, f"not readable as csv with the columns name and split: {error}") from error
    listed: dict[str, int] = {}
    for name, side in rows:
        if side not in SIDES:
            raise FileError(path, f"{name}: split must be train or test, found {side!r}")
        if name in listed:
            raise FileError(path, f"{name} is listed twice")
        listed[name] = SIDES[side]
    missing, extra = sorted(set(names) - set(listed)), sorted(set(listed) - set(names))
    if missing or extra:
        raise FileError(
            path,
            f"does not fit the recordings: {len(missing)} are not listed (first {missing[:1]}), "
            f"{len(extra)} listed are not there (first {extra[:1]})",
        )
    return [listed[name] for name in names]
