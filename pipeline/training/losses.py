"""The paper's losses on per-step logits [T, N, C]; each returns a scalar, in float32 whatever the inputs' precision."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

AVERAGES = ("probabilities", "logits")


def ace(logits: Tensor, target: Tensor) -> Tensor:
    """Average the cross-entropies of all frames (eq. 5).

    Args:
        logits: [T, N, C]. target: class indices int64 [N].
    """
    steps = logits.shape[0]
    return F.cross_entropy(logits.float().flatten(0, 1), target.repeat(steps))


def ce_mean(logits: Tensor, target: Tensor) -> Tensor:
    """Take the cross-entropy of the logits' mean over the steps (L_CE of eq. 13).

    Args:
        logits: [T, N, C]. target: class indices int64 [N].
    """
    return F.cross_entropy(logits.float().mean(0), target)


def tet(logits: Tensor, target: Tensor, weight: float, mean: float) -> Tensor:
    """Train every step, and draw the logits to a mean: (1 - λ) · ACE + λ · MSE(logits, mean).

    Args:
        logits: [T, N, C]. target: class indices int64 [N].
        weight: λ, 0 to 1; at 0 this is `ace`.
        mean: what all logits are drawn to.

    Source: Deng et al., Temporal Efficient Training (ICLR 2022), eq. 10 to 12 and their code.
    """
    steps = ace(logits, target)
    if weight == 0:
        return steps
    return (1 - weight) * steps + weight * (logits.float() - mean).square().mean()


def features(student: Mapping[str, Tensor], teacher: Mapping[str, Tensor]) -> Tensor:
    """Distil features: the mean squared distance at each tap, averaged over the taps (Table 5, feature-based).

    Args:
        student: features averaged over time steps, {tap: [N, C, H, W]}. teacher: the same, over frames; no gradient
            reaches them.

    Raises:
        ValueError: no taps, or others on one side.
    """
    if not student or set(student) != set(teacher):
        raise ValueError(f"expected the same taps on both sides, found {sorted(student)} and {sorted(teacher)}")
    distances = [F.mse_loss(student[tap].float(), teacher[tap].detach().float()) for tap in sorted(student)]
    return torch.stack(distances).mean()


def kd(student: Tensor, teacher: Tensor, temperature: float, average: str = "probabilities") -> Tensor:
    """Distil the mean output: τ² · KL(teacher ‖ student), both averaged over their steps (eq. 9 and 10).

    Args:
        student: logits [T, N, C]. teacher: logits [T', N, C]; no gradient reaches them.
        temperature: τ.
        average: over the steps, "probabilities": of softmax(z/τ), as eq. 10; "logits": of z, before the softmax.

    Returns:
        The divergence summed over classes and averaged over the batch, times τ².
    """
    _check(average)
    soft = _log_average(teacher.detach().float() / temperature, average)
    guess = _log_average(student.float() / temperature, average)
    return _divergence(soft, guess).mean() * temperature**2


def skd(student: Tensor, teacher: Tensor, temperature: float, average: str = "probabilities") -> Tensor:
    """Distil every step's output: τ² · mean over t of KL(teacher ‖ student at t), the teacher averaged (eq. 11).

    Never less than `kd` of the same arguments (Jensen), and equal to it at one step. Arguments and result as for `kd`.
    """
    _check(average)
    soft = _log_average(teacher.detach().float() / temperature, average)
    guess = F.log_softmax(student.float() / temperature, dim=-1)
    return _divergence(soft, guess).mean() * temperature**2


def _log_average(scaled: Tensor, average: str) -> Tensor:
    if average == "logits":
        return F.log_softmax(scaled.mean(0), dim=-1)
    # In log space: the mean of softmaxes can underflow where its logarithm does not.
    return torch.logsumexp(F.log_softmax(scaled, dim=-1), dim=0) - math.log(len(scaled))


def _divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def _check(average: str) -> None:
    if average not in AVERAGES:
        raise ValueError(f"average must be one of {AVERAGES}, found {average!r}")
