"""The paper's tables: which runs stand in them, their numbers and what is said below them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import FileError
from pipeline.report import plots, render
from pipeline.report.results import Results
from pipeline.report.tables import (
    conversion,
    table2_ablation,
    table3_quantization,
    table4_ht,
    table5_distillation,
)
from pipeline.results.paths import RunName
from tests.finished import again
from tests.report.conftest import BEYOND, FOUND, PAPERS, Make, change, made, markdown, of, rows_of


def recorded(results: Results, ann: str, recipe: str, key: str = "accuracy") -> list[float]:
    seeds = results.settings.grid.seeds
    folders = [results.root / RunName("mnist-dvs-sim", ann, recipe, seed).results for seed in seeds]
    return [json.loads((folder / "metrics.json").read_text())[key] for folder in folders]


def test_table2_has_the_grids_recipes_in_order_then_the_references(make: Make) -> None:
    rows = rows_of(of(table2_ablation, make()))
    assert [row["recipe"] for row in rows] == ["lif", "if", "skd", "ht", "ht-kd", "hsd", "ann", "converted"]
    assert [row["kind"] for row in rows] == ["recipe"] * 6 + ["reference"] * 2
    switches = {row["recipe"]: row["ht"] + row["kd"] + row["skd"] + row["neuron"] for row in rows}
    assert switches == {
        "lif": "000LIF", "if": "000IF", "skd": "001IF", "ht": "100IF", "ht-kd": "110IF", "hsd": "101IF", "ann": "QCFS",
        "converted": "IF",
    }  # fmt: skip
    assert [row["levels"] for row in rows] == ["", "", *["8"] * 6]  # the baselines have no ANN
    assert rows[6]["firing_rate"] == "" and float(rows[7]["firing_rate"]) > 0


def test_table2_numbers_are_means_over_seeds(make: Make) -> None:
    results = make()
    row = next(row for row in rows_of(of(table2_ablation, results)) if row["recipe"] == "ht")
    first, second = recorded(results, "l8", "ht")
    assert first != second
    assert float(row["accuracy"]) == pytest.approx(50 * (first + second))
    assert float(row["sd"]) == pytest.approx(100 * abs(first - second) / 2**0.5)
    assert float(row["wilson_low"]) < float(row["accuracy"]) < float(row["wilson_high"])
    assert float(row["synops_millions"]) == pytest.approx(sum(recorded(results, "l8", "ht", "synops")) / 2e6)
    assert row["seeds"] == "2" and row["levels"] == "8"


def test_interval_is_of_one_evaluation_at_the_mean(make: Make) -> None:
    results = make(n_test=100)
    for folder, accuracy in zip(results.folders("mnist-dvs-sim", "hsd"), (0.80, 0.82), strict=True):
        change(folder, accuracy=accuracy)
    cell = again(results).cell("mnist-dvs-sim", "hsd")
    assert (cell["accuracy"], cell["sd"]) == pytest.approx((81, 2 / np.sqrt(2)))
    # One evaluation of 100 at the mean, not of 200: the seeds share the test set.
    assert (cell["wilson_low"], cell["wilson_high"]) == pytest.approx((72.221, 87.485), abs=1e-3)


def test_one_seed_has_no_deviation(make: Make) -> None:
    table = of(table2_ablation, make(seeds=[0]))
    assert {row["sd"] for row in rows_of(table)} == {""}
    assert "One seed: no sd." in table.notes and "±" not in markdown(table).partition("\n- ")[0]


def test_table3_is_sorted_by_levels_and_takes_the_ablations_run(make: Make) -> None:
    results = make(anns=["l8", "l16", "l4"])
    rows = rows_of(of(table3_quantization, results))
    assert [row["levels"] for row in rows] == ["4", "8", "16"]
    for row, ann in zip(rows, ("l4", "l8", "l16"), strict=True):
        for recipe in ("ann", "converted", "hsd"):
            assert float(row[f"{recipe}_accuracy"]) == pytest.approx(50 * sum(recorded(results, ann, recipe)))


def test_conversion_says_what_the_ann_knows_of_the_mean_frame(make: Make) -> None:
    results = make(anns=["l8", "l4"])
    table = of(conversion, results)
    rows = rows_of(table)
    assert [row["title"] for row in rows] == ["l8", "l4"]
    for row in rows:
        for key, recipe in (("ann", "ann"), ("converted", "converted")):
            assert float(row[key]) == pytest.approx(100 * np.mean(recorded(results, row["title"], recipe)))
        assert (float(row["mean_frame"]), float(row["mean_frame_sd"])) == (62.5, 0)
    by_seed = rows_of(table.lists["by_seed"])
    assert [(row["title"], row["seed"]) for row in by_seed] == [(ann, seed) for ann in ("l8", "l4") for seed in "01"]
    found = [100 * share for share in recorded(results, "l4", "converted")]
    assert [float(row["converted"]) for row in by_seed[2:]] == pytest.approx(found)
    assert "| l8 | 2 |" in markdown(table) and "mean of the frames" in markdown(table)


def test_headline_is_short_and_in_percent(make: Make) -> None:
    results = make()
    numbers = plots.headline(results)
    assert set(numbers) == {"ann", "converted", "if", "ht", "hsd"}
    assert numbers["hsd"] == round(50 * sum(recorded(results, "l8", "hsd")), 2)


def test_headline_of_several_data_sets_keeps_within_six(make: Make) -> None:
    numbers = plots.headline(make(datasets=["mnist-dvs-sim", "other", "third"], seeds=[0], n_test=40))
    assert set(numbers) == {f"{name}.{run}" for name in ("mnist-dvs-sim", "other", "third") for run in ("hsd", "ht")}


def test_a_grid_without_runs_for_a_table_lacks_it(make: Make) -> None:
    assert list(made(make(n_test=40))) == [*FOUND, "table2_ablation", "table3_quantization", *BEYOND]


def test_a_table_that_compares_nothing_is_left_out(make: Make) -> None:
    found = made(make(baselines=["lif"], recipes=["hsd"], anns=["l8"], sweep=[], n_test=40))
    assert list(found) == [*FOUND, "table2_ablation", *BEYOND]


def test_methods_grid_has_every_table_of_the_paper(make: Make) -> None:
    tables = made(make("methods", n_test=60))
    assert list(tables) == [*FOUND, *PAPERS, *BEYOND]
    runs = {name: tables[name].frame["recipe"].tolist() for name in (*PAPERS[:2], *PAPERS[3:])}
    assert runs == {
        "table1_comparison": ["tet-full.t5", "tcja-full.t5", "sltt-full.t5", "hsd"],
        "table2_ablation": ["lif", "if", "skd", "ht", "ht-kd", "hsd", "ann", "converted"],
        "table4_ht": ["lif", "sltt", "ht-sltt", "tet", "ht-tet", "hsd"],
        "table5_distillation": ["if", "kd", "feature", "kd-feature"],
    }
    assert tables["table3_quantization"].frame["levels"].tolist() == [4, 8, 16, 32]
    notes = tables["table1_comparison"].notes
    assert any(line.startswith("mnist-dvs-sim is no data set of the paper") for line in notes)
    text = "".join(markdown(table) for table in tables.values())
    assert "Paper (%)" not in text and "cited (" not in text


def test_titles_follow_from_the_method_and_t(make: Make) -> None:
    results = make("methods", n_test=20, seeds=[0])
    titles = {name: results.cell("mnist-dvs-sim", name)["title"] for name in ("hsd", "hsd.t1", "hsd.t3", "tet", "ann")}
    assert titles == {
        "hsd": "HSD",
        "hsd.t1": "HSD, 1 step",
        "hsd.t3": "HSD, 3 steps",
        "tet": "TET",
        "ann": "ANN (teacher)",
    }
    full = [results.cell("mnist-dvs-sim", name)["title"] for name in ("tet-full.t1", "tet-full.t5", "tet-full")]
    assert full == ["TET, 1 frame", "TET, 5 frames", "TET, 10 frames"]


def test_a_new_recipe_is_seen_in_table2(make: Make) -> None:
    table = of(table2_ablation, make(recipes=["hsd", "mine.t2"], n_test=40))
    ours = table.frame[~table.frame["reference"]]
    assert ours["title"].tolist()[-1] == "mine, 2 steps"
    # With another T than its neighbours, T is shown.
    assert ours["steps"].tolist() == [5, 5, 5, 2] and "| T |" in markdown(table)


def test_t_is_not_shown_where_all_have_one(make: Make) -> None:
    assert "| T |" not in markdown(of(table2_ablation, make(n_test=40)))


def test_other_epochs_are_shown_where_they_were_measured_and_never_the_headline(make: Make) -> None:
    results = make()
    assert "optimistic" not in markdown(of(table2_ablation, results))
    for folder, best in zip(results.folders("mnist-dvs-sim", "ht"), (0.97, 0.99), strict=True):
        change(folder, best_test_accuracy=best, best_test_epoch=3)
    table = of(table2_ablation, again(results))
    text = markdown(table)
    assert "| paper-compatible (optimistic) (%) |" in text and "best_val" not in text.replace("\\", "")
    row = next(row for row in rows_of(table) if row["recipe"] == "ht")
    assert float(row["best_test"]) == pytest.approx(98.0) and row["best_val"] == ""
    assert float(row["accuracy"]) == pytest.approx(50 * sum(recorded(results, "l8", "ht")))
    assert any(note.startswith("Paper-compatible (optimistic)") and "every 5 epochs" in note for note in table.notes)


def test_an_epoch_that_one_seed_lacks_has_no_mean(make: Make) -> None:
    results = make()
    change(results.folders("mnist-dvs-sim", "ht")[0], best_val_accuracy=0.9, best_val_epoch=2)
    assert np.isnan(again(results).cell("mnist-dvs-sim", "ht")["best_val"])


def test_table4_and_5_say_what_a_recipe_is(make: Make) -> None:
    results = make("methods", n_test=60, seeds=[0])
    four, five = of(table4_ht, results), of(table5_distillation, results)
    with_ht = {row["recipe"]: (row["ht"], row["neuron"]) for row in four.frame.to_dict("records")}
    assert with_ht["tet"] == (False, "LIF") and with_ht["ht-tet"] == with_ht["hsd"] == (True, "IF")
    modes = {row["recipe"]: (row["response"], row["feature"]) for row in five.frame.to_dict("records")}
    assert modes == {"if": (False, False), "kd": (True, False), "feature": (False, True), "kd-feature": (True, True)}
    assert any("TET → HT + TET, T = 5:" in note for note in four.notes) and any(
        "change the neuron" in note for note in four.notes
    )


def test_notes_say_what_the_numbers_stand_on(make: Make) -> None:
    results = make(n_test=150)
    for module in (table2_ablation, table3_quantization):
        text = " ".join(of(module, results).notes)
        assert "150 test recordings, 600 for training; answers after T2 = 5 time steps" in text
        assert "Wilson interval of one evaluation" in text and "not pooled" in text
        assert "over 2 seeds" in text and "last epoch" in text
    notes = " ".join(of(table2_ablation, results).notes)
    assert "phase 1: 91.25 %" in notes and "for 30 epochs, a converted one for 10 after the ANN's 20 (as many)" in notes


@pytest.mark.parametrize(
    ("random", "said"), [(10, "30 in all, so hybrid training also learns longer"), (40, "shorter")]
)
def test_unequal_numbers_of_epochs_are_told(make: Make, random: int, said: str) -> None:
    table = of(table2_ablation, make(n_test=20, seeds=[0], facts={"epochs_random": random}))
    assert any(said in note for note in table.notes)


def test_recordings_that_were_left_out_are_told(make: Make) -> None:
    results = make()
    assert "skipped_recordings" not in plots.headline(results)
    for name in ("ann", "converted"):
        for folder in results.folders("mnist-dvs-sim", name):
            change(folder, n_skipped=3)
    results = again(results)
    for module in (table2_ablation, table3_quantization):
        said = "mnist-dvs-sim: 3 bad recordings were left out"
        assert any(note.startswith(said) for note in of(module, results).notes)
    assert plots.headline(results)["skipped_recordings"] == 3


def test_every_table_has_notes_and_equal_ones_once(make: Make) -> None:
    for name, table in made(make("methods", n_test=40, seeds=[0])).items():
        assert table.notes and len(set(table.notes)) == len(table.notes), name


def test_latex_is_ascii_and_fits_the_page(make: Make) -> None:
    for name, table in made(make("methods", n_test=60)).items():
        text = render.text(table, "tex", name, "A caption.")
        assert text.isascii(), name
        rows = [line for line in text.splitlines() if line.endswith(r"\\")]
        assert len({line.count(" & ") for line in rows}) == 1, name
        assert text.count(r"\resizebox{") == 1 and text.count("{") == text.count("}"), name


def test_lists_are_written_as_csv_alone(make: Make, tmp_path: Path) -> None:
    for name, table in made(make(seeds=[0], n_test=40)).items():
        render.write(table, tmp_path / "out", name, "c")
    found = {path.name for path in (tmp_path / "out").glob("latency*")}
    assert found == {"latency.csv", "latency.md", "latency.tex", "latency_by_step.csv"}


def test_a_file_that_differs_in_length_between_seeds_is_named(make: Make) -> None:
    results = make(n_test=40)
    path = results.folders("mnist-dvs-sim", "ht")[1] / "curves.csv"
    path.write_text("epoch,loss,accuracy\n1,0.5,0.5\n")
    with pytest.raises(FileError, match="1 rows, ht-0 has 4"):
        plots.write(again(results), results.root)
