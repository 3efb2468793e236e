from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import FileError
from pipeline.report.figures.figure4 import figure, mosaic
from pipeline.report.results import Results
from pipeline.report.style import drawing
from tests.finished import again
from tests.report.conftest import Make

DATASET = "mnist-dvs-sim"
GRID: dict[str, Any] = {"baselines": ["tet"], "recipes": ["hsd"], "anns": ["l8"], "seeds": [0], "n_test": 20}


@pytest.fixture
def made(make: Make) -> Results:
    """A grid whose two runs saw the same frames."""
    results = make(**GRID)
    frames = np.random.default_rng(5).integers(0, 9, (5, 2, 6, 6), np.uint8)
    for index, name in enumerate(("tet", "hsd")):
        spikes = (np.random.default_rng(index).random((5, 3, 6, 6)) < 0.4).astype(np.uint8)
        write(file(results, name), spikes, frames)
    return again(results)


def file(results: Results, recipe: str) -> Path:
    ann = {"hsd": "l8", "tet": "none"}[recipe]
    return results.root / f"data/results/{DATASET}/{ann}/{recipe}-0/maps.npz"


def write(path: Path, spikes: Any, frames: Any) -> None:
    np.savez(path, spikes=spikes, frames=frames, name=np.array("3/3_1"))


def draw(results: Results) -> Any:
    with drawing():
        return figure(again(results), DATASET)


def test_panels_are_the_rates_of_the_first_steps_in_one_scale(made: Results) -> None:
    found = draw(made)
    panels, bar = found.axes[:-1], found.axes[-1]
    assert len(panels) == 10 and bar.get_ylabel() == "firing rate (spikes per step)"
    places = [("hsd", 1), ("hsd", 5), ("tet", 1), ("tet", 5)]
    for above, below, (name, steps) in zip(panels[1:5], panels[6:], places, strict=True):
        with np.load(file(made, name)) as kept:
            expected = kept["spikes"][:steps].mean(axis=0)
        # Channel 37 is asked for, the last is 2.
        assert np.array_equal(below.images[0].get_array(), expected[2])
        assert below.get_title() == f"channel 2, T = {steps}"
        assert np.array_equal(above.images[0].get_array()[:6, :6], expected[0])
        assert above.images[0].get_clim() == below.images[0].get_clim() == (0, 1)
    titles = [axes.get_title() for axes in panels]
    assert titles[:5] == ["input, sum of 1 frame", "HSD, T = 1", "HSD, T = 5", "TET, T = 1", "TET, T = 5"]
    assert "3/3_1" in found.get_suptitle()


def test_other_frames_are_an_error_that_says_what_to_do(made: Results) -> None:
    write(file(made, "tet"), np.zeros((5, 3, 6, 6), np.uint8), np.zeros((5, 2, 6, 6), np.uint8))
    with pytest.raises(FileError, match=r"tet-0/maps\.npz: .*other frames.*report\.figure4\.recipes"):
        draw(made)


def test_left_out_without_a_run_or_its_maps(made: Results, make: Make) -> None:
    file(made, "tet").unlink()
    assert draw(made) is None
    assert draw(make(**{**GRID, "baselines": ["lif"]})) is None


def test_steps_that_a_run_lacks_are_left_out(made: Results) -> None:
    with np.load(file(made, "tet")) as kept:
        spikes, frames = kept["spikes"], kept["frames"]
    write(file(made, "tet"), spikes[:2], frames[:2])
    found = draw(made)
    assert [axes.get_title() for axes in found.axes[1:3]] == ["HSD, T = 1", "TET, T = 1"]
    assert not found.axes[3].get_visible()


def test_mosaic_by_hand() -> None:
    sheet = mosaic(np.arange(3.0)[:, None, None])
    assert sheet.shape == (3, 3)
    assert sheet[0, 0] == 0 and sheet[0, 2] == 1 and sheet[2, 0] == 2 and np.isnan(sheet[1]).all()
    assert np.isnan(sheet[2, 2])
    assert mosaic(np.zeros((100, 2, 2))).shape == (8 * 3 - 1, 8 * 3 - 1)
