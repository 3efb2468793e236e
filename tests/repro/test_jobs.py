"""The tiny project by `python -m pipeline run` is, byte by byte, the tiny project by `dvc repro`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repro.conftest import Clone, make_clone

MADE = ("data/plan/**/*", "data/frames/*/*.h5", "data/models/**/*", "data/results/**/*", "reports/default/tables/*")


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="two runs at once need two cores")
def test_two_at_once_are_the_bytes_and_the_lock_of_one_after_the_other(reproduced: Clone, tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone")
    # Both train with one thread: `reproduced` by OMP_NUM_THREADS.
    clone.environment |= {"HSD_THREADS": "1"}
    running = clone.start(sys.executable, "-m", "pipeline", "run", "--jobs", "2")
    assert running.wait(800) == 0
    for pattern in MADE:
        found, wanted = clone.files(pattern), reproduced.files(pattern)
        assert wanted and sorted(found) == sorted(wanted)
        assert [name for name in wanted if found[name] != wanted[name]] == []
    assert lock(clone) == lock(reproduced)
    assert clone.repro() == []


def lock(clone: Clone) -> dict[str, Any]:
    """Return dvc.lock, but for what runs.csv is, which has the wall time of each run."""
    found: dict[str, Any] = yaml.safe_load((clone.root / "dvc.lock").read_text(encoding="utf-8"))
    for stage in found["stages"].values():
        for entry in (*stage.get("deps", ()), *stage["outs"]):
            if entry["path"].endswith("runs.csv"):
                entry.update(md5=None, size=None)
    return found
