"""What moves the weights, and how fast in each epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import nn

from pipeline.config.training import Optimizer, Schedule


def make_optimizer(parameters: Iterable[nn.Parameter], settings: Optimizer) -> torch.optim.Optimizer:
    """Return the optimizer that the settings name, over the parameters that learn."""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    # Fused: one pass over each parameter instead of one for each operation.
    shared: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay, "fused": True}
    if settings.kind == "sgd":
        return torch.optim.SGD(learning, momentum=settings.momentum, **shared)
    return torch.optim.Adam(learning, betas=(settings.momentum, 0.999), **shared)


def learning_rate(schedule: Schedule, epoch: int) -> float:
    """Return the learning rate of an epoch (from 0): constant, or half a cosine from lr towards 0."""
    if schedule.decay == "constant":
        return schedule.optimizer.lr
    return schedule.optimizer.lr * (1 + math.cos(math.pi * epoch / schedule.epochs)) / 2
