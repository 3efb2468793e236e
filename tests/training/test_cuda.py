"""What only a GPU can show; skipped where there is none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.layers.qcfs import QCFS
from pipeline.runtime.hardware import Hardware
from pipeline.training import loop
from pipeline.training.augmentations import cutmix, nda
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.objective import Objective
from tests.networks import vgg_snn
from tests.training.small import training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
AUGMENTATIONS = [{"kind": "nda", "roll_px": 2, "rotate_deg": 10.0}, {"kind": "cutmix"}]


def train(folder: Path, epochs: int = 3) -> dict[str, torch.Tensor]:
    rng = np.random.default_rng(0)
    frames = rng.poisson(0.5, (24, 3, 2, 16, 16)).astype(np.uint8)
    labels = np.arange(24) % 3
    ann = vgg_snn(3, (16, 16), 1 / 8, lambda: QCFS(4, 2.0), torch.Generator().manual_seed(0))
    net, hardware = convert(ann), Hardware(torch.device("cuda"), "bf16")
    settings = training({"kind": "skd"}, augmentations=AUGMENTATIONS, epochs=epochs, batch_size=8, kind="adam",
                        decay={"kind": "constant"})  # fmt: skip
    objective = Objective(settings.losses, folded(ann).to("cuda"))
    checkpoint = Checkpoint({"cuda": 1}, {}, "code", folder)
    loop.fit(net, frames, labels, objective, settings, 0, hardware, checkpoint, "cuda")
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

    for piece in (nda, cutmix):
        monkeypatch.setattr(piece, "augment", watched(piece.augment))
    monkeypatch.setattr(loop, "_step", watched(loop._step))
    train(tmp_path / "watched")
