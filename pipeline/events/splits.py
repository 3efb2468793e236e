"""Named rules that say which recordings are for training and which for the test."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline.config.splits import (
    FirstForTestSplit,
    GivenSplit,
    LexicographicSplit,
    ListedSplit,
    NumericSplit,
    RandomSplit,
    Split,
    Validation,
)
from pipeline.errors import ConfigError, FileError
from pipeline.events.listing import SIDES, Listing, Recording
from pipeline.events.sides import TEST, TRAIN, VALIDATION

LISTED = {**SIDES, "validation": VALIDATION}


def assign(recordings: Sequence[Recording], split: Split, validation: Validation | None = None) -> list[int]:
    """Put each recording on one side.

    Args:
        recordings: of one listing.
        split: the rule and its numbers:
            numeric: the last number in the file's name, below `train` for training (CIFAR10-DVS's 0-899 / 900-999);
            test_first: that number, below `test` for the test (the first 100 of each class);
            lexicographic: the first int(share · n) of each class in sorted order for training;
            random: as many of each class, drawn with `seed`;
            given: what the layout says (N-MNIST's folders, DVS128 Gesture's trial lists);
            listed: a csv `file` with the columns name and split (train, test or validation) that names every recording
            once (those that it does not name are left out before, see `taking_part`).
        validation: the part to cut from the training side, or None. int(share · n) of each class, drawn with `seed`, at
            least one; where the layout knows subjects, that share of the training subjects with all their recordings.

    Returns:
        0 (train), 1 (test) or 2 (validation) for each recording, in order.

    Raises:
        ConfigError: the rule does not fit the names, leaves a side empty, or puts a subject on two sides.
        FileError: the listed file is missing, or does not name every recording once.
    """
    sides = _assign(recordings, split)
    if validation is not None:
        sides = _cut(recordings, sides, validation)
    for side, word in ((TRAIN, "training"), (TEST, "test")):
        if side not in sides:
            raise ConfigError(f"split {describe(split)} leaves no {word} recording of {len(recordings)}")
    _check_subjects(recordings, sides, split)
    return sides


def taking_part(listing: Listing, split: Split) -> Listing:
    """Return what of a listing the split is about: all of it, or what its file names where `others: leave_out`.

    Classes of which nothing takes part are left out too.

    Raises:
        FileError: the listed file cannot be read.
    """
    if not isinstance(split, ListedSplit) or split.others == "refuse":
        return listing
    named = _read(Path(split.file))
    kept = [recording for recording in listing.recordings if recording.name in named]
    labels = sorted({recording.label for recording in kept})
    recordings = [replace(recording, label=labels.index(recording.label)) for recording in kept]
    return Listing(listing.root, [listing.classes[label] for label in labels], recordings)


def unlearned(listing: Listing, sides: Sequence[int]) -> list[str]:
    """Return the classes without a training recording: nothing can be learned of them, yet they are tested."""
    learned = {label for label, side in zip(listing.labels, sides, strict=True) if side == TRAIN}
    return [name for label, name in enumerate(listing.classes) if label not in learned]


def describe(split: Split | Validation) -> str:
    """Write a split as one line: its rule and numbers."""
    values = split.model_dump()
    return ", ".join(
        [*([values.pop("rule")] if "rule" in values else []), *(f"{key}: {value}" for key, value in values.items())]
    )


def _check_subjects(recordings: Sequence[Recording], sides: Sequence[int], split: Split) -> None:
    side_of: dict[str, int] = {}
    for recording, side in zip(recordings, sides, strict=True):
        if recording.subject is not None and side_of.setdefault(recording.subject, side) != side:
            raise ConfigError(
                f"split {describe(split)} puts the subject {recording.subject} on two sides, so the network would be "
                "tested on people it has seen; use `rule: given`, or list the recordings by subject"
            )


def _cut(recordings: Sequence[Recording], sides: list[int], validation: Validation) -> list[int]:
    if VALIDATION in sides:
        raise ConfigError("integrate.validation: the listed split names its validation part already; set it to null")
    ordered = sorted((i for i, side in enumerate(sides) if side == TRAIN), key=lambda i: recordings[i].name)
    # What is drawn whole: a subject with all its recordings, or, without subjects, one recording of a class.
    pools: dict[int, list[list[int]]] = defaultdict(list)
    if all(recordings[index].subject is not None for index in ordered):
        people: dict[str | None, list[int]] = defaultdict(list)
        for index in ordered:
            people[recordings[index].subject].append(index)
        pools[0] = [people[name] for name in sorted(people, key=str)]
    else:
        for index in ordered:
            pools[recordings[index].label].append([index])
    cut = list(sides)
    for number, label in enumerate(sorted(pools)):
        pool = pools[label]
        order = np.random.default_rng([validation.seed, number]).permutation(len(pool))
        for place in order[: max(1, int(validation.share * len(pool)))].tolist():
            for index in pool[place]:
                cut[index] = VALIDATION
    return cut


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
    # Without the suffix: the 4 of .aedat4 is no recording's number.
    numbers = re.findall(r"\d+", name.rpartition("/")[2].partition(".")[0])
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
    listed = _read(path)
    missing, extra = sorted(set(names) - set(listed)), sorted(set(listed) - set(names))
    if missing or extra:
        raise FileError(
            path,
            f"does not fit the recordings: {len(missing)} are not listed (first {missing[:1]}), "
            f"{len(extra)} listed are not there (first {extra[:1]})",
        )
    return [listed[name] for name in names]


def _read(path: Path) -> dict[str, int]:
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [(row["name"], row["split"]) for row in csv.DictReader(file)]
    except (OSError, UnicodeDecodeError, KeyError, csv.Error) as error:
        raise FileError(path, f"not readable as csv with the columns name and split: {error}") from error
    listed: dict[str, int] = {}
    for name, side in rows:
        if side not in LISTED:
            raise FileError(path, f"{name}: split must be train, test or validation, found {side!r}")
        if name in listed:
            raise FileError(path, f"{name} is listed twice")
        listed[name] = LISTED[side]
    return listed
