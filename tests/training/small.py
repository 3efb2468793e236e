"""Small networks, data and settings that the tests of training share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.config.training import Training
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.runtime.hardware import Hardware
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.curves import Curves
from pipeline.training.loop import fit
from pipeline.training.objective import Objective
from pipeline.training.seeds import stream
from tests.networks import vgg_snn

CPU = Hardware(torch.device("cpu"), "fp32")
NDA = {"kind": "nda", "roll_px": 2, "rotate_deg": 30.0, "shear_deg": 30.0}


def training(losses: Any = None, gradient: Any = "bptt", augmentations: Any = (), **schedule: Any) -> Training:
    """Return settings of three epochs of three steps for the ten recordings of `data`; `lr` and `kind` as wanted."""
    kind = schedule.pop("kind", "sgd")
    optimizer = {
        "kind": kind, "lr": schedule.pop("lr", 0.05 if kind == "sgd" else 1e-3), "momentum": 0.9, "weight_decay": 0.0,
    }  # fmt: skip
    return Training(
        losses=losses or {"kind": "ce", "of": "steps"},
        gradient={"kind": gradient} if isinstance(gradient, str) else gradient,
        augmentations=augmentations if isinstance(augmentations, dict) else list(augmentations),
        schedule={"epochs": 3, "batch_size": 4, "optimizer": optimizer, "decay": {"kind": "cosine"}, **schedule},
    )


def objective(losses: Any, teacher: nn.Module | None = None) -> Objective:
    """Return the objective of losses given as in params."""
    return Objective(training(losses).losses, teacher)


def data(count: int = 10, steps: int = 2, size: int = 16) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 5, (count, steps, 2, size, size), np.uint8), rng.integers(0, 3, count)


def batch(steps: int = 3, count: int = 4, seed: int = 0) -> Tensor:
    """Return frames [T, N, 2, 16, 16]."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 5, (steps, count, 2, 16, 16), generator=generator, dtype=torch.uint8)


def ann(width: float = 1 / 32) -> nn.Module:
    return vgg_snn(3, (16, 16), width, lambda: QCFS(4, 2.0), torch.Generator().manual_seed(0))


def snn(width: float = 1 / 32, neuron: Callable[[], nn.Module] = lambda: IF(0.5)) -> nn.Module:
    return vgg_snn(3, (16, 16), width, neuron, torch.Generator().manual_seed(1))


def train(
    net: nn.Module,
    root: Path,
    settings: Training | None = None,
    teacher: nn.Module | None = None,
    seed: int = 0,
    keep: bool = False,
    what: Objective | None = None,
    on: tuple[np.ndarray, np.ndarray] | None = None,
    **more: Any,
) -> tuple[dict[str, Tensor], Curves]:
    """Train as a stage does and return the weights and the curves; `keep`: the checkpoint stays."""
    settings = settings or training()
    frames, labels = on or data()
    if what is None:
        what = Objective(settings.losses, teacher)
        what.attach(net, torch.from_numpy(frames[:1]).transpose(0, 1), stream(seed, "aligner"))
    checkpoint = Checkpoint({"n": 1}, {}, "code", root)
    curves = fit(net, frames, labels, what, settings, seed, CPU, checkpoint, "test", **more)
    if not keep:
        checkpoint.delete()
    return net.state_dict(), curves


def same(one: dict, two: dict) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)
