from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from pipeline.errors import FramesError
from pipeline.report.figures.camera import camera, colours
from pipeline.report.figures.curves import accuracy_vs_t, figure2, quantization, training_curves
from pipeline.report.figures.diagnostics import confusion, firing_rates
from pipeline.report.figures.recordings import preview
from pipeline.report.figures.style import OFF, ON, drawing, look
from pipeline.report.figures.tradeoffs import early_exit, energy_accuracy, exits
from pipeline.report.results import load

# A grid with series of different lengths, and recipes that only Figures 2 and 4 name.
MANY = dict(
    resplit=["embedded"], baselines=["lif", "if", "tet"], whole=["tet-1", "tet-3", "tet-all"],
    recipes=["skd", "ht", "hsd", "hsd-1", "hsd-2"],
)  # fmt: skip


def results_of(made: tuple[Any, Path]) -> Any:
    return load(made[1] / "data/results", made[0].grid)


def drawn(function: Any, made: tuple[Any, Path]) -> Any:
    with drawing():
        return function(results_of(made), made[0], "embedded")


def lines(figure: Any) -> dict[str, Any]:
    """Give the line of each labelled series with error bars."""
    return {str(item.get_label()): item.lines[0] for item in figure.axes[0].containers}


def test_accuracy_is_the_mean_over_seeds_in_percent(make: Any) -> None:
    made = make()
    line = lines(drawn(accuracy_vs_t, made))["HT"]
    assert line.get_ydata()[-1] == pytest.approx(100 * results_of(made).cell("embedded", "l8", "ht").accuracy)
    assert len(line.get_ydata()) == 5


def test_only_the_rows_of_table_2_are_drawn_each_in_its_colour(make: Any) -> None:
    made = make(**MANY)
    titles = {"Baseline (LIF)": "lif", "Baseline (IF)": "if", "SKD": "skd", "HT": "ht", "HT + SKD = HSD": "hsd"}
    found = lines(drawn(accuracy_vs_t, made))
    assert list(found) == ["ANN (teacher)", *titles]
    assert all(found[text].get_color() == look(name, made[0]).color for text, name in titles.items())
    loss, accuracy = drawn(training_curves, made).axes
    assert [line.get_label() for line in accuracy.lines] == ["ANN (teacher)", *titles]
    hsd = results_of(made).cell("embedded", "l8", "hsd").series("curves.csv", "loss").mean(axis=0)
    assert np.allclose(loss.lines[-1].get_ydata(), hsd) and loss.lines[-1].get_color() == look("hsd", made[0]).color
    bars = drawn(firing_rates, made).axes[0].containers
    assert [item.get_label() for item in bars if item.get_label()[0] != "_"] == ["converted", *titles]


def test_a_recipe_that_nothing_names_is_drawn_as_soon_as_the_grid_has_it(make: Any, document: Any) -> None:
    document["recipes"]["mine"] = {"init": "converted"}
    assert list(lines(drawn(accuracy_vs_t, make(recipes=["hsd", "mine"]))))[-1] == "mine"


def test_figure2_puts_each_recipe_at_its_own_steps_and_truncates_a_series_of_one(make: Any) -> None:
    made = make(**MANY)
    results = results_of(made)
    figure = drawn(figure2, made)
    found = lines(figure)
    assert list(found) == ["HSD", "TET (STS)", "TET (DTS)"]
    for label, names in (("HSD", ["hsd-1", "hsd-2", "hsd"]), ("TET (STS)", ["tet-1", "tet-3", "tet-all"])):
        expected = [100 * results.cell("embedded", "l8", name).accuracy for name in names]
        assert np.allclose(found[label].get_ydata(), expected)
    assert [round(x) for x in found["HSD"].get_xdata()] == [1, 2, 5]
    assert [round(x) for x in found["TET (STS)"].get_xdata()] == [1, 3, 10]
    after = results.cell("embedded", "l8", "tet-all").series("accuracy.csv", "accuracy")
    assert np.allclose(found["TET (DTS)"].get_ydata(), 100 * after.mean(axis=0))
    # One method, one colour; the second series of it is told apart by its line and marks.
    assert found["TET (DTS)"].get_color() == found["TET (STS)"].get_color() != found["HSD"].get_color()
    assert found["TET (DTS)"].get_linestyle() == "--"
    bars = figure.axes[0].containers[0].lines[2][0].get_segments()
    sd = np.std(results.cell("embedded", "l8", "hsd-1").accuracies, ddof=1)
    assert bars[0][1][1] - bars[0][0][1] == pytest.approx(200 * sd)
    assert figure.axes[0].get_xlabel() == "time steps T" and figure.axes[0].get_ylabel() == "test accuracy (%)"


def test_figure2_is_left_out_without_its_runs(make: Any) -> None:
    assert drawn(figure2, make(recipes=["skd", "ht"])) is None


