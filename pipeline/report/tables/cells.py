"""What several tables say of a cell in the same columns."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config import Params
from pipeline.report.results import Cell, Results
from pipeline.report.tables.render import Column, Row, Value

MILLION = 1e6
OPTIMISTIC = "paper-compatible (optimistic) (%)"


def named() -> list[Column]:
    """Give the columns that say which run a row is of."""
    return [
        Column("dataset", "Data set", left=True),
        Column("run", "", only="csv"),
        Column("title", "Method", left=True),
    ]


def name_of(cell: Cell, params: Params) -> dict[str, Value]:
    """Give the values of `named` for a recipe."""
    return {"dataset": cell.dataset, "run": cell.name, "title": params.title(cell.name)}


def accuracies(key: str = "accuracy", heading: str = "Accuracy (%)") -> list[Column]:
    """Give the columns of an accuracy: mean ± sd and Wilson interval; those of `accuracy` carry no prefix in CSV."""
    prefix = "" if key == "accuracy" else f"{key}_"
    return [
        Column(f"{prefix}accuracy", heading, spread=f"{prefix}sd"),
        Column(f"{prefix}wilson", "95 % interval", interval=True),
    ]


def accuracy_of(cell: Cell, key: str = "accuracy") -> dict[str, Value]:
    """Give the values of `accuracies`, in percent, and the number of seeds."""
    prefix = "" if key == "accuracy" else f"{key}_"
    low, high = cell.interval
    spread = cell.deviation
    return {
        "seeds": len(cell.runs),
        f"{prefix}accuracy": 100 * cell.accuracy,
        f"{prefix}sd": None if spread is None else 100 * spread,
        f"{prefix}wilson": (100 * low, 100 * high),
    }


def selected(rows: Sequence[Row]) -> list[Column]:
    """Give the columns of other epochs than the last; in text those that some row has."""
    headings = {"best_val": "best_val (%)", "best_test": OPTIMISTIC}
    has = {key: any(row.values.get(key) is not None for row in rows) for key in headings}
    return [Column(key, heading, only=None if has[key] else "csv") for key, heading in headings.items()]


def selected_of(cell: Cell) -> dict[str, Value]:
    """Give the values of `selected`, in percent, mean over seeds; None where a seed was not measured."""
    found = {key: cell.mean(f"{key}_accuracy") for key in ("best_val", "best_test")}
    return {key: None if value is None else 100 * value for key, value in found.items()}


def costs() -> list[Column]:
    """Give the columns of what an answer costs, for CSV; the table of energy shows them."""
    return [
        Column("firing_rate", "Firing rate", only="csv"),
        Column("macs_millions", "MACs (M)", only="csv"),
        Column("synops_millions", "SynOps (M)", only="csv"),
        Column("energy_uj", "Energy (µJ)", only="csv"),
    ]


def costs_of(cell: Cell, fires: bool = True) -> dict[str, Value]:
    """Give the values of `costs` per recording, mean over seeds; an ANN does not fire."""
    macs, synops = cell.mean("macs"), cell.mean("synops")
    return {
        "firing_rate": cell.mean("firing_rate") if fires else None,
        "macs_millions": None if macs is None else macs / MILLION,
        "synops_millions": None if synops is None else synops / MILLION,
        "energy_uj": cell.mean("energy_uj"),
    }


def columns_of_paper(results: Results, params: Params, heading: str = "Paper (%)") -> list[Column]:
    """Give the column of the paper's figures, where a data set of the grid is one of the paper's."""
    of_paper = any(params.dataset(dataset).paper for dataset in results.grid.datasets)
    return [Column("paper", heading)] if of_paper else []
