"""What stands under the tables, said from the numbers alone."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config import Params
from pipeline.report import paper
from pipeline.report.paired import Comparison
from pipeline.report.results import CONVERTED, Results
from pipeline.report.tables.render import Row

MINUS = "\N{MINUS SIGN}"
# Below it a test is said to tell two networks apart.
LEVEL = 0.05
PAIRED = (
    "Interval of a difference: paired bootstrap over seeds and test recordings, 95 %. McNemar: exact, two-sided, each "
    "seed by itself; not corrected for the number of comparisons."
)


def common(results: Results, one_t: bool = False) -> list[str]:
    """Say what every accuracy stands on: recordings, seeds, interval, selection; and T, where it is T2 in all rows."""
    lines = recordings(results, one_t)
    lines.append(
        "95 % interval: Wilson interval of one evaluation of the test recordings at the mean accuracy; seeds share the "
        "test set, so their answers are not pooled."
    )
    return [*lines, seeds(results), "Selection: every network is that of its last epoch."]


def recordings(results: Results, one_t: bool = False) -> list[str]:
    """Say how many recordings there are, what an answer is, and how many bad ones were left out."""
    lines = []
    for dataset in results.grid.datasets:
        cell = results.cell(dataset, results.grid.ann, CONVERTED)
        steps = f"T2 = {len(cell.runs[0].series('accuracy.csv', 't'))}" if one_t else "T"
        lines.append(
            f"{dataset}: {cell.n_test} test recordings, {cell.runs[0].number('n_train'):.0f} for training; answers "
            f"after {steps} time steps, by the mean of the logits."
        )
        skipped = int(cell.mean("n_skipped") or 0)
        if skipped:
            lines.append(
                f"{dataset}: {skipped} bad recordings were left out; data/frames/{dataset}.json says which and why."
            )
    return lines


def seeds(results: Results) -> str:
    """Say of what ± is."""
    count = len(results.grid.seeds)
    return f"Mean ± sample standard deviation (sd) over {count} seeds." if count > 1 else "One seed: no sd."


def selection(rows: Sequence[Row], results: Results, params: Params) -> list[str]:
    """Say what the columns of other epochs mean, where they have numbers."""
    lines = []
    if any(row.values.get("best_val") is not None for row in rows):
        lines.append("best_val: the epoch that is best on the validation part, on the test recordings.")
    if any(row.values.get("best_test") is not None for row in rows):
        periods = {params.dataset(dataset).monitor.test for dataset in results.grid.datasets} - {0}
        often = " or ".join(str(period) for period in sorted(periods))
        every = "each epoch" if often == "1" else f"every {often} epochs and the last"
        lines.append(
            "Paper-compatible (optimistic): the best of the accuracies on the test recordings themselves, measured "
            f"{every}, as where the test set selects the network; no estimate of what it does on others."
        )
    return lines


def epochs(results: Results, params: Params) -> list[str]:
    """Say how long each kind of student learns, and whether hybrid training learns longer."""
    lines = []
    for dataset in results.grid.datasets:
        settings = params.dataset(dataset)
        first = params.ann(results.grid.ann).epochs or settings.train_ann.schedule.epochs
        second, random = settings.finetune.converted.epochs, settings.finetune.random.epochs
        whole = first + second
        verdict = "as many" if whole == random else f"{whole} in all, so hybrid training also learns longer"
        if whole < random:
            verdict = f"{whole} in all, so hybrid training learns shorter"
        lines.append(
            f"{dataset}: a student from random weights learns for {random} epochs, a converted one for {second} after "
            f"the ANN's {first} ({verdict})."
        )
    return lines


def of_paper(table: str, results: Results, params: Params) -> list[str]:
    """List what a reader of the paper's figures must know."""
    return [
        f"{dataset}: {note}"
        for dataset in results.grid.datasets
        for note in paper.notes(table, params.dataset(dataset).paper)
    ]


def compared(comparison: Comparison, params: Params) -> str:
    """Say in words what one comparison allows to say."""
    before, after = (params.title(cell.name) for cell in (comparison.before, comparison.after))
    low, high = comparison.interval
    count = len(comparison.p)
    better = sum(difference > 0 for difference in comparison.differences)
    apart = sum(p < LEVEL for p in comparison.p)
    if count > 1:
        counted = f", higher in {better} of {count} seeds; McNemar's p is below {LEVEL} in {apart} of {count}"
    else:
        counted = f"; McNemar's p is {p_text(comparison.p[0])}"
    if low <= 0 <= high:
        verdict = "the interval holds 0, so these runs do not tell the two apart"
    else:
        verdict = f"the interval lies {'above' if low > 0 else 'below'} 0"
    return (
        f"{comparison.before.dataset}, {before} → {after}: {signed(100 * comparison.difference)} points "
        f"({signed(100 * low)} to {signed(100 * high)}){counted}; {verdict}."
    )


def paired(results: Results) -> list[str]:
    """Say how comparisons are made, and what few seeds leave open."""
    count = len(results.grid.seeds)
    if count == 1:
        return [PAIRED, "One seed: the interval is of these two networks, not of other seeds' networks."]
    return [
        PAIRED,
        f"Resampling {count} seeds shows little of what other seeds would do: the interval is rather too short.",
    ]


def signed(points: float) -> str:
    """Write a difference with its sign, two decimals."""
    if round(points, 2) == 0:
        return "±0.00"
    return f"{'+' if points > 0 else MINUS}{abs(points):.2f}"


def p_text(p: float) -> str:
    """Write a p value for people."""
    return "<0.001" if p < 0.001 else f"{p:.3f}"
