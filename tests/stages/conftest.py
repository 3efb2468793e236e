"""Tiny frames of three classes in a folder of their own, and the stages run on them in this process."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from pipeline.config import parse
from pipeline.frames.store import Header, write
from tests import tiny

FRAMES = Path("data/frames/embedded.h5")
WHOLE = Path("data/frames/embedded.whole")
TEST = 9


def write_frames(seed: int = 0, steps: int = 5, path: Path = FRAMES) -> Path:
    """Write 15 training and 9 test recordings; frame t ends after 10 · (t + 1) events and 2 · (t + 1) ms."""
    rng = np.random.default_rng(seed)
    labels = np.arange(24) % 3
    frames = rng.integers(0, 4, (24, steps, 2, 18, 18), np.uint8)
    frames[np.arange(24), :, 0, :4, :4] += (labels * 6)[:, None, None, None].astype(np.uint8)
    header = Header("embedded", ["a", "b", "c"], steps, "number", [18, 18], [18, 18], "nearest", "toy", "0" * 64, 0)
    ends = [np.arange(1, steps + 1)] * 24
    write(
        path, frames, header, labels.tolist(), [0] * 15 + [1] * TEST, [f"a/{i:02}" for i in range(24)],
        [10 * end for end in ends], [2000 * end for end in ends],
    )  # fmt: skip
    return path


def cut_validation(path: Path = FRAMES, count: int = 3) -> None:
    """Make the last training recordings a validation part."""
    with h5py.File(path, "a") as file:
        sides = file["split"][:]
        sides[15 - count : 15] = 2
        file["split"][:] = sides
        file.attrs["validation"] = "share: 0.2, seed: 0"


def change_frames(path: Path, steps: list[int], side: int = 0) -> None:
    with h5py.File(path, "a") as file:
        frames = file["frames"][:]
        rows = file["split"][:] == side
        frames[np.ix_(rows, steps)] = np.random.default_rng(9).integers(0, 9, frames[np.ix_(rows, steps)].shape)
        file["frames"][:] = frames


def run(stage: Any, document: dict[str, Any], **names: Any) -> None:
    names = {"dataset": "embedded", "ann": "l4", "seed": 0, **names}
    stage.main(parse(document), argparse.Namespace(**names))


def weights(recipe: str, ann: str = "none") -> bytes:
    return Path(f"data/models/embedded/{ann}/{recipe}-0.safetensors").read_bytes()


def metrics(recipe: str, ann: str = "none") -> dict[str, Any]:
    return json.loads(Path(f"data/results/embedded/{ann}/{recipe}-0/metrics.json").read_text())


def arrays(recipe: str, ann: str = "none", name: str = "logits") -> dict[str, np.ndarray]:
    return dict(np.load(f"data/results/embedded/{ann}/{recipe}-0/{name}.npz", allow_pickle=False))


@pytest.fixture
def document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    made = tiny.params()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HSD_DEVICE", "cpu")
    write_frames()
    return made
