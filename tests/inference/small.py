"""A small trained-like network with its weights file, made without a training, and recordings for it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline.config.frames import FrameFile, FrameSelection
from pipeline.config.network import Network
from pipeline.events.types import Events
from pipeline.inference.framing import Framing
from pipeline.nets.build import build
from pipeline.nets.weights import save_weights
from tests import standins

SIDE = 12
CHAIN = {"kind": "chain", "layers": [8, "p", 16], "dropout": 0.0}
CLASSES = ["one", "two", "three"]


def framing(steps: int = 4, slice_by: str = "number", sensor: tuple[int, int] = (SIDE, SIDE), **seen: Any) -> Framing:
    """Return how a recording becomes frames: by default all four of four."""
    file = FrameFile(steps=steps, frame_size=[SIDE, SIDE], slice_by=slice_by)
    selection = FrameSelection(file=file, **{"first": 0, "stop": steps, **seen})
    return Framing(sensor=list(sensor), extent="sensor", orientation=[], resize="bin", selection=selection)


def write_weights(path: Path, frames: Framing, activation: Any = None, model: Any = None, **more: Any) -> Path:
    """Write the weights file of a network with random weights that answers differently to different recordings."""
    generator = torch.Generator().manual_seed(0)
    network = Network.model_validate(
        {"model": model or CHAIN, "activation": activation or {"kind": "if", "threshold": 0.5}, **more}
    )
    net = build(network, len(CLASSES), frames.size, generator)
    about = {
        "run": {"dataset": "d", "ann": None, "recipe": "toy", "seed": 0},
        "network": network.model_dump(mode="json"),
        "classes": CLASSES,
        "frames": frames.model_dump(mode="json"),
    }
    save_weights(net, path, about)
    return path


def recording(seed: int = 0, count: int = 2003, end: int = 90_000) -> Events:
    """Return events all over the sensor."""
    return standins.events(np.random.default_rng(seed), SIDE, SIDE, count, end)
