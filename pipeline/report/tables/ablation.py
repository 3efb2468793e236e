"""The ablation, and the paired test of its neighbours."""

from __future__ import annotations

from pipeline.config import Params, Recipe
from pipeline.report import paired, paper, rows
from pipeline.report.results import ANN, CONVERTED, Cell, Results
from pipeline.report.statistics import mean
from pipeline.report.tables import cells, notes
from pipeline.report.tables.render import Column, Row, Table, Value


def table2(results: Results, params: Params) -> Table:
    """Build the ablation: a row for each data set and recipe, then the ANN and the converted network as references.

    Accuracies in percent; in CSV also firing rate 0 to 1, operations in millions and energy in microjoule a recording.

    Raises:
        FileError: a run lacks a number.
        ConfigError: datasets.<name>.paper is no column of the paper's tables.

    Source: Table 2.
    """
    grid, groups = results.grid, []
    for dataset in grid.datasets:
        groups.append([_row(results, params, dataset, name) for name in rows.ablation(results, params)])
        groups.append([_reference(results.cell(dataset, grid.ann, name), params) for name in (ANN, CONVERTED)])
    found = [row for group in groups for row in group]
    own_steps = any(row.values.get("own_steps") for row in found)
    columns = [
        Column("dataset", "Data set", left=True),
        Column("kind", "", only="csv"),
        Column("run", "", only="csv"),
        Column("title", "Method", left=True),
        Column("ht", "HT"),
        Column("kd", "KD"),
        Column("skd", "SKD"),
        Column("neuron", "Neuron", left=True),
        Column("levels", "L"),
        Column("steps", "T", only=None if own_steps else "csv"),
        Column("seeds", "Seeds"),
        *cells.accuracies(),
        *cells.selected(found),
        *cells.columns_of_paper(results, params),
        *cells.costs(),
    ]
    caption = (
        "Ablation (the paper's Table 2): accuracy on the test recordings with and without hybrid training (HT), "
        "knowledge distillation (KD) and step-wise KD (SKD)."
    )
    return Table("tab:ablation", caption, columns, groups, _notes(found, not own_steps, results, params))


def paired_table(results: Results, params: Params) -> Table:
    """Build the paired comparison of neighbouring rows of the ablation, a row a pair; differences in points.

    Raises as `table2`.
    """
    columns = [
        Column("dataset", "Data set", left=True),
        Column("before", "", only="csv"),
        Column("after", "", only="csv"),
        Column("title", "Change", left=True),
        Column("seeds", "Seeds"),
        Column("difference", "Difference (points)", only="csv"),
        Column("signed", "Difference (points)", only="text"),
        Column("bootstrap", "", interval=True, only="csv"),
        Column("bootstrap_text", "95 % interval, paired", only="text"),
        Column("higher", "Seeds that gain"),
        Column("gained", "Gained", decimals=1),
        Column("lost", "Lost", decimals=1),
        Column("p_text", "McNemar's p, by seed", only="text", left=True),
        Column("p_median", "", only="csv"),
        Column("p_by_seed", "", only="csv"),
    ]
    groups = []
    for dataset in results.grid.datasets:
        found = paired.ablation(results, params, dataset)
        if found:
            groups.append([_pair(comparison, params) for comparison in found])
    lines = [
        *notes.paired(results),
        "Gained, lost: test recordings that only the second, only the first answers right, mean over seeds.",
        "A pair changes one thing: the start (HT), then the loss (KD), then its form (SKD).",
    ]
    caption = "Neighbouring rows of the ablation on the same test recordings."
    return Table("tab:paired", caption, columns, groups, lines)


def _pair(comparison: paired.Comparison, params: Params) -> Row:
    low, high = (100 * end for end in comparison.interval)
    p, count = sorted(comparison.p), len(comparison.p)
    middle = (p[(count - 1) // 2] + p[count // 2]) / 2
    before, after = comparison.before.name, comparison.after.name
    values: dict[str, Value] = {
        "dataset": comparison.before.dataset,
        "before": before,
        "after": after,
        "title": f"{params.title(before)} → {params.title(after)}",
        "seeds": count,
        "difference": 100 * comparison.difference,
        "signed": notes.signed(100 * comparison.difference),
        "bootstrap": (low, high),
        "bootstrap_text": f"{notes.signed(low)} to {notes.signed(high)}",
        "higher": sum(difference > 0 for difference in comparison.differences),
        "gained": mean(comparison.gained),
        "lost": mean(comparison.lost),
        "p_text": ", ".join(notes.p_text(value) for value in comparison.p),
        "p_median": middle,
        "p_by_seed": " ".join(f"{value:.6g}" for value in comparison.p),
    }
    return Row(values)


def _row(results: Results, params: Params, dataset: str, name: str) -> Row:
    grid, recipe = results.grid, params.recipe(name)
    cell, settings = results.cell(dataset, grid.ann, name), params.dataset(dataset)
    steps = params.steps_of(dataset, name)
    values: dict[str, Value] = {
        **cells.name_of(cell, params),
        **_switches(recipe),
        **cells.accuracy_of(cell),
        **cells.selected_of(cell),
        **cells.costs_of(cell),
        "kind": "recipe",
        "levels": params.levels(dataset, grid.ann) if recipe.needs_ann else None,
        "steps": steps,
        "own_steps": steps != settings.phases.t2,
        "paper": paper.figure("table2", recipe, steps, settings.paper),
    }
    return Row(values)


def _switches(recipe: Recipe) -> dict[str, Value]:
    return {
        "ht": recipe.init == "converted",
        "kd": recipe.loss == "kd",
        "skd": recipe.loss == "skd",
        "neuron": recipe.neuron.upper(),
    }


def _reference(cell: Cell, params: Params) -> Row:
    is_ann = cell.name == ANN
    values: dict[str, Value] = {
        "dataset": cell.dataset,
        "run": cell.name,
        "kind": "reference",
        "title": "reference: ANN (teacher)" if is_ann else "reference: converted, not fine-tuned",
        "levels": params.levels(cell.dataset, cell.ann),
        "steps": params.dataset(cell.dataset).phases.t2,
        "neuron": "QCFS" if is_ann else "IF",
        **cells.accuracy_of(cell),
        **cells.selected_of(cell),
        **cells.costs_of(cell, fires=not is_ann),
    }
    return Row(values, reference=True)


def _notes(found: list[Row], one_t: bool, results: Results, params: Params) -> list[str]:
    grid = results.grid
    lines = [*notes.common(results, one_t), *notes.epochs(results, params), *notes.selection(found, results, params)]
    for dataset in grid.datasets:
        first_phase = results.cell(dataset, grid.ann, ANN).mean("accuracy_phase1")
        own = "" if first_phase is None else f" (on the frames of phase 1: {100 * first_phase:.2f} %)"
        lines.append(
            f"References on {dataset}: the ANN answers from the frames the SNNs see, by the mean of its logits{own}; "
            "converted is the SNN made from it, before any fine-tuning."
        )
    pairs = [pair for dataset in grid.datasets for pair in paired.ablation(results, params, dataset)]
    if pairs:
        lines += [notes.compared(pair, params) for pair in pairs] + notes.paired(results)
    return lines + notes.of_paper("table2", results, params)
