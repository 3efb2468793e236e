"""What only a GPU can show; skipped where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import Augment, Optimiser, Schedule
from pipeline.nets import QCFS, convert, vgg_snn
from pipeline.runtime.hardware import Hardware
from pipeline.training import loop
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.recipes import frozen, snn_objective
from tests.tiny import recipe

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
AUGMENT = Augment(flip=False, roll_px=2, rotate_deg=10.0, shear_deg=0.0)


def train(folder: Path, epochs: int = 3) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    frames = rng.poisson(0.5, (24, 3, 2, 16, 16)).astype(np.uint8)
    labels = np.arange(24) % 3
    ann = vgg_snn(3, (16, 16), 1 / 8, lambda: QCFS(4, 2.0), torch.Generator().manual_seed(0))
    net, hardware = convert(ann), Hardware(torch.device("cuda"), "bf16")
    objective = snn_objective(recipe(init="converted", loss="skd", weight=1.0), frozen(ann).to("cuda"))
    optimiser = Optimiser(name="adam", lr=1e-3, momentum=0.9, weight_decay=0.0)
    plan = Schedule(epochs=epochs, batch_size=8, optimiser=optimiser, decay="constant")
    checkpoint = Checkpoint({"cuda": 1}, folder)
    loop.fit(net, frames, labels, objective, plan, 0, hardware, checkpoint, "cuda", AUGMENT)
    return {name: value.cpu() for name, value in net.state_dict().items()}


def test_two_runs_and_a_resumed_one_are_bit_equal(tmp_path: Path) -> None:
    whole, again = train(tmp_path / "a"), train(tmp_path / "b")
    train(tmp_path / "c", epochs=1)
    resumed = train(tmp_path / "c")
    for name, value in whole.items():
        assert torch.equal(value, again[name]) and torch.equal(value, resumed[name]), name


def test_no_batch_waits_for_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    train(tmp_path / "warm")  # compiled now: the compiler itself waits

    def watched(function: Any) -> Any:
        def run(*arguments: Any) -> Any:
            torch.cuda.set_sync_debug_mode("error")
            try:
                return function(*arguments)
            finally:
                torch.cuda.set_sync_debug_mode("default")

        return run

    monkeypatch.setattr(loop, "augment", watched(loop.augment))
    monkeypatch.setattr(loop, "_step", watched(loop._step))
    train(tmp_path / "watched")
