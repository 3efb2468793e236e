from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from pipeline.config import parse
from pipeline.report.figures.style import PALETTE, drawing, look, method, methods, save

DRAW = """
import sys; from pathlib import Path; from matplotlib.figure import Figure
from pipeline.report.figures.style import drawing, save
with drawing():
    figure = Figure(); axes = figure.subplots(); axes.plot([1, 2], label="µ → ✓"); axes.legend()
    save(figure, Path(sys.argv[1]), "one", 50)
"""


def test_a_method_has_one_look_in_whatever_steps(make: Any) -> None:
    params = make()[0]
    assert {method(name) for name in ("hsd", "hsd-1", "hsd-10")} == {"hsd"}
    assert {method(name) for name in ("tet", "tet-5", "tet-all")} == {"tet"}
    assert method("ht-tet") == "ht-tet" and method("kd-feature") == "kd-feature"
    assert look("hsd-1", params) == look("hsd", params) and look("tet-all", params) == look("tet", params)
    looks = [look(name, params) for name in (*methods(params), "ann", "converted")]
    assert len(set(looks)) == len(looks)
    # What stands in one figure beside one another differs in colour too.
    table2 = [look(name, params).color for name in (*params.report.table2, "tet", "ann", "converted")]
    assert len(set(table2)) == len(table2) and set(table2[:-2]) <= set(PALETTE)


def test_a_new_recipe_takes_the_next_free_look_and_changes_no_other(make: Any, document: Any) -> None:
    before = parse(document)
    document["recipes"] = {"mine": {"init": "converted"}, **document["recipes"]}
    document["report"]["methods"] = [*methods(before)]
    after = parse(document)
    assert all(look(name, after) == look(name, before) for name in before.recipes)
    assert look("mine", after) not in {look(name, before) for name in before.recipes}


def test_many_methods_stay_apart(document: Any) -> None:
    before = len(methods(parse(document)))
    document["recipes"].update({f"new{'x' * index}": {"init": "converted"} for index in range(14)})
    params = parse(document)
    looks = [look(name, params) for name in methods(params)]
    assert len(set(looks)) == len(looks) == before + 14


def test_same_bytes_in_another_process_without_date_or_version(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    # A user's own defaults change nothing, nor does the order of Python's sets.
    (tmp_path / "matplotlibrc").write_text("lines.linewidth: 9\n")
    environment = {**os.environ, "PYTHONHASHSEED": "1", "MATPLOTLIBRC": str(tmp_path)}
    subprocess.run([sys.executable, "-c", DRAW, str(there)], check=True, env=environment)
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
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".pdf", ".pdf", ".png", ".png"]
    for kind in ("png", "pdf"):
        assert (tmp_path / f"first.{kind}").read_bytes() == (tmp_path / f"second.{kind}").read_bytes()
