"""The site of `make docs` is complete and has no broken link; the tour runs from top to bottom."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import ROOT

TOUR = ROOT / "docs/tour/tour.py"


def test_the_tour_runs_from_any_folder(tmp_path: Path) -> None:
    """Run all cells in a process of their own, and look at what they have made."""
    code = """
import runpy, sys
made = runpy.run_path(sys.argv[1])
print("frames", made["frames"].shape, made["frames"].dtype)
print("losses", *(row[made[name].header.index("ce")] for name in ("curves", "tuned_curves") for row in made[name].rows))
print("runs", len(made["runs"]), len(made["means"]))
"""
    environment = {**os.environ, "MPLBACKEND": "Agg"}
    done = subprocess.run([sys.executable, "-c", code, TOUR], cwd=ROOT / "docs/tour", env=environment,
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = dict(line.partition(" ")[::2] for line in done.stdout.splitlines())
    assert said["frames"] == "(120, 10, 2, 34, 34) uint8"
    first, last, again, tuned = map(float, said["losses"].split())
    assert last < first and tuned < again
    assert np.all(np.array(said["runs"].split(), int) > 5)


def build(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Make the site as `make docs` does, in a copy of the project."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", *options, "-c", "docs/site", ".", "site"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_the_site_is_complete_and_a_broken_link_is_an_error(tmp_path: Path) -> None:
    if find_spec("sphinx") is None:
        pytest.skip("no Sphinx in this environment; `make docs` installs it")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    done = build(tmp_path)
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    assert (site / "docs/index.html").is_file() and "docs/index.html" in (site / "index.html").read_text()
    for page in ("README.md", "CONTRIBUTING.md", *(path.relative_to(ROOT) for path in (ROOT / "docs").rglob("*.md"))):
        assert (site / page).with_suffix(".html").is_file(), page
    library = "".join(path.read_text(encoding="utf-8") for path in (site / "docs/site/made/api").glob("*.html"))
    for name in ("events.read.read_events", "nets.convert.convert", "training.loop.fit", "results.table.load"):
        assert f'id="pipeline.{name}"' in library
    tour = (site / "docs/site/made/tour/tour.html").read_text(encoding="utf-8")
    assert tour.count("<img") >= 2 and "tour.ipynb" in tour
    page = tmp_path / "docs/adding.md"
    page.write_text(page.read_text(encoding="utf-8") + "\n[nowhere](nowhere.md), [no such part](recipes.md#nowhere)\n")
    done = build(tmp_path, "-D", "plot_gallery=0")
    assert done.returncode != 0 and "'nowhere.md'" in done.stderr and "'docs/recipes': 'nowhere'" in done.stderr
