"""What moves the weights, and how fast in each epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any, assert_never

import torch
from torch import nn

from pipeline.config.training import Constant, Cosine, Optimizer, Periodic, Plateau, Schedule, Steps


def make_optimizer(parameters: Iterable[nn.Parameter], settings: Optimizer) -> torch.optim.Optimizer:
    """Return the optimizer that the settings name, over the parameters that learn."""
    learning = [parameter for parameter in parameters if parameter.requires_grad]
    # Fused: one pass over each parameter instead of one for each operation.
    shared: dict[str, Any] = {"lr": settings.lr, "weight_decay": settings.weight_decay, "fused": True}
    if settings.kind == "sgd":
        return torch.optim.SGD(learning, momentum=settings.momentum, **shared)
    adam = torch.optim.AdamW if settings.kind == "adamw" else torch.optim.Adam
    return adam(learning, betas=(settings.momentum, 0.999), **shared)


def learning_rate(schedule: Schedule, epoch: int, losses: Sequence[float]) -> float:
    """Return the learning rate of an epoch; nothing but the arguments decides it, so that a resumed training has it.

    Args:
        epoch: from 0.
        losses: the training's, of each epoch before; only a plateau looks at them, and only behind the warm-up.

    The warm-up takes the place of the decay's first epochs instead of coming before them, as the library timm has it
    (our reading of the systems that use it).
    """
    rate, decay, warmup = schedule.optimizer.lr, schedule.decay, schedule.warmup
    if warmup is not None and epoch < warmup.epochs:
        return warmup.lr + (rate - warmup.lr) * epoch / warmup.epochs
    match decay:
        case Constant():
            return rate
        case Cosine():
            falling = schedule.epochs - decay.hold
            return _cosine(rate, decay.floor, min(epoch, falling), falling)
        case Periodic():
            return _cosine(rate, decay.floor, epoch, decay.half_period)
        case Steps():
            return rate * decay.factor ** (epoch // decay.every)
        case Plateau():
            return _after_plateaus(rate, decay, losses[warmup.epochs if warmup else 0 : epoch])
    assert_never(decay)


def _cosine(rate: float, floor: float, epoch: int, half: int) -> float:
    """Return the rate at epoch 0, the floor at epoch `half`, what a cosine has between and beyond."""
    return floor + (rate - floor) * (1 + math.cos(math.pi * epoch / half)) / 2


def _after_plateaus(rate: float, decay: Plateau, losses: Sequence[float]) -> float:
    """Return what torch's scheduler makes of the rate once it has seen the losses."""
    mover = torch.optim.SGD([torch.zeros(())], lr=rate)
    scheduler = torch.optim.lr_scheduler.ReduceLROnPlateau(
        mover, factor=decay.factor, patience=decay.patience, threshold=decay.threshold, min_lr=decay.floor
    )
    for loss in losses:
        scheduler.step(loss)
    found: float = mover.param_groups[0]["lr"]
    return found
