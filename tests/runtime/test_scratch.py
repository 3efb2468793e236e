"""Checkpoints of trainings that were given up are removed by their age."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.runtime.scratch import DAY, SCRATCH


def test_old_checkpoints_go_and_new_ones_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / SCRATCH
    folder.mkdir(parents=True)
    for name, days in (("old", 8), ("new", 6)):
        (folder / f"{name}.pt").write_bytes(bytes(1_500_000))
        os.utime(folder / f"{name}.pt", (0, time.time() - days * DAY))
    assert main(["tidy"]) == 0
    assert [path.name for path in folder.iterdir()] == ["new.pt"]
    assert capsys.readouterr().out.splitlines() == [
        ".dvc/tmp/trainings: 1 checkpoints of 1.5 MB not written for 7 days, removed",
        ".dvc/tmp/trainings: 1 checkpoints of 1.5 MB kept",
    ]
    assert main(["tidy", "--days", "0"]) == 0 and not list(folder.iterdir())


def test_nothing_there_is_nothing_to_remove(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["tidy"]) == 0 and "0 checkpoints of 0.0 MB kept" in capsys.readouterr().out
