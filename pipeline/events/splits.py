"""Named rules that say which recordings are for training and which for the test."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pipeline.config import Split
from pipeline.config.names import nearest
from pipeline.errors import ConfigError

TRAIN, TEST = 0, 1
RULES = ("numeric",)


def assign(names: Sequence[str], split: Split) -> list[int]:
    """Put each recording on one side.

    Args:
        names: `<class>/<file>` of each recording.
        split: the rule and its numbers. numeric: the last number in the file's name, below `train` for training
            (CIFAR10-DVS with train: 900 is the 9:1 split of its numbering).

    Returns:
        0 (train) or 1 (test) for each name, in order.

    Raises:
        ConfigError: the rule does not fit the names, or leaves a side empty.
    """
    if split.rule not in RULES:
        raise ConfigError(f"split.rule: unknown rule {split.rule!r}; {nearest(split.rule, RULES)}")
    sides = [TRAIN if _number(name) < split.train else TEST for name in names]
    for side, word in ((TRAIN, "training"), (TEST, "test")):
        if side not in sides:
            raise ConfigError(
                f"split.rule numeric with train: {split.train} leaves no {word} recording of {len(names)}"
            )
    return sides


def _number(name: str) -> int:
    numbers = re.findall(r"\d+", name.rpartition("/")[2])
    if not numbers:
        raise ConfigError(f"split.rule numeric: the recording {name!r} has no number in its name")
    return int(numbers[-1])
