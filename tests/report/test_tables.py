from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.errors import ConfigError, FileError
from pipeline.report.metrics import headline
from pipeline.report.results import Results, folder, load
from pipeline.report.tables import render
from pipeline.report.tables.ablation import table2
from pipeline.report.tables.build import build
from pipeline.report.tables.comparison import table1
from pipeline.report.tables.methods import table4, table5
from pipeline.report.tables.quantization import table3
from pipeline.report.tables.render import Column, Row, Table
from pipeline.runtime.files import write_json
from tests.report.conftest import Make

PAPERS = ["table1_comparison", "table2_ablation", "table2_paired", "table3_quantization", "table4_ht",
          "table5_distillation"]  # fmt: skip
BEYOND = ["early_exit", "early_exit_by_threshold", "latency", "latency_by_step", "energy"]


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


def test_the_grid_of_the_tests_has_no_runs_for_tables_1_4_and_5(make: Make) -> None:
    assert list(build(*both(make()))) == ["table2_ablation", "table2_paired", "table3_quantization", *BEYOND]


def test_a_table_that_compares_nothing_is_left_out(make: Make) -> None:
    made = build(*both(make(baselines=["lif"], recipes=["hsd"], anns=["l8"], sweep=[])))
    assert list(made) == ["table2_ablation", *BEYOND]


def test_methods_grid_has_every_table_of_the_paper(make: Make) -> None:
    results, params = both(make(named="methods", n_test=60))
    made = build(results, params)
    assert list(made) == [*PAPERS, *BEYOND]
    runs = {name: [row.values["run"] for row in made[name].rows] for name in made if name in PAPERS[:2] + PAPERS[4:]}
    assert runs == {
        "table1_comparison": ["tet-5", "tcja-5", "sltt-5", "hsd"],
        "table2_ablation": ["lif", "if", "skd", "ht", "ht-kd", "hsd", "ann", "converted"],
        "table4_ht": ["lif", "sltt", "ht-sltt", "tet", "ht-tet", "hsd"],
        "table5_distillation": ["if", "kd", "feature", "kd-feature"],
    }
    assert [row.values["levels"] for row in made["table3_quantization"].rows] == [4, 8, 16, 32]
    note = "embedded is no data set of the paper"
    assert any(line.startswith(note) for line in made["table1_comparison"].notes)
    text = "".join(render.markdown(table) for table in made.values())
    assert "Paper (%)" not in text and "cited (" not in text


def test_a_new_recipe_is_seen_in_table2(make: Make, document: dict[str, Any]) -> None:
    document["recipes"]["mine"] = {"init": "converted", "loss": "skd", "weight": 3.0, "steps": 2}
    table = table2(*both(make(recipes=["hsd", "mine"])))
    assert [row.values["title"] for row in table.groups[0]][-1] == "mine"
    # With another T than its neighbours, T is shown.
    assert [row.values["steps"] for row in table.groups[0]] == [5, 5, 5, 2]
    assert "| T |" in render.markdown(table) and "| T |" not in render.markdown(table2(*both(make_again(make))))


def make_again(make: Make) -> Any:
    """Another grid's results beside those of the first."""
    return make(datasets=["other"], simulated=[], resplit=[])


def test_tables_on_the_papers_grid_have_the_papers_figures_beside_ours(make: Make) -> None:
    results, params = both(make(named="paper", n_test=40, seeds=[0]))
    made = build(results, params)
    assert list(made) == [*PAPERS, *BEYOND]

    def papers(name: str, dataset: str, key: str = "run") -> dict[Any, Any]:
        rows = [row.values for row in made[name].rows if row.values["dataset"] == dataset and not row.reference]
        return {values[key]: values.get("paper") for values in rows}

    # HSD at 5 steps and at all steps are one network where T2 is 5.
    assert papers("table1_comparison", "cifar10dvs") == {
        "tet-5": 78.80, "tcja-5": 79.73, "sltt-5": 76.12, "hsd-5": 81.10, "tet-10": None, "tcja-10": None,
        "sltt-10": None,
    }  # fmt: skip
    assert papers("table1_comparison", "dvsgesture") == {
        "tet-5": 94.44, "tcja-5": 92.25, "sltt-5": 94.12, "hsd-5": 97.57, "tet-10": 96.88, "tcja-10": None,
        "sltt-10": None, "hsd": 97.92,
    }  # fmt: skip
    assert papers("table2_ablation", "dvsgesture") == {
        "lif": 94.10, "if": None, "skd": 94.44, "ht": 95.83, "ht-kd": 97.22, "hsd": 97.92,
    }  # fmt: skip
    assert papers("table3_quantization", "ncaltech101", "levels") == {4: 76.24, 8: 77.78, 16: 78.77, 32: 80.20}
    assert papers("table4_ht", "ncaltech101") == {
        "lif": 73.58, "sltt": 76.03, "ht-sltt": 79.14, "tet": 77.23, "ht-tet": 79.65, "hsd": 80.20,
    }  # fmt: skip
    assert papers("table5_distillation", "cifar10dvs") == {
        "if": 74.80,
        "kd": 76.40,
        "feature": 76.80,
        "kd-feature": 78.40,
    }
    assert set(papers("table5_distillation", "dvsgesture").values()) == {None}


