"""Other systems in the report: beside the cited rows of Table 1, after few steps, and nowhere that they would crowd."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.report.figures import energy_accuracy, figure2
from pipeline.report.results import Results
from pipeline.report.tables import early_exit, few_steps, table1_comparison, table2_ablation
from tests.finished import GRIDS, REPORT
from tests.report.conftest import Make, markdown, of

SYSTEMS = ["plif.t5", "plif-own", "ssnn"]
READ = ["hsd", "hsd-steps", "ssnn"]


@pytest.fixture
def results(make: Make) -> Results:
    shown: dict[str, Any] = {
        "table1": ["converted", *SYSTEMS, "tet-full.t5", "hsd"], "few_steps": READ,
        "figure2": REPORT.figure2.model_copy(update={"dts": ["tet-full", "converted"]}),
    }  # fmt: skip
    baselines = [*GRIDS["trial"]["baselines"], *SYSTEMS, "tet-full.t5"]
    recipes = [*GRIDS["trial"]["recipes"], "hsd-steps"]
    changes = {"datasets": ["cifar10dvs"], "baselines": baselines, "recipes": recipes, "seeds": [0]}
    changes |= {"more_anns": ["l32"], "more": ["hsd"]}
    return make("trial", 40, report=shown, **changes)


def test_a_system_stands_like_for_like_and_as_its_authors_had_it_before_its_cited_row(results: Results) -> None:
    table = of(table1_comparison, results)
    plif = table.frame[table.frame["system"] == "plif"]
    assert plif["kind"].tolist() == ["run here", "run here, own settings", "cited"]
    assert plif["side"].tolist()[:2] == ["34 × 34", "128 × 128"] and plif["network"].tolist()[0] == "plif-4"
    assert plif["title"].tolist() == ["PLIF, 5 frames", "PLIF, 10 frames", "PLIF [12]"]
    # On whole recordings all events have come; HSD's answer on phase 2 has seen all of them too.
    assert plif["events"].tolist()[:2] == pytest.approx([100, 100])
    converted = table.frame[table.frame["system"] == "converted"]
    assert converted["title"].tolist() == ["QCFS alone (converted)"] and converted["kind"].tolist() == ["run here"]
    assert "| cifar10dvs | PLIF, 10 frames | run here, own settings | – | plif-4 | 128 × 128 |" in markdown(table)


def test_what_the_sources_disagree_on_is_said_of_the_rows_there_are(results: Results, make: Make) -> None:
    notes = of(table1_comparison, results).notes
    said = [line.partition(":")[0] for line in notes]
    # Dspike stands there as cited alone; GLIF does not.
    assert {"PLIF", "SSNN", "QCFS alone", "Dspike"} <= set(said) and "GLIF" not in said
    assert any(line.startswith("Run here: with the data set's frame size") for line in notes)
    plain = of(table1_comparison, make("methods", n_test=20, seeds=[0])).notes
    assert not any(line.startswith(("Run here", "PLIF", "QCFS")) for line in plain)


def test_systems_are_no_rows_of_table2_and_no_marks_of_the_energy_figure(results: Results) -> None:
    assert not set(of(table2_ablation, results).frame["recipe"]) & {*SYSTEMS, "hsd-steps", "tet-full.t5"}
    drawn = energy_accuracy.figure(results, "cifar10dvs")
    labels = [text.get_text() for text in drawn.axes[0].get_legend().get_texts()]
    assert "TET" in labels and not {"PLIF", "SSNN", "HSD, steps"} & set(labels)
    # Those that wait for all frames answer nothing early.
    exits = of(early_exit, results).frame["recipe"].tolist()
    assert "plif-own" in exits and "ssnn" not in exits


def test_few_steps_has_the_accuracy_after_each(results: Results) -> None:
    table = of(few_steps, results)
    *rows, again = table.frame.to_dict("records")
    assert (again["recipe"], again["ann"], again["title"]) == ("hsd", "l32", "HSD, ANN l32")
    rows = {row["recipe"]: row for row in rows}
    assert list(rows) == READ
    after = 100 * results.after_steps("cifar10dvs", "hsd-steps").mean(axis=0)
    assert [rows["hsd-steps"][f"accuracy_{t}"] for t in range(1, 6)] == pytest.approx(after.tolist())
    assert rows["hsd-steps"]["over_steps"] == pytest.approx(after.mean()) != after[-1]
    assert rows["ssnn"]["over_steps"] != rows["ssnn"]["over_steps"]
    assert rows["hsd-steps"]["events_1"] == pytest.approx(60) and rows["hsd"]["text_5"].endswith("(100 %)")
    assert "accuracy_1" not in rows["ssnn"] or rows["ssnn"]["accuracy_1"] != rows["ssnn"]["accuracy_1"]
    assert few_steps.table(results).frame is not None


def test_the_converted_network_is_points_of_figure2(results: Results) -> None:
    axes = figure2.figure(results, "cifar10dvs").axes[0]
    found = {item.get_label(): item.lines[0] for item in axes.containers}
    assert found["converted"].get_linestyle() == "None" and found["converted"].get_marker() == "*"
    assert len(found["converted"].get_xdata()) == 5


def test_the_converted_network_alone_makes_no_table_and_no_figure(make: Make) -> None:
    figure = REPORT.figure2.model_copy(update={"dts": ["converted"]})
    shown = {"table1": ["converted", "hsd"], "figure2": figure}
    results = make(n_test=20, seeds=[0], recipes=["ht"], sweep=["skd"], report=shown)
    assert table1_comparison.table(results) is None and figure2.figure(results, "mnist-dvs-sim") is None
    assert few_steps.table(results) is None


def test_the_mean_over_steps_has_the_deviation_of_its_seeds(make: Make) -> None:
    results = make(n_test=40, seeds=[0, 1, 2], recipes=["hsd-steps"], report={"few_steps": ["hsd", "hsd-steps"]})
    row = of(few_steps, results).frame.iloc[0]
    each = 100 * results.after_steps("mnist-dvs-sim", "hsd").mean(axis=1)
    assert len(each) == 3 and (row["over_steps"], row["over_steps_sd"]) == pytest.approx(
        (each.mean(), each.std(ddof=1))
    )
    assert f"{each.mean():.2f} ± {each.std(ddof=1):.2f}" in markdown(of(few_steps, results))
