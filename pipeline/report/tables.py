"""The paper's Tables 2 and 3 from the runs of a grid."""

from __future__ import annotations

from pipeline.config import Params, Recipe
from pipeline.report import notes, paper
from pipeline.report.render import Column, Row, Table, Value
from pipeline.report.results import ANN, CONVERTED, Cell, Results

MILLION = 1e6


def table2(results: Results, params: Params) -> Table:
    """Build the ablation: a row for each data set and recipe, then the ANN and the converted network as references.

    Accuracies in percent, firing rate 0 to 1, operations in millions and energy in microjoule a recording.

    Raises:
        FileError: a run lacks a number.
        ConfigError: datasets.<name>.paper is no column of the paper's tables.

    Source: Table 2.
    """
    grid, groups = results.grid, []
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
        *_accuracy_columns("accuracy", "Accuracy (%)"),
        Column("firing_rate", "Firing rate", decimals=3),
        Column("macs_millions", "MACs (M)"),
        Column("synops_millions", "SynOps (M)"),
        Column("energy_uj", "Energy (µJ)"),
    ]
    for dataset in grid.datasets:
        column = params.dataset(dataset).paper
        rows = []
        for name in results.recipes:
            cell = results.cell(dataset, grid.ann, name)
            recipe = params.recipe(name)
            figure = paper.ablation(recipe, column)
            levels = params.levels(dataset, grid.ann) if recipe.needs_ann else None
            values = {**_row(cell), **_switches(recipe), "kind": "recipe", "levels": levels, "paper": figure}
            rows.append(Row(values))
        groups.append(rows)
        groups.append([_reference(results.cell(dataset, grid.ann, name), params) for name in (ANN, CONVERTED)])
    if any(params.dataset(dataset).paper for dataset in grid.datasets):
        columns.append(Column("paper", "Paper (%)"))
    caption = "Ablation: accuracy on the test recordings with and without hybrid training (HT), KD and SKD."
    return Table("tab:ablation", caption, columns, groups, notes.of_table2(results, params))


def table3(results: Results, params: Params) -> Table:
    """Build the sweep over quantisation steps L: ANN, converted and fine-tuned, a row for each data set and L.

    Accuracies in percent. Raises as `table2`. Source: Table 3.
    """
    grid, groups = results.grid, []
    columns = [
        Column("dataset", "Data set", left=True),
        Column("levels", "L"),
        Column("seeds", "Seeds"),
        Column("ann_accuracy", "ANN (%)"),
        Column("converted_accuracy", "Converted (%)"),
        Column("converted_firing_rate", "Firing rate, converted", decimals=3),
    ]
    for name in grid.sweep_recipes:
        columns += _accuracy_columns(name, f"{params.recipe(name).title} (%)")[1:]
    for dataset in grid.datasets:
        rows = []
        for levels, ann in sorted((params.levels(dataset, ann), ann) for ann in grid.anns):
            converted = results.cell(dataset, ann, CONVERTED)
            values: dict[str, Value] = {
                "dataset": dataset,
                "levels": levels,
                "seeds": len(grid.seeds),
                "ann_accuracy": 100 * results.cell(dataset, ann, ANN).accuracy,
                "converted_accuracy": 100 * converted.accuracy,
                "converted_firing_rate": converted.mean("firing_rate"),
            }
            for name in grid.sweep_recipes:
                # At grid.ann only the recipes of the ablation were run.
                if (dataset, ann, name) in results.cells:
                    values |= _accuracy(results.cell(dataset, ann, name), name)
                figure = paper.quantization(params.recipe(name), levels, params.dataset(dataset).paper)
                if figure is not None:
                    values["paper"] = figure
            rows.append(Row(values))
        groups.append(rows)
    if grid.sweep_recipes and any(params.dataset(dataset).paper for dataset in grid.datasets):
        columns.append(Column("paper", "Paper, HSD (%)"))
    caption = "Accuracy on the test recordings for different quantisation steps L of the ANN."
    return Table("tab:quantization", caption, columns, groups, notes.of_table3(results, params))


def _accuracy_columns(key: str, heading: str) -> list[Column]:
    # The seeds' column comes first and is the same for all; the others of `accuracy` itself carry no prefix in CSV.
    prefix = "" if key == "accuracy" else f"{key}_"
    return [
        Column("seeds", "Seeds"),
        Column(f"{prefix}accuracy", heading),
        Column(f"{prefix}sd", "sd"),
        Column(f"{prefix}wilson", "95 % interval", interval=True),
    ]


def _accuracy(cell: Cell, key: str = "accuracy") -> dict[str, Value]:
    prefix = "" if key == "accuracy" else f"{key}_"
    low, high = cell.interval
    spread = cell.deviation
    return {
        "seeds": len(cell.runs),
        f"{prefix}accuracy": 100 * cell.accuracy,
        f"{prefix}sd": None if spread is None else 100 * spread,
        f"{prefix}wilson": (100 * low, 100 * high),
    }


def _row(cell: Cell) -> dict[str, Value]:
    macs, synops = cell.mean("macs"), cell.mean("synops")
    return {
        "dataset": cell.dataset,
        "run": cell.name,
        **_accuracy(cell),
        # The ANN does not fire.
        "firing_rate": None if cell.name == ANN else cell.mean("firing_rate"),
        "macs_millions": None if macs is None else macs / MILLION,
        "synops_millions": None if synops is None else synops / MILLION,
        "energy_uj": cell.mean("energy_uj"),
    }


def _switches(recipe: Recipe) -> dict[str, Value]:
    return {
        "title": recipe.title,
        "ht": recipe.init == "converted",
        "kd": recipe.loss == "kd",
        "skd": recipe.loss == "skd",
        "neuron": recipe.neuron.upper(),
    }


def _reference(cell: Cell, params: Params) -> Row:
    title = "reference: ANN (teacher)" if cell.name == ANN else "reference: converted, not fine-tuned"
    values = {**_row(cell), "kind": "reference", "title": title, "levels": params.levels(cell.dataset, cell.ann)}
    values["neuron"] = "QCFS" if cell.name == ANN else "IF"
    return Row(values, reference=True)
