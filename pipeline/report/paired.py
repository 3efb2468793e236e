"""Two recipes on the same test recordings, compared recording by recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pipeline.config import Params
from pipeline.errors import FileError
from pipeline.report import rows, statistics
from pipeline.report.kinds import Kind, kind_of
from pipeline.report.results import Cell, Results

# One thing changes from each to the next: the start (HT), then the loss (KD), then its form (SKD).
CHAIN = (Kind("random", "ce"), Kind("converted", "ce"), Kind("converted", "kd"), Kind("converted", "skd"))


@dataclass(frozen=True)
class Comparison:
    """What changes from one recipe to another, seed by seed.

    `differences`: of accuracy, -1 to 1; `interval`: paired bootstrap over seeds and recordings, of their mean; `lost`,
    `gained`: recordings that only the first, only the second answers right; `p`: exact McNemar test of the two.
    """

    before: Cell
    after: Cell
    differences: tuple[float, ...]
    interval: tuple[float, float]
    lost: tuple[int, ...]
    gained: tuple[int, ...]
    p: tuple[float, ...]

    @property
    def difference(self) -> float:
        return statistics.mean(self.differences)


def compare(before: Cell, after: Cell) -> Comparison:
    """Compare two cells of one data set from their kept logits; seeds are pairs.

    Raises:
        FileError: a file is missing or damaged, or two runs do not have the same test recordings in the same order.
    """
    old, new = [], []
    for first, second in zip(before.runs, after.runs, strict=True):
        one, other = first.arrays(), second.arrays()
        if not np.array_equal(one.label, other.label):
            path = second.path / "logits.npz"
            raise FileError(path, f"its labels are not those of {first.path}: not the same test set; `dvc repro`")
        old.append(one.right)
        new.append(other.right)
    was, is_now = np.stack(old), np.stack(new)
    lost, gained = (was & ~is_now).sum(axis=1).tolist(), (~was & is_now).sum(axis=1).tolist()
    return Comparison(
        before,
        after,
        tuple((is_now.mean(axis=1) - was.mean(axis=1)).tolist()),
        statistics.paired_interval(was, is_now),
        tuple(lost),
        tuple(gained),
        tuple(statistics.mcnemar(*counts) for counts in zip(lost, gained, strict=True)),
    )


def ablation(results: Results, params: Params, dataset: str) -> list[Comparison]:
    """Compare neighbours in the chain without HT, with HT, with KD, with SKD.

    A link that Table 2 lacks is passed over; of several alike the first row stands.
    """
    of_table = [name for name in rows.ablation(results, params) if _at_all_steps(params, dataset, name)]
    found = [name for kind in CHAIN if (name := _first(params, of_table, kind))]
    return [compare(*(results.cell(dataset, results.grid.ann, name) for name in pair)) for pair in pairwise(found)]


def hybrid(results: Results, params: Params, dataset: str, names: Sequence[str]) -> list[Comparison]:
    """Compare recipes with HT to their like without: the same loss and training, from random weights."""
    kinds = {name: kind_of(params.recipe(name)) for name in names}
    found = []
    for after, kind in kinds.items():
        if kind.init == "random":
            continue
        # HT needs integrate-and-fire neurons, so the neuron may change with it.
        wanted = replace(kind, init="random", neuron="")
        before = next((name for name, other in kinds.items() if replace(other, neuron="") == wanted), None)
        if before is not None:
            found.append(compare(*(results.cell(dataset, results.grid.ann, name) for name in (before, after))))
    return found


def _first(params: Params, names: Sequence[str], kind: Kind) -> str | None:
    return next((name for name in names if kind_of(params.recipe(name)) == kind), None)


def _at_all_steps(params: Params, dataset: str, name: str) -> bool:
    return params.steps_of(dataset, name) == params.dataset(dataset).phases.t2
