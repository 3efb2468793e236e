"""What stands under the tables, said from the numbers alone."""

from __future__ import annotations

from itertools import pairwise

from pipeline.config import Params
from pipeline.report import paper
from pipeline.report.results import ANN, CONVERTED, Cell, Results

MINUS = "\N{MINUS SIGN}"
# One thing changes from each to the next: the start (HT), then the loss (KD), then its form (SKD).
CHAIN = (("random", "ce", "if"), ("converted", "ce", "if"), ("converted", "kd", "if"), ("converted", "skd", "if"))


def of_table2(results: Results, params: Params) -> list[str]:
    """List the notes of the ablation, comparisons of neighbouring recipes among them."""
    grid = results.grid
    lines = _common(results)
    lines.append(
        "Firing rate: mean over layers. Per recording: multiply-accumulates (MACs), synaptic operations (SynOps) and "
        "the energy estimated from both."
    )
    for dataset in grid.datasets:
        ann = results.cell(dataset, grid.ann, ANN)
        first_phase = ann.mean("accuracy_phase1")
        own = "" if first_phase is None else f" (on the frames of phase 1: {100 * first_phase:.2f} %)"
        lines.append(
            f"References on {dataset}: the ANN answers from the frames the SNNs see, by the mean of its logits{own}; "
            "converted is the SNN made from it, before any fine-tuning."
        )
        lines += [f"On {dataset}, {line}" for line in comparisons(results, params, dataset)]
    return lines + _paper_notes("table2", results, params)


def of_table3(results: Results, params: Params) -> list[str]:
    """List the notes of the sweep over L."""
    lines = _common(results)
    lines.append("ANN and Converted: mean over seeds; firing rate: mean over layers, before fine-tuning.")
    return lines + _paper_notes("table3", results, params)


def comparisons(results: Results, params: Params, dataset: str) -> list[str]:
    """Compare the mean accuracies of neighbours in the chain without HT, with HT, with KD, with SKD.

    A recipe missing from the grid is passed over; of several alike the first in the grid's order stands.
    """
    found = []
    for kind in CHAIN:
        for name in results.recipes:
            recipe = params.recipe(name)
            if (recipe.init, recipe.loss, recipe.neuron) == kind:
                found.append((recipe.title, results.cell(dataset, results.grid.ann, name)))
                break
    return [_compare(*before, *after) for before, after in pairwise(found)]


def _compare(title: str, cell: Cell, new_title: str, new_cell: Cell) -> str:
    difference = 100 * (new_cell.accuracy - cell.accuracy)
    pairs = list(zip(cell.accuracies, new_cell.accuracies, strict=True))
    better = sum(new > old for old, new in pairs)
    seeds = f", higher in {better} of {len(pairs)} seeds" if len(pairs) > 1 else ""
    new_inside, old_inside = _inside(new_cell, cell), _inside(cell, new_cell)
    if new_inside and old_inside:
        verdict = "each mean lies inside the other's interval, so one evaluation does not tell them apart"
    elif not new_inside and not old_inside:
        verdict = "each mean lies outside the other's interval"
    else:
        inner, outer = (new_title, title) if new_inside else (title, new_title)
        verdict = f"the mean of {inner} lies inside the interval of {outer}, but not the other way round"
    return f"{title} → {new_title}: {_signed(difference)} points{seeds}; {verdict}."


def _inside(cell: Cell, other: Cell) -> bool:
    low, high = other.interval
    return low <= cell.accuracy <= high


def _signed(points: float) -> str:
    if round(points, 2) == 0:
        return "±0.00"
    return f"{'+' if points > 0 else MINUS}{abs(points):.2f}"


def _common(results: Results) -> list[str]:
    grid = results.grid
    lines = []
    for dataset in grid.datasets:
        cell = results.cell(dataset, grid.ann, CONVERTED)
        steps = cell.series("accuracy.csv", "t").shape[1]
        lines.append(
            f"{dataset}: {cell.n_test} test recordings, {cell.runs[0].number('n_train'):.0f} for training; answers "
            f"after T2 = {steps} time steps, by the mean of the logits."
        )
        skipped = int(cell.mean("n_skipped") or 0)
        if skipped:
            lines.append(
                f"{dataset}: {skipped} bad recordings were left out; data/frames/{dataset}.json says which and why."
            )
    lines.append(
        "95 % interval: Wilson interval of one evaluation of the test recordings at the mean accuracy; seeds share the "
        "test set, so their answers are not pooled."
    )
    count = len(grid.seeds)
    lines.append(f"Mean and sample standard deviation (sd) over {count} seeds." if count > 1 else "One seed: no sd.")
    lines.append("Selection: every network is that of its last epoch.")
    return lines


def _paper_notes(table: str, results: Results, params: Params) -> list[str]:
    return [
        f"{dataset}: {note}"
        for dataset in results.grid.datasets
        for note in paper.notes(table, params.dataset(dataset).paper)
    ]
