"""Two recipes on the same test recordings, compared recording by recording."""

from collections.abc import Sequence
from itertools import pairwise
from statistics import fmean, median
from typing import Any

import numpy as np

from pipeline.errors import FileError
from pipeline.report import statistics
from pipeline.report.escape import MINUS
from pipeline.report.paper import kind
from pipeline.report.results import Results
from pipeline.results.read import read_arrays

# One thing changes from each to the next: the start (HT), then the loss (KD), then its form (SKD).
STARTS_AND_LOSSES = (("random", "ce"), ("converted", "ce"), ("converted", "kd"), ("converted", "skd"))
CHAIN = [kind({"init": init, "loss": loss}) for init, loss in STARTS_AND_LOSSES]
# Below it a test is said to tell two networks apart.
LEVEL = 0.05


def compare(results: Results, dataset: str, before: str, after: str) -> dict[str, Any]:
    """Return what changes from one recipe to another, from their kept logits; seeds are pairs.

    difference (of accuracy, points, mean over seeds) with bootstrap_low and bootstrap_high, a paired bootstrap over
    seeds and recordings; higher: seeds that gain; lost, gained: recordings that only the first, only the second answers
    right, mean over seeds; p_median, p_by_seed: of an exact McNemar test of each seed, `apart` of them below `level`;
    and the same as text, with what it allows to say (verdict).
    FileError: a file is missing or damaged, or two runs do not have the same test recordings in the same order.
    """
    old, new = [], []
    for first, second in zip(results.folders(dataset, before), results.folders(dataset, after), strict=True):
        one, other = read_arrays(first), read_arrays(second)
        if not np.array_equal(one.label, other.label):
            problem = f"its labels are not those of {first}: not the same test set; run `dvc repro`"
            raise FileError(second / "logits.npz", problem)
        old.append(one.right)
        new.append(other.right)
    was, now = np.stack(old), np.stack(new)
    lost, gained = (was & ~now).sum(axis=1).tolist(), (~was & now).sum(axis=1).tolist()
    differences = 100 * (now.mean(axis=1) - was.mean(axis=1))
    low, high = (100 * end for end in statistics.paired_interval(was, now))
    p = [statistics.mcnemar(*counts) for counts in zip(lost, gained, strict=True)]
    verdict = f"the interval lies {'above' if low > 0 else 'below'} 0"
    if low <= 0 <= high:
        verdict = "the interval holds 0, so these runs do not tell the two apart"
    return {
        "dataset": dataset, "before": before, "after": after, "seeds": len(p), "verdict": verdict, "level": LEVEL,
        "change": " → ".join(results.cell(dataset, name)["title"] for name in (before, after)),
        "difference": fmean(differences), "bootstrap_low": low, "bootstrap_high": high,
        "signed": signed(fmean(differences)), "bootstrap_text": f"{signed(low)} to {signed(high)}",
        "higher": int((differences > 0).sum()), "gained": fmean(gained), "lost": fmean(lost),
        "p_median": median(p), "p_by_seed": " ".join(f"{value:.6g}" for value in p),
        "p_text": ", ".join("<0.001" if value < 0.001 else f"{value:.3f}" for value in p),
        "apart": sum(value < LEVEL for value in p),
    }  # fmt: skip


def ablation(results: Results) -> list[dict[str, Any]]:
    """Compare neighbours in the chain without HT, with HT, with KD, with SKD, on every data set.

    A link that Table 2 lacks is passed over; of several alike the first row stands.
    """
    found = []
    for dataset in results.datasets:
        rows = [results.cell(dataset, name) for name in results.ablation()]
        at_t2 = {kind(row): row["recipe"] for row in reversed(rows) if row["steps"] == results.facts(dataset).t2}
        links = [at_t2[link] for link in CHAIN if link in at_t2]
        found += [compare(results, dataset, *pair) for pair in pairwise(links)]
    return found


def hybrid(results: Results, names: Sequence[str]) -> list[dict[str, Any]]:
    """Compare recipes with HT to their like without, on every data set: the same loss and gradient, random weights."""
    found = []
    for dataset in results.datasets:
        rows = [results.cell(dataset, name) for name in names]
        # HT needs integrate-and-fire neurons, so the neuron may change with it.
        plain = {kind(row, neuron=""): row["recipe"] for row in reversed(rows) if row["init"] == "random"}
        for row in rows:
            before = plain.get(kind(row, init="random", neuron=""))
            if row["init"] == "converted" and before is not None:
                found.append(compare(results, dataset, before, row["recipe"]))
    return found


def signed(points: float) -> str:
    """Return a difference with its sign, two decimals."""
    return "±0.00" if round(points, 2) == 0 else f"{'+' if points > 0 else MINUS}{abs(points):.2f}"
