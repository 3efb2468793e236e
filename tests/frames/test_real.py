"""Real recordings, where they are placed: the same frames file for everybody."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pipeline.config.catalogues import load
from pipeline.frames.build import build

ROOT = Path(__file__).parents[2]
PLACED = ROOT / "data/raw/nmnist-6789"
PAGE = ROOT / "docs/datasets/nmnist-6789.md"


@pytest.mark.skipif(not PLACED.is_dir(), reason=f"{PLACED.relative_to(ROOT)} is not placed: see {PAGE.name}")
def test_the_frames_of_nmnist_are_those_of_its_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    settings = load().dataset("nmnist-6789").integrate
    built = build(PLACED, tmp_path / "frames", "nmnist-6789", settings, [], 1)
    assert (built.default.train, built.default.test, built.default.header.classes) == (100, 1000, list("6789"))
    digest = hashlib.sha256((tmp_path / "frames" / settings.file.name).read_bytes()).hexdigest()
    assert f"`{digest}`" in PAGE.read_text(encoding="utf-8")
