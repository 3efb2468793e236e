from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from pipeline.config.report import ReportSettings
from pipeline.report.style import PALETTE, drawing, hollow, look, mark, methods, save, spread
from tests.finished import REPORT, entry, settings_of

ROOT = Path(__file__).parents[2]
DRAW = """
import sys; from pathlib import Path; from matplotlib.figure import Figure
from pipeline.report.style import drawing, save
with drawing():
    figure = Figure(); axes = figure.subplots(); axes.plot([1, 2], label="µ → ✓"); axes.legend()
    save(figure, Path(sys.argv[1]), "one", 50)
"""


def of(settings: ReportSettings, recipe: str, title: str = "same") -> dict[str, Any]:
    """Return the look of a recipe without what its title says."""
    row = entry("mnist-dvs-sim", recipe, "l8", 0).model_dump()
    return look({**row, "title": title}, settings)


def key(shape: dict[str, Any]) -> tuple[Any, ...]:
    return shape["color"], shape["marker"], shape["linestyle"]


def test_a_method_has_one_look_in_whatever_steps() -> None:
    settings = settings_of("methods")
    assert of(settings, "hsd.t1") == of(settings, "hsd.t10") == of(settings, "hsd")
    assert of(settings, "tet-full.t5") == of(settings, "tet")
    assert of(settings, "hsd", "HSD, 1 step")["label"] == "HSD, 1 step"
    looks = {key(of(settings, name)) for name in (*methods(settings), "ann", "converted")}
    assert len(looks) == len(methods(settings)) + 2
    # What stands in one figure beside one another differs in colour too.
    table2 = [of(settings, name)["color"] for name in (*REPORT.table2, "tet", "ann", "converted")]
    assert len(set(table2)) == len(table2) and set(table2[:-2]) <= set(PALETTE)


def test_a_new_recipe_takes_the_next_free_look_and_changes_no_other() -> None:
    before = settings_of()
    after = settings_of(recipes=["mine", *before.grid.recipes])
    assert methods(after) == [*methods(before), "mine"]
    assert all(of(after, name) == of(before, name) for name in methods(before))
    assert key(of(after, "mine")) not in {key(of(before, name)) for name in methods(before)}


def test_many_methods_stay_apart() -> None:
    settings = settings_of(recipes=["hsd", *(f"new{index}" for index in range(20))])
    looks = [key(of(settings, name)) for name in methods(settings)]
    assert len(set(looks)) == len(looks) == len(REPORT.methods) + 20


def test_a_second_series_of_a_method_is_hollow_in_its_colour() -> None:
    shape = mark("#D55E00", "o", "-", "TET")
    second = hollow(shape)
    assert second["color"] == second["markeredgecolor"] == "#D55E00" and second["markerfacecolor"] == "white"
    assert second["linestyle"] != shape["linestyle"]


def test_bars_are_the_deviation_over_seeds_or_the_interval_of_one() -> None:
    values = np.array([[0.8, 0.5], [0.9, 0.5]])
    assert spread(values, 100) == pytest.approx(np.array([[0.05 * 2**0.5, 0]] * 2))
    # 81 of 100: see test_statistics.
    assert spread(np.array([[0.81]]), 100).ravel() == pytest.approx([0.81 - 0.72221, 0.87485 - 0.81], abs=1e-5)


def test_same_bytes_in_another_process_without_date_or_version(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    # A user's own defaults change nothing, nor does the order of Python's sets.
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\n")
    environment = {**os.environ, "PYTHONHASHSEED": "1", "MATPLOTLIBRC": str(tmp_path)}
    subprocess.run([sys.executable, "-c", DRAW, str(there)], check=True, env=environment, cwd=ROOT)
    draw(here, "one")
    for name in ("one.png", "one.pdf"):
        content = (here / name).read_bytes()
        assert content == (there / name).read_bytes()
        assert b"CreationDate" not in content and b"atplotlib" not in content and b"Software" not in content


def draw(folder: Path, name: str) -> None:
    with drawing():
        figure = Figure()
        axes = figure.subplots()
        axes.plot([1, 2], label="µ → ✓")
        axes.legend()
        save(figure, folder, name, 50)


def test_saving_again_gives_the_same_bytes(tmp_path: Path) -> None:
    draw(tmp_path, "first")
    draw(tmp_path, "second")
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".pdf", ".pdf", ".png", ".png", ".svg", ".svg"]
    for kind in ("png", "pdf"):
        assert (tmp_path / f"first.{kind}").read_bytes() == (tmp_path / f"second.{kind}").read_bytes()