def test_early_exit_marks_each_threshold(make: Any) -> None:
    made = make(**MANY)
    axes = drawn(early_exit, made).axes[0]
    marked = {line.get_label(): line for line in axes.lines if line.get_marker() not in ("", "None")}
    assert list(marked) == ["Baseline (LIF)", "Baseline (IF)", "SKD", "HT", "HT + SKD = HSD", "TET"]
    thresholds = made[0].report.exit_at
    steps, accuracy = exits(results_of(made).cell("embedded", "l8", "tet"), thresholds)
    assert len(steps) == len(thresholds) and np.all(np.diff(steps) >= 0)
    assert np.allclose(marked["TET"].get_xdata(), steps) and np.allclose(marked["TET"].get_ydata(), 100 * accuracy)
    never, _ = exits(results_of(made).cell("embedded", "l8", "tet"), [0.0])
    assert never == [1.0]  # every confidence is above 0


def test_energy_joins_a_method_by_its_steps_and_sets_whole_recordings_apart(make: Any) -> None:
    made = make(**MANY)
    results = results_of(made)
    axes = drawn(energy_accuracy, made).axes[0]
    assert axes.get_xscale() == "log" and "µJ" in axes.get_xlabel()
    series = [item.lines[0] for item in axes.containers]
    hsd = next(line for line in series if line.get_color() == look("hsd", made[0]).color)
    cells = [results.cell("embedded", "l8", name) for name in ("hsd-1", "hsd-2", "hsd")]
    assert np.allclose(hsd.get_xdata(), [cell.mean("energy_uj") for cell in cells])
    assert np.allclose(hsd.get_ydata(), [100 * cell.accuracy for cell in cells])
    tet = [line for line in series if line.get_color() == look("tet", made[0]).color]
    assert sorted((len(line.get_xdata()), line.get_markerfacecolor() == "white") for line in tet) == [
        (1, False), (3, True),
    ]  # fmt: skip
    assert sum(len(line.get_xdata()) for line in series) == 2 + len(results.recipes)


def test_confusion_sums_seeds_and_normalises_by_true_class(make: Any) -> None:
    made = make(**MANY)  # whose last recipe is no row of Table 2
    image = np.asarray(drawn(confusion, made).axes[0].images[0].get_array())
    counts = sum(run.confusion()[1] for run in results_of(made).cell("embedded", "l8", "hsd").runs)
    assert np.allclose(image, 100 * counts / 40)  # 200 recordings, 10 classes, 2 seeds
    assert np.allclose(image.sum(axis=1), 100)


def test_quantization_marks_every_l(make: Any) -> None:
    axes = drawn(quantization, make()).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["4", "8", "16"]
    assert [item.get_label() for item in axes.containers] == ["ANN (teacher)", "converted", "HT + SKD = HSD"]
    assert all(list(item.lines[0].get_xdata()) == [4, 8, 16] for item in axes.containers)


def test_firing_rates_leave_out_layers_that_do_not_fire(make: Any) -> None:
    made = make()
    axes = drawn(firing_rates, made).axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == [f"block{index}" for index in range(1, 9)]
    bars = next(item for item in axes.containers if item.get_label() == "HT")
    rates = results_of(made).cell("embedded", "l8", "ht").series("layers.csv", "firing_rate", blank=True)
    assert np.allclose([bar.get_height() for bar in bars], rates[:, :8].mean(axis=0))


def test_camera_inks_polarities_on_white() -> None:
    frames = np.zeros((1, 2, 1, 4), dtype=np.uint8)
    frames[0, 0, 0, 1] = frames[0, 1, 0, 2] = frames[0, :, 0, 3] = 5
    picture = colours(frames)[0, 0]
    assert np.allclose(picture[0], 1) and np.allclose(picture[1], to_rgb(OFF)) and np.allclose(picture[2], to_rgb(ON))
    assert picture[3].sum() < min(picture[1].sum(), picture[2].sum())
    assert np.allclose(colours(np.zeros_like(frames)), 1)


def test_camera_marks_the_phases(make: Any) -> None:
    params, root = make()
    phases = params.dataset("embedded").phases.model_copy(update={"offset": 1, "t1": 3, "t2": 4})
    figure: Any = camera(preview(root / "data/frames/embedded.h5", 2), phases)
    assert len(figure.axes) == 20
    assert [text.get_text() for text in figure.texts] == ["phase 1: ANN", "phase 2: SNN"]
    places = [axes.get_position() for axes in figure.axes[:10]]
    ends = [line.get_xdata() for line in figure.artists]
    for (left, right), first, last in zip(ends, (1, 4), (3, 7), strict=True):
        assert places[first].x0 < left < places[first].x1 and places[last].x0 < right < places[last].x1


def test_preview_takes_training_recordings_one_a_class(make: Any) -> None:
    file = make()[1] / "data/frames/embedded.h5"
    found = preview(file, 3)
    # The first ten of the file are for testing.
    assert [(item.label, item.name) for item in found] == [(str(i), f"recording{i + 10}") for i in range(3)]
    assert found[0].frames.shape == (10, 2, 34, 34)
    assert len(preview(file, 99)) == 10


def test_preview_names_a_damaged_file(tmp_path: Path) -> None:
    with pytest.raises(FramesError, match="not found"):
        preview(tmp_path / "none.h5", 1)
    (tmp_path / "junk.h5").write_bytes(b"junk")
    with pytest.raises(FramesError, match="damaged"):
        preview(tmp_path / "junk.h5", 1)


def test_report_imports_no_model_code() -> None:
    code = (
        "import sys, stages.tables, stages.figures, stages.page;"
        "bad = {'torch', 'spikingjelly', 'pipeline.nets', 'pipeline.training'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
