"""The paper's own results and those it cites, which stand in paper.json and cited.csv, found by what a recipe is."""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from pipeline.report.results import Results

HERE = Path(__file__).parent
# What sets a method apart from others, with what goes without saying; weights, temperatures and the like do not.
FACETS: Mapping[str, Any] = {
    "init": None, "loss": None, "neuron": "if", "gradient": "bptt", "frames": "phase2", "attention": False,
    "features": False,
}  # fmt: skip


def kind(of: Mapping[str, Any], **other: Any) -> tuple[Any, ...]:
    """Return what a run (a row of a frame) or an entry of paper.json is, with `other` facets in place of its own."""
    return tuple(other.get(name, of.get(name, usual)) for name, usual in FACETS.items())


def cited() -> pd.DataFrame:
    """Return the results of the paper's Table 1 as they are printed, a row each, in its order, as text.

    `system`: the method of our recipes that it is; `reference`: number in the paper's list, none for HSD; `dataset`: a
    column of the paper's tables; `accuracy` (%) has the digits that can be read; `reproduced`, 1 or 0: marked by the
    paper (a dagger) as its authors' own run.
    """
    return pd.read_csv(HERE / "cited.csv", dtype=str, keep_default_na=False, encoding="utf-8")


def elsewhere() -> dict[str, str]:
    """Return by system what the paper's Table 1 has of it on CIFAR10-DVS: accuracy (%), †, and T in brackets."""
    rows = cited()[cited()["dataset"] == "cifar10dvs"]
    mark = rows["reproduced"].map({"1": "†", "0": ""})
    said = rows["accuracy"] + mark.where(rows["reference"] != "", "") + " (" + rows["steps"] + ")"
    return dict(said.groupby(rows["system"]).agg(", ".join))


def value(table: str, run: Mapping[str, Any], column: str | None, levels: int | None = None) -> float | None:
    """Return the paper's accuracy (%) for a recipe; None where the table has no such row or `column` is None.

    `table`: table1 to table5; `column`: datasets.<name>.paper; `levels`: L, for
    table3. `run` is a row of `Results.cells`, compared by what it is (see FACETS), not by name or weight, and by its
    steps: another number than the paper's is another experiment.
    """
    if column is None:
        return None
    content = _content()
    for entry in content[table]:
        asked = (kind(entry), entry.get("levels"), entry.get("steps", content["steps"][column]))
        if asked == (kind(run), levels, run["steps"]):
            return entry.get(column)
    return None


def with_values(table: str, rows: pd.DataFrame, results: Results) -> pd.DataFrame:
    """Return rows of `Results.cells` with a column `paper`, if a data set of the grid is one of the paper's."""
    if not any(results.facts(name).paper for name in results.datasets):
        return rows
    found = [value(table, row, results.facts(row["dataset"]).paper) for row in rows.to_dict("records")]
    return rows.assign(paper=pd.Series(found, rows.index, dtype=float).where(rows["kind"] == "snn"))


def notes(table: str, column: str | None) -> list[str]:
    """Return what a reader of the paper's column must know (`table`: table1 to table5, or the name of a figure)."""
    return [] if column is None else list(_content()["notes"].get(table, {}).get(column, []))


@cache
def _content() -> dict[str, Any]:
    content: dict[str, Any] = json.loads((HERE / "paper.json").read_text(encoding="utf-8"))
    return content
