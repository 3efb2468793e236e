"""The sweep over quantisation steps L."""

from __future__ import annotations

from pipeline.config import Params
from pipeline.report import paper
from pipeline.report.results import ANN, CONVERTED, Results
from pipeline.report.tables import cells, notes
from pipeline.report.tables.render import Column, Row, Table, Value


def table3(results: Results, params: Params) -> Table:
    """Build the sweep over L: ANN, converted and fine-tuned, a row for each data set and L; accuracies in percent.

    Raises:
        FileError: a run lacks a number.
        ConfigError: datasets.<name>.paper is no column of the paper's tables.

    Source: Table 3.
    """
    grid, groups = results.grid, []
    columns = [
        Column("dataset", "Data set", left=True),
        Column("levels", "L"),
        Column("seeds", "Seeds"),
        *_shortly("ann", "ANN (%)"),
        *_shortly("converted", "Converted (%)"),
        Column("converted_firing_rate", "Firing rate, converted", decimals=3),
    ]
    for name in grid.sweep_recipes:
        columns += cells.accuracies(name, f"{params.title(name)} (%)")
    for dataset in grid.datasets:
        by_levels = sorted((params.levels(dataset, ann), ann) for ann in grid.anns)
        groups.append([Row(_values(results, params, dataset, ann, levels)) for levels, ann in by_levels])
    if grid.sweep_recipes:
        columns += cells.columns_of_paper(results, params, "Paper, HSD (%)")
    caption = (
        "Quantisation steps L of the ANN (the paper's Table 3): accuracy on the test recordings of the ANN, of the "
        "network converted from it, and after fine-tuning."
    )
    lines = [*notes.common(results, one_t=True), "Firing rate: mean over layers, before fine-tuning."]
    return Table("tab:quantization", caption, columns, groups, lines + notes.of_paper("table3", results, params))


def _shortly(key: str, heading: str) -> list[Column]:
    """Give an accuracy's columns, with the interval in CSV alone."""
    return [
        Column(f"{key}_accuracy", heading, spread=f"{key}_sd"),
        Column(f"{key}_wilson", "", interval=True, only="csv"),
    ]


def _values(results: Results, params: Params, dataset: str, ann: str, levels: int) -> dict[str, Value]:
    converted = results.cell(dataset, ann, CONVERTED)
    values: dict[str, Value] = {
        "dataset": dataset,
        "levels": levels,
        "converted_firing_rate": converted.mean("firing_rate"),
        **cells.accuracy_of(results.cell(dataset, ann, ANN), ANN),
        **cells.accuracy_of(converted, CONVERTED),
    }
    for name in results.grid.sweep_recipes:
        # At grid.ann only the recipes of the ablation were run.
        if (dataset, ann, name) in results.cells:
            values |= cells.accuracy_of(results.cell(dataset, ann, name), name)
        steps, column = params.steps_of(dataset, name), params.dataset(dataset).paper
        figure = paper.figure("table3", params.recipe(name), steps, column, levels)
        if figure is not None:
            values["paper"] = figure
    return values
