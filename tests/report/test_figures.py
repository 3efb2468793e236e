from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from pipeline.errors import FramesError
from pipeline.evaluation.exits.entropy import sureness as of_entropy
from pipeline.pieces import checked
from pipeline.report import build
from pipeline.report.build import modules
from pipeline.report.exits import exits, rule
from pipeline.report.figures.camera import camera, colours
from pipeline.report.results import ANN, CONVERTED, Results
from pipeline.report.style import OFF, ON, drawing, look
from pipeline.results.read import read_arrays, read_confusion, read_curves, read_layers
from tests.exits import exit_curve
from tests.finished import REPORT
from tests.report.conftest import Make

DATASET = "mnist-dvs-sim"
# A grid with series of different lengths, and recipes that only Figures 2 and 4 name.
MANY: dict[str, Any] = {
    "baselines": ["lif", "if", "tet", "tet-full.t1", "tet-full.t3", "tet-full"],
    "recipes": ["skd", "ht", "hsd", "hsd.t1", "hsd.t2"], "n_test": 100,
}  # fmt: skip
TITLES = {"lif": "Baseline (LIF)", "if": "Baseline (IF)", "skd": "SKD", "ht": "HT", "hsd": "HSD"}


@pytest.fixture
def many(make: Make) -> Results:
    return make(**MANY)


def drawn(name: str, results: Results) -> Any:
    with drawing():
        return modules("figures")[name].figure(results, DATASET)


def lines(figure: Any) -> dict[str, Any]:
    """Return the line of each labelled series with error bars."""
    return {str(item.get_label()): item.lines[0] for item in figure.axes[0].containers}


def colour(results: Results, recipe: str) -> str:
    return str(look(results.cell(DATASET, recipe), results.settings)["color"])


