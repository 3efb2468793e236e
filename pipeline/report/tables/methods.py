"""Hybrid training under other methods, and modes of distillation: the paper's Tables 4 and 5."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pipeline.config import Params, Recipe
from pipeline.report import paired, paper, rows
from pipeline.report.results import Results
from pipeline.report.tables import cells, notes
from pipeline.report.tables.render import Column, Row, Table, Value

Say = Callable[[Recipe], dict[str, Value]]


def table4(results: Results, params: Params) -> Table:
    """Build the comparison with and without HT, a row for each data set and recipe of report.table4.

    Accuracies in percent. Raises:
        FileError: a run lacks a number or its logits.
        ConfigError: datasets.<name>.paper is no column of the paper's tables.

    Source: Table 4.
    """
    names = rows.present(results, params.report.table4)
    switches = [Column("ht", "HT"), Column("neuron", "Neuron", left=True)]
    caption = "Hybrid training (HT) under other methods (the paper's Table 4): accuracy on the test recordings."
    groups = _groups("table4", results, params, names, _hybrid)
    pairs = [pair for dataset in results.grid.datasets for pair in paired.hybrid(results, params, dataset, names)]
    lines = [notes.compared(pair, params) for pair in pairs]
    if pairs:
        lines += notes.paired(results)
    if any(params.recipe(pair.before.name).neuron != params.recipe(pair.after.name).neuron for pair in pairs):
        lines.append(
            "These pairs change the neuron with HT, for a converted network has IF neurons: not all of a difference "
            "need be HT's."
        )
    return _table("table4", "tab:ht", caption, switches, groups, lines, results, params)


def table5(results: Results, params: Params) -> Table:
    """Build the comparison of modes of distillation without HT: report.table5. Raises as `table4`. Source: Table 5."""
    names = rows.present(results, params.report.table5)
    switches = [Column("response", "Response"), Column("feature", "Feature"), Column("neuron", "Neuron", left=True)]
    caption = (
        "Modes of distillation without hybrid training (the paper's Table 5): from the teacher's mean output "
        "(response), its layers' features, or both."
    )
    groups = _groups("table5", results, params, names, _modes)
    return _table("table5", "tab:distillation", caption, switches, groups, [], results, params)


def _table(
    table: str,
    label: str,
    caption: str,
    switches: list[Column],
    groups: list[list[Row]],
    lines: list[str],
    results: Results,
    params: Params,
) -> Table:
    found = [row for group in groups for row in group]
    columns = [
        *cells.named(),
        *switches,
        Column("steps", "T"),
        Column("seeds", "Seeds"),
        *cells.accuracies(),
        *cells.selected(found),
        *cells.columns_of_paper(results, params),
    ]
    common = [*notes.common(results), *notes.epochs(results, params), *notes.selection(found, results, params)]
    all_lines = [*common, *lines]
    return Table(label, caption, columns, groups, all_lines + notes.of_paper(table, results, params))


def _groups(table: str, results: Results, params: Params, names: Sequence[str], say: Say) -> list[list[Row]]:
    groups = []
    for dataset in results.grid.datasets:
        group = []
        for name in names:
            cell, recipe = results.cell(dataset, results.grid.ann, name), params.recipe(name)
            steps = params.steps_of(dataset, name)
            values = {
                **cells.name_of(cell, params),
                **say(recipe),
                **cells.accuracy_of(cell),
                **cells.selected_of(cell),
                "neuron": recipe.neuron.upper(),
                "steps": steps,
                "paper": paper.figure(table, recipe, steps, params.dataset(dataset).paper),
            }
            group.append(Row(values))
        groups.append(group)
    return groups


def _hybrid(recipe: Recipe) -> dict[str, Value]:
    return {"ht": recipe.init == "converted"}


def _modes(recipe: Recipe) -> dict[str, Value]:
    return {"response": recipe.loss == "kd", "feature": bool(recipe.taps)}