def test_cited_rows_stand_apart_and_are_marked(make: Make, tmp_path: Path) -> None:
    results, params = both(make(named="paper", n_test=40, seeds=[0], datasets=["dvsgesture"], resplit=["dvsgesture"]))
    table = table1(results, params)
    ours, cited = table.groups
    assert not any(row.reference for row in ours) and all(row.reference for row in cited) and len(cited) == 17
    assert {row.values["kind"] for row in ours} == {"run here"}
    assert {row.values["dataset"] for row in table.rows} == {"dvsgesture"}
    text = render.markdown(table)
    assert "| *dvsgesture* | *TET [8]* | *cited (†)* | *ICLR '22* | *SNN-5* |" in text
    assert r"\emph{cited ($\dagger$)}" in render.tex(table)
    rows = rows_of(table, tmp_path)
    assert rows[-1]["source"] == "Table 2 and Section 5.2" and rows[-1]["accuracy"] == "97.92"
    # A digit that cannot be read is not made up.
    assert "97.5" in {row["accuracy"] for row in rows} and any("lack their last digit" in note for note in table.notes)


def test_other_epochs_are_shown_where_they_were_measured_and_never_the_headline(make: Make, tmp_path: Path) -> None:
    params, root = make()
    assert "optimistic" not in render.markdown(table2(*both((params, root))))
    for seed, best in ((0, 0.97), (1, 0.99)):
        file = root / "data/results" / folder(params.grid, "embedded", "l8", "ht", seed) / "metrics.json"
        found = {**json.loads(file.read_text()), "best_test_accuracy": best, "best_test_epoch": 3}
        write_json(file, found)
    table = table2(*both((params, root)))
    text = render.markdown(table)
    assert "| paper-compatible (optimistic) (%) |" in text and "best_val" not in text.replace("\\", "")
    row = next(row for row in rows_of(table, tmp_path) if row["run"] == "ht")
    assert float(row["best_test"]) == pytest.approx(98.0) and row["best_val"] == ""
    assert float(row["accuracy"]) == pytest.approx(50 * sum(recorded(root, "l8", "ht")))
    assert any(note.startswith("Paper-compatible (optimistic)") and "every 5 epochs" in note for note in table.notes)


def test_a_missing_key_is_named(make: Make) -> None:
    params, root = make()
    file = root / "data/results/embedded/l8/hsd-1/metrics.json"
    metrics = json.loads(file.read_text())
    del metrics["best_test_accuracy"]
    write_json(file, metrics)
    with pytest.raises(FileError, match="has no 'best_test_accuracy'.*dvc repro") as error:
        build(*both((params, root)))
    assert error.value.path == file


def test_table4_and_5_say_what_a_recipe_is(make: Make) -> None:
    results, params = both(make(named="methods", n_test=60, seeds=[0]))
    with_ht = {row.values["run"]: (row.values["ht"], row.values["neuron"]) for row in table4(results, params).rows}
    assert with_ht["tet"] == (False, "LIF") and with_ht["ht-tet"] == with_ht["hsd"] == (True, "IF")
    modes = {row.values["run"]: (row.values["response"], row.values["feature"]) for row in table5(results, params).rows}
    assert modes == {"if": (False, False), "kd": (True, False), "feature": (False, True), "kd-feature": (True, True)}
    notes = table4(results, params).notes
    assert any("TET → HT + TET:" in note for note in notes) and any("change the neuron" in note for note in notes)


def test_latex_is_ascii_and_fits_the_page(make: Make) -> None:
    results, params = both(make(named="methods", n_test=60))
    for name, table in build(results, params).items():
        text = render.tex(table)
        assert text.isascii(), name
        rows = [line for line in text.splitlines() if line.endswith(r"\\")]
        assert len({line.count(" & ") for line in rows}) == 1, name
        assert text.count(r"\resizebox{") == 1 and text.count("{") == text.count("}"), name


def test_a_table_of_csv_columns_is_written_as_csv_alone(make: Make, tmp_path: Path) -> None:
    results, params = both(make(seeds=[0]))
    for name, table in build(results, params).items():
        render.write(table, tmp_path, name)
    found = {path.name for path in tmp_path.glob("latency*")}
    assert found == {"latency.csv", "latency.md", "latency.tex", "latency_by_step.csv"}


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
    assert text.isascii()
    assert render.csv_rows(table) == [["50 % & _more_", 1, 1.005, 1.0, 2.5], ["ref", 0, "", "", ""]]


def test_a_spread_stands_behind_its_mean() -> None:
    columns = [Column("a", "A", spread="sd")]
    table = Table("tab:x", "Cap", columns, [[Row({"a": 1.0, "sd": 0.125}), Row({"a": 2.0, "sd": None}), Row({})]])
    dash = "\N{EN DASH}"
    assert render.markdown(table).splitlines()[4:7] == ["| 1.00 ± 0.12 |", "| 2.00 |", f"| {dash} |"]
    assert r"1.00 $\pm$ 0.12 \\" in render.tex(table)
    assert render.csv_rows(table) == [[1.0, 0.125], [2.0, ""], ["", ""]]


def test_csv_has_all_digits() -> None:
    table = Table("tab:x", "Cap", [Column("a", "A")], [[Row({"a": 1 / 3}), Row({"a": 1e-12 / 3}), Row({"a": "67.80"})]])
    assert render.csv_rows(table) == [[0.3333333333], [3.333333333e-13], ["67.80"]]