def test_each_data_set_has_the_figures_that_it_can_have(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = make(datasets=[DATASET, "other"], seeds=[0], n_test=30)
    found = {"every": lambda *_: Figure(), "some": lambda _, dataset: Figure() if dataset == "other" else None}
    monkeypatch.setattr(
        build, "modules", lambda _: {name: SimpleNamespace(figure=figure) for name, figure in found.items()}
    )
    build.write_figures(results, tmp_path)
    names = [f"{name}.{kind}" for name in (f"{DATASET}_every", "other_every", "other_some") for kind in ("pdf", "png")]
    assert sorted(path.name for path in (tmp_path / "figures").iterdir()) == sorted(names)


def test_accuracy_is_the_mean_over_seeds_in_percent(make: Make) -> None:
    results = make()
    line = lines(drawn("accuracy_vs_t", results))["HT"]
    of_ht = results.steps[(results.steps["recipe"] == "ht") & (results.steps["ann"] == "l8")]
    assert np.allclose(line.get_ydata(), 100 * of_ht.groupby("t")["accuracy"].mean())
    assert len(line.get_ydata()) == 5 and len(set(line.get_ydata())) > 1


def test_only_the_rows_of_table_2_are_drawn_each_in_its_colour(many: Results) -> None:
    found = lines(drawn("accuracy_vs_t", many))
    assert list(found) == ["ANN (teacher)", *TITLES.values()]
    assert all(found[text].get_color() == colour(many, name) for name, text in TITLES.items())
    loss, accuracy = drawn("training_curves", many).axes
    assert [line.get_label() for line in accuracy.lines] == ["ANN (teacher)", *TITLES.values()]
    hsd = np.mean([read_curves(folder)["loss"] for folder in many.folders(DATASET, "hsd")], axis=0)
    assert np.allclose(loss.lines[-1].get_ydata(), hsd) and loss.lines[-1].get_color() == colour(many, "hsd")
    bars = drawn("firing_rates", many).axes[0].containers
    assert [item.get_label() for item in bars if item.get_label()[0] != "_"] == ["converted", *TITLES.values()]


def test_a_recipe_that_nothing_names_is_drawn_as_soon_as_the_grid_has_it(make: Make) -> None:
    assert list(lines(drawn("accuracy_vs_t", make(recipes=["hsd", "mine"], n_test=40))))[-1] == "mine"


def test_figure2_puts_each_recipe_at_its_own_steps_and_truncates_a_series_of_one(many: Results) -> None:
    figure = drawn("figure2", many)
    found = lines(figure)
    assert list(found) == ["HSD", "TET (STS)", "TET (DTS)"]
    series = {"HSD": ["hsd.t1", "hsd.t2", "hsd"], "TET (STS)": ["tet-full.t1", "tet-full.t3", "tet-full"]}
    for label, names in series.items():
        assert np.allclose(found[label].get_ydata(), [many.cell(DATASET, name)["accuracy"] for name in names])
    assert [round(x) for x in found["HSD"].get_xdata()] == [1, 2, 5]
    assert [round(x) for x in found["TET (STS)"].get_xdata()] == [1, 3, 10]
    after = many.after_steps(DATASET, "tet-full").mean(axis=0)
    assert np.allclose(found["TET (DTS)"].get_ydata(), 100 * after) and len(after) == 10
    # One method, one colour; the second series of it is told apart by its line and marks.
    assert found["TET (DTS)"].get_color() == found["TET (STS)"].get_color() != found["HSD"].get_color()
    assert found["TET (DTS)"].get_linestyle() == "--"
    bars = figure.axes[0].containers[0].lines[2][0].get_segments()
    sd = np.std(many.accuracies(DATASET, "hsd.t1"), ddof=1)
    assert bars[0][1][1] - bars[0][0][1] == pytest.approx(200 * sd)
    assert figure.axes[0].get_xlabel() == "time steps T" and figure.axes[0].get_ylabel() == "test accuracy (%)"


def test_figure2_is_left_out_without_its_runs(make: Make) -> None:
    assert drawn("figure2", make(recipes=["skd", "ht"], sweep=[], n_test=40)) is None


def test_early_exit_marks_each_threshold(many: Results) -> None:
    axes = drawn("early_exit", many).axes[0]
    marked = {line.get_label(): line for line in axes.lines if line.get_marker() not in ("", "None")}
    assert list(marked) == [*TITLES.values(), "TET"]
    found = exits(many, DATASET, "tet")
    assert found["threshold"].tolist() == REPORT.exit_at and np.all(np.diff(found["mean_steps"]) >= 0)
    assert np.allclose(marked["TET"].get_xdata(), found["mean_steps"])
    assert np.allclose(marked["TET"].get_ydata(), found["accuracy"])
    assert "rule confidence, sure ≥ 0.5 to 0.99" in axes.get_xlabel()


def test_another_rule_is_asked_for_by_its_kind(make: Make) -> None:
    rule_ = {"exit_rule": checked("evaluation.exits", {"kind": "entropy"})}
    results = make(report=rule_, n_test=60)
    kept = [read_arrays(folder) for folder in results.folders(DATASET, "hsd")]
    curves = [exit_curve(item.logits, item.label, REPORT.exit_at, of_entropy) for item in kept]
    found = exits(results, DATASET, "hsd")
    assert np.allclose(found["accuracy"], 100 * np.mean([accuracy for accuracy, _ in curves], axis=0))
    assert np.allclose(found["mean_steps"], np.mean([steps for _, steps in curves], axis=0))
    # The figure, its caption and the table say which rule it is.
    report, early = results.settings.report, modules("figures")["early_exit"]
    assert "rule entropy" in drawn("early_exit", results).axes[0].get_xlabel()
    assert rule(report) == early.said(results.settings)
    assert rule(report).startswith("Rule entropy, of the mean of the logits so far: sure is what the entropy of")
    table = modules("tables")["early_exit"].table(results)
    assert table.said == "Rule: entropy." and any(rule(report) in note for note in table.notes)
    confidence = exits(make(n_test=60), DATASET, "hsd")
    assert not np.allclose(confidence["mean_steps"], found["mean_steps"])


def test_energy_joins_a_method_by_its_steps_and_sets_whole_recordings_apart(many: Results) -> None:
    axes = drawn("energy_accuracy", many).axes[0]
    assert axes.get_xscale() == "log" and "µJ" in axes.get_xlabel()
    series = [item.lines[0] for item in axes.containers]
    hsd = next(line for line in series if line.get_color() == colour(many, "hsd"))
    cells = [many.cell(DATASET, name) for name in ("hsd.t1", "hsd.t2", "hsd")]
    assert np.allclose(hsd.get_xdata(), [cell["energy_uj"] for cell in cells])
    assert np.allclose(hsd.get_ydata(), [cell["accuracy"] for cell in cells])
    tet = [line for line in series if line.get_color() == colour(many, "tet")]
    found = sorted((len(line.get_xdata()), line.get_markerfacecolor() == "white") for line in tet)
    assert found == [(1, False), (3, True)]
    assert sum(len(line.get_xdata()) for line in series) == 2 + len(many.settings.grid.all_recipes)


def test_confusion_sums_seeds_and_normalises_by_true_class(many: Results) -> None:
    # The last recipe of the grid is no row of Table 2.
    image = np.asarray(drawn("confusion", many).axes[0].images[0].get_array())
    counts = sum(read_confusion(folder)[1] for folder in many.folders(DATASET, "hsd"))
    assert np.allclose(image, 100 * counts / 20)  # 100 recordings, 10 classes, 2 seeds
    assert np.allclose(image.sum(axis=1), 100)


def test_quantization_marks_every_l(make: Make) -> None:
    results = make(n_test=40)
    axes = drawn("quantization", results).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["4", "8", "16"]
    assert [item.get_label() for item in axes.containers] == ["ANN (teacher)", "converted", "HSD"]
    for item, name in zip(axes.containers, (ANN, CONVERTED, "hsd"), strict=True):
        assert list(item.lines[0].get_xdata()) == [4, 8, 16]
        expected = [results.cell(DATASET, name, ann)["accuracy"] for ann in ("l4", "l8", "l16")]
        assert np.allclose(item.lines[0].get_ydata(), expected)


def test_firing_rates_leave_out_layers_that_do_not_fire(make: Make) -> None:
    results = make(n_test=40)
    axes = drawn("firing_rates", results).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == [f"conv{index}" for index in range(1, 9)]
    bars = next(item for item in axes.containers if item.get_label() == "HT")
    rates = np.array([read_layers(folder)["firing_rate"] for folder in results.folders(DATASET, "ht")])
    assert np.isnan(rates[:, 8]).all()
    assert np.allclose([bar.get_height() for bar in bars], rates[:, :8].mean(axis=0))


def test_camera_inks_polarities_on_white() -> None:
    frames = np.zeros((1, 2, 1, 4), dtype=np.uint8)
    frames[0, 0, 0, 1] = frames[0, 1, 0, 2] = frames[0, :, 0, 3] = 5
    picture = colours(frames)[0, 0]
    assert np.allclose(picture[0], 1) and np.allclose(picture[1], to_rgb(OFF)) and np.allclose(picture[2], to_rgb(ON))
    assert picture[3].sum() < min(picture[1].sum(), picture[2].sum())
    assert np.allclose(colours(np.zeros_like(frames)), 1)


def test_camera_marks_the_phases() -> None:
    recordings = [(name, np.zeros((10, 2, 4, 4), np.uint8)) for name in "ab"]
    figure: Any = camera(recordings, (1, 4, 8))
    assert len(figure.axes) == 20
    assert [text.get_text() for text in figure.texts] == ["phase 1: ANN", "phase 2: SNN"]
    places = [axes.get_position() for axes in figure.axes[:10]]
    ends = [line.get_xdata() for line in figure.artists]
    for (left, right), first, last in zip(ends, (1, 4), (3, 7), strict=True):
        assert places[first].x0 < left < places[first].x1 and places[last].x0 < right < places[last].x1


def test_camera_shows_training_recordings_one_a_class(make: Make) -> None:
    results = make(seeds=[0], n_test=20, facts={"offset": 1, "t1": 3, "t2": 4})
    figure = drawn("camera", results)
    rows = figure.axes[::10]
    assert [axes.get_ylabel() for axes in rows] == ["0", "1", "2", "3"]  # report.preview of ten classes
    # By turns, the first ten of the file are for testing.
    frames = np.random.default_rng(7).poisson(0.05, size=(20, 10, 2, 34, 34)).astype(np.uint8)
    for row, axes in enumerate(rows):
        assert np.allclose(axes.images[0].get_array(), colours(frames[10 + row])[0])
    assert drawn("camera", Results(results.runs, results.steps, results.settings, results.root)) is None


def test_camera_names_a_damaged_file(make: Make) -> None:
    results = make(seeds=[0], n_test=20)
    results.frames[DATASET].write_bytes(b"junk")
    with pytest.raises(FramesError, match="damaged"):
        drawn("camera", results)
    results.frames[DATASET].unlink()
    with pytest.raises(FramesError, match="not found"):
        drawn("camera", results)


def test_report_imports_no_model_code() -> None:
    code = (
        "import sys, stages.results, stages.tables, stages.figures, stages.page;"
        "from pipeline.report.build import modules; modules('tables'); modules('figures');"
        "bad = {'torch', 'spikingjelly', 'pipeline.nets', 'pipeline.training'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
