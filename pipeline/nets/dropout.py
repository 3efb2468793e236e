"""Dropout for sequences: a unit that is dropped is dropped at every time step."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class StepDropout(nn.Module):
    """Zero each unit of each sample with probability p, the same ones at all time steps; scale the others by 1/(1-p).

    Args:
        p: probability, 0 <= p < 1.

    Shape: [T, N, ...] -> the same. Identity in eval mode. The mask comes from torch's own stream.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p must lie in [0, 1), found {p}")
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return x * functional.dropout(x.new_ones(1, *x.shape[1:]), self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"
