"""Cross-entropies of per-step logits, which most losses begin with."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from pipeline.training.losses import Targets


def cross_entropy(logits: Tensor, targets: Targets, of: str, smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of the mean logits (of: mean), or the mean of each step's (of: steps): a scalar.

    Args:
        logits: [T, N, C].
        smoothing: the share of the target that all classes have in equal parts.
    """
    return ace(logits, targets, smoothing) if of == "steps" else ce_mean(logits, targets, smoothing)


def ace(logits: Tensor, targets: Targets, smoothing: float = 0.0) -> Tensor:
    """Return the average of the cross-entropies of all frames (eq. 5), float32.

    Args:
        logits: [T, N, C].
    """
    return _mixed(logits.float().flatten(0, 1), targets, logits.shape[0], smoothing)


def ce_mean(logits: Tensor, targets: Targets, smoothing: float = 0.0) -> Tensor:
    """Return the cross-entropy of the logits' mean over the steps (L_CE of eq. 13), float32.

    Args:
        logits: [T, N, C].
    """
    return _mixed(logits.float().mean(0), targets, 1, smoothing)


def _mixed(logits: Tensor, targets: Targets, steps: int, smoothing: float) -> Tensor:
    """Return the mean cross-entropy of logits [steps · N, C], each recording's weighed between its two labels."""
    if targets.other is None:
        return F.cross_entropy(logits, targets.labels.repeat(steps), label_smoothing=smoothing)

    def each(labels: Tensor) -> Tensor:
        found = F.cross_entropy(logits, labels.repeat(steps), reduction="none", label_smoothing=smoothing)
        return found.unflatten(0, (steps, -1))

    return targets.weighed(each)
