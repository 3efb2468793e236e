from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError
from pipeline.report import render
from pipeline.report.metrics import headline
from pipeline.report.render import Column, Row, Table
from pipeline.report.results import Results, load
from pipeline.report.tables import table2, table3


def both(made: tuple[Any, Path]) -> tuple[Results, Any]:
    params, root = made
    return load(root / "data/results", params.grid), params


def rows_of(table: Table, directory: Path) -> list[dict[str, str]]:
    render.write(table, directory, "table")
    return list(csv.DictReader(io.StringIO((directory / "table.csv").read_text(encoding="utf-8"))))


def recorded(root: Path, ann: str, run: str, key: str = "accuracy") -> list[float]:
    paths = sorted((root / "data/results/embedded" / ann).glob(f"{run}-[0-9]/metrics.json"))
    return [json.loads(path.read_text())[key] for path in paths]


def test_table2_has_the_grids_recipes_in_order_then_the_references(make: Any, tmp_path: Path) -> None:
    rows = rows_of(table2(*both(make())), tmp_path)
    assert [row["run"] for row in rows] == [
        "lif", "if", "skd", "ht", "ht-kd", "hsd", "ann", "converted",
    ]  # fmt: skip
    assert [row["kind"] for row in rows] == ["recipe"] * 6 + ["reference"] * 2
    switches = {row["run"]: row["ht"] + row["kd"] + row["skd"] + row["neuron"] for row in rows[:6]}
    assert switches == {
        "lif": "000LIF", "if": "000IF", "skd": "001IF", "ht": "100IF", "ht-kd": "110IF",
        "hsd": "101IF",
    }  # fmt: skip
    assert [row["levels"] for row in rows] == ["", "", *["8"] * 6]  # the baselines have no ANN
    assert rows[6]["firing_rate"] == "" and float(rows[7]["firing_rate"]) > 0


def test_table2_numbers_are_means_over_seeds(make: Any, tmp_path: Path) -> None:
    made = make()
    row = next(row for row in rows_of(table2(*both(made)), tmp_path) if row["run"] == "ht")
    first, second = recorded(made[1], "l8", "ht")
    assert first != second
    assert float(row["accuracy"]) == pytest.approx(50 * (first + second), abs=1e-4)
    assert float(row["sd"]) == pytest.approx(100 * abs(first - second) / 2**0.5, abs=1e-4)
    assert float(row["wilson_low"]) < float(row["accuracy"]) < float(row["wilson_high"])
    synops = recorded(made[1], "l8", "ht", "synops")
    assert float(row["synops_millions"]) == pytest.approx(sum(synops) / 2e6, abs=1e-4)
    assert row["seeds"] == "2" and row["levels"] == "8"


def test_one_seed_has_no_deviation(make: Any, tmp_path: Path) -> None:
    table = table2(*both(make(seeds=[0])))
    assert {row["sd"] for row in rows_of(table, tmp_path)} == {""}
    assert "One seed: no sd." in table.notes


def test_table3_is_sorted_by_levels_and_takes_the_ablations_run(make: Any, tmp_path: Path) -> None:
    made = make(anns=["l16", "l8", "l4"])
    rows = rows_of(table3(*both(made)), tmp_path)
    assert [row["levels"] for row in rows] == ["4", "8", "16"]
    for row, ann in zip(rows, ("l4", "l8", "l16"), strict=True):
        for column, run in (("ann_accuracy", "ann"), ("converted_accuracy", "converted"), ("hsd_accuracy", "hsd")):
            assert float(row[column]) == pytest.approx(50 * sum(recorded(made[1], ann, run)), abs=1e-4)


def test_table3_leaves_blank_what_was_not_run(make: Any, tmp_path: Path) -> None:
    rows = rows_of(table3(*both(make(baselines=[], recipes=["ht"]))), tmp_path)
    assert [row["hsd_accuracy"] != "" for row in rows] == [True, False, True]


def test_papers_figures_stand_beside_ours_only_where_the_data_set_is_the_papers(make: Any, tmp_path: Path) -> None:
    results, params = both(make())
    assert "paper" not in rows_of(table2(results, params), tmp_path)[0]
    assert "paper" not in rows_of(table3(results, params), tmp_path)[0]
    assert not any("paper" in note for note in table2(results, params).notes)


def test_papers_figures(make: Any, tmp_path: Path) -> None:
    results, params = both(make(paper="cifar10dvs"))
    ablation = {row["run"]: row["paper"] for row in rows_of(table2(results, params), tmp_path)}
    assert ablation == {
        "lif": "73.6", "if": "", "skd": "75.7", "ht": "79.21", "ht-kd": "79.5", "hsd": "81.1",
        "ann": "", "converted": "",
    }  # fmt: skip
    assert [row["paper"] for row in rows_of(table3(results, params), tmp_path)] == ["77.23", "80.12", "81.1"]
    assert any("74.80 in Table 5" in note for note in table2(results, params).notes)


def test_unknown_column_of_the_paper_is_refused(make: Any) -> None:
    with pytest.raises(ConfigError, match="'cifar10dvs'"):
        make(paper="cifar10-dvs")


def test_headline_is_short_and_in_percent(make: Any) -> None:
    made = make()
    numbers = headline(*both(made))
    assert set(numbers) == {"ann", "converted", "if", "ht", "hsd"}
    assert numbers["hsd"] == round(50 * sum(recorded(made[1], "l8", "hsd")), 2)


def test_headline_of_several_data_sets_keeps_within_eight(make: Any) -> None:
    numbers = headline(*both(make(datasets=["embedded", "other", "third"], seeds=[0])))
    assert set(numbers) == {f"{name}.{run}" for name in ("embedded", "other", "third") for run in ("hsd", "ht")}


def test_text_forms() -> None:
    columns = [Column("name", "A_b", left=True), Column("on", "On"), Column("x", "%"), Column("w", "W", interval=True)]
    rows = [
        Row({"name": "50 % & _more_", "on": True, "x": 1.005, "w": (1.0, 2.5)}),
        Row({"name": "ref", "on": False, "x": None, "w": None}, reference=True),
    ]
    table = Table("tab:x", "Cap", columns, [rows[:1], rows[1:]], ["a | b → c"])
    dash = "\N{EN DASH}"
    assert render.markdown(table) == (
        f"**Cap**\n\n| A\\_b | On | % | W |\n|:--|--:|--:|--:|\n| 50 % & \\_more\\_ | ✓ | 1.00 | 1.00 {dash} 2.50 |\n"
        f"| *ref* | {dash} | {dash} | {dash} |\n\n- a \\| b → c\n"
    )
    text = render.tex(table)
    assert r"50 \% \& \_more\_ & $\checkmark$ & 1.00 & 1.00 -- 2.50 \\" in text
    assert "\\midrule\n\\emph{ref} & -- & -- & -- \\\\\n\\bottomrule" in text
    assert r"\item a | b $\rightarrow$ c" in text
    assert render.csv_rows(table) == [["50 % & _more_", 1, 1.005, 1.0, 2.5], ["ref", 0, "", "", ""]]
