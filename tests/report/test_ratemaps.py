from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import FileError
from pipeline.report.arrays import Maps
from pipeline.report.figures.ratemaps import figure4, mosaic, rates
from pipeline.report.figures.style import drawing
from pipeline.report.results import load

GRID = dict(baselines=["tet"], recipes=["hsd"], seeds=[0])


@pytest.fixture
def made(make: Any) -> tuple[Any, Path]:
    """A grid whose two runs saw the same frames."""
    params, root = make(**GRID)
    frames = np.random.default_rng(5).integers(0, 9, (5, 2, 6, 6), np.uint8)
    for index, place in enumerate(("none/tet-0", "l8/hsd-0")):
        spikes = (np.random.default_rng(index).random((5, 3, 6, 6)) < 0.4).astype(np.uint8)
        write(root, place, spikes, frames)
    return params, root


def write(root: Path, place: str, spikes: Any, frames: Any) -> None:
    np.savez(root / f"data/results/embedded/{place}/maps.npz", spikes=spikes, frames=frames, name=np.array("3/3_1"))


def draw(made: tuple[Any, Path]) -> Any:
    with drawing():
        return figure4(load(made[1] / "data/results", made[0].grid), made[0], "embedded")


def test_panels_are_the_rates_of_the_first_steps_in_one_scale(made: Any) -> None:
    figure = draw(made)
    panels, bar = figure.axes[:-1], figure.axes[-1]
    assert len(panels) == 10 and bar.get_ylabel() == "firing rate (spikes per step)"
    places = [("l8/hsd-0", 1), ("l8/hsd-0", 5), ("none/tet-0", 1), ("none/tet-0", 5)]
    for above, below, (place, steps) in zip(panels[1:5], panels[6:], places, strict=True):
        with np.load(made[1] / f"data/results/embedded/{place}/maps.npz") as file:
            expected = file["spikes"][:steps].mean(axis=0)
        # Channel 37 is asked for, the last is 2.
        assert np.array_equal(below.images[0].get_array(), expected[2])
        assert below.get_title() == f"channel 2, T = {steps}"
        assert np.array_equal(above.images[0].get_array()[:6, :6], expected[0])
        assert above.images[0].get_clim() == below.images[0].get_clim() == (0, 1)
    titles = [axes.get_title() for axes in panels]
    assert titles[:5] == [
        "input, sum of 1 frame", "HT + SKD = HSD, T = 1", "HT + SKD = HSD, T = 5", "TET, T = 1", "TET, T = 5",
    ]  # fmt: skip
    assert "3/3_1" in figure.get_suptitle()


def test_other_frames_are_an_error_that_says_what_to_do(made: Any) -> None:
    write(made[1], "none/tet-0", np.zeros((5, 3, 6, 6), np.uint8), np.zeros((5, 2, 6, 6), np.uint8))
    with pytest.raises(FileError, match=r"tet-0/maps\.npz: .*other frames.*report\.figure4\.runs"):
        draw(made)


def test_left_out_without_a_run_or_its_maps(made: Any, make: Any) -> None:
    (made[1] / "data/results/embedded/none/tet-0/maps.npz").unlink()
    assert draw(made) is None
    made[0].report.figure4.runs.append("ht")
    assert draw(made) is None


def test_steps_that_a_run_lacks_are_left_out(made: Any) -> None:
    with np.load(made[1] / "data/results/embedded/none/tet-0/maps.npz") as file:
        write(made[1], "none/tet-0", file["spikes"][:2], file["frames"][:2])
    figure = draw(made)
    assert [axes.get_title() for axes in figure.axes[1:3]] == ["HT + SKD = HSD, T = 1", "TET, T = 1"]
    assert not figure.axes[3].get_visible()


def test_rates_and_mosaic_by_hand() -> None:
    spikes = np.zeros((2, 2, 1, 1), np.uint8)
    spikes[0, 0] = spikes[:, 1] = 1
    maps = Maps(spikes, np.zeros((2, 2, 1, 1), np.uint8), "a")
    assert rates(maps, 1).ravel().tolist() == [1, 1] and rates(maps, 2).ravel().tolist() == [0.5, 1]
    sheet = mosaic(np.arange(3.0)[:, None, None])
    assert sheet.shape == (3, 3)
    assert sheet[0, 0] == 0 and sheet[0, 2] == 1 and sheet[2, 0] == 2 and np.isnan(sheet[1]).all()
    assert np.isnan(sheet[2, 2])
    assert mosaic(np.zeros((100, 2, 2))).shape == (8 * 3 - 1, 8 * 3 - 1)
