from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from pipeline.errors import FramesError
from pipeline.report import figures
from pipeline.report.camera import camera, colours
from pipeline.report.recordings import preview
from pipeline.report.results import load
from pipeline.report.style import OFF, ON, drawing, look


def results_of(made: tuple[Any, Path]) -> Any:
    return load(made[1] / "data/results", made[0].grid)


def test_a_recipe_has_one_look_whatever_the_grid(make: Any) -> None:
    made = make(baselines=[], recipes=["hsd", "ht"])
    recipes = list(made[0].recipes)
    with drawing():
        axes: Any = figures.accuracy_vs_t(results_of(made), made[0], "embedded").axes[0]
    drawn = {str(item.get_label()): item.lines[0].get_color() for item in axes.containers}
    assert drawn == {
        "ANN (teacher)": look("ann", recipes).color,
        "HT + SKD = HSD": look("hsd", recipes).color,
        "HT": look("ht", recipes).color,
    }
    many = [f"recipe{index}" for index in range(20)]
    looks = {look(name, many) for name in (*many, "ann", "converted")}
    assert len(looks) == 22


def test_accuracy_is_the_mean_over_seeds_in_percent(make: Any) -> None:
    made = make()
    results = results_of(made)
    with drawing():
        axes: Any = figures.accuracy_vs_t(results, made[0], "embedded").axes[0]
    line = next(item.lines[0] for item in axes.containers if item.get_label() == "HT")
    cell = results.cell("embedded", "l8", "ht")
    assert line.get_ydata()[-1] == pytest.approx(100 * cell.accuracy)
    assert len(line.get_ydata()) == 5


def test_confusion_sums_seeds_and_normalises_by_true_class(make: Any) -> None:
    made = make()
    results = results_of(made)
    with drawing():
        image = np.asarray(figures.confusion(results, made[0], "embedded").axes[0].images[0].get_array())
    counts = sum(run.confusion()[1] for run in results.cell("embedded", "l8", "hsd").runs)
    assert np.allclose(image, 100 * counts / 40)  # 200 recordings, 10 classes, 2 seeds
    assert np.allclose(image.sum(axis=1), 100)


def test_quantization_marks_every_l(make: Any) -> None:
    made = make()
    with drawing():
        axes: Any = figures.quantization(results_of(made), made[0], "embedded").axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == ["4", "8", "16"]
    assert [item.get_label() for item in axes.containers] == ["ANN (teacher)", "converted", "HT + SKD = HSD"]
    assert all(list(item.lines[0].get_xdata()) == [4, 8, 16] for item in axes.containers)


def test_firing_rates_leave_out_layers_that_do_not_fire(make: Any) -> None:
    made = make()
    results = results_of(made)
    with drawing():
        axes: Any = figures.firing_rates(results, made[0], "embedded").axes[0]
    assert [text.get_text() for text in axes.get_xticklabels()] == [f"block{index}" for index in range(1, 9)]
    bars = next(item for item in axes.containers if item.get_label() == "HT")
    rates = results.cell("embedded", "l8", "ht").series("layers.csv", "firing_rate", blank=True)
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
        "import sys, stages.tables, stages.figures;"
        "bad = {'torch', 'spikingjelly', 'pipeline.nets', 'pipeline.training'} & set(sys.modules); assert not bad, bad"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
