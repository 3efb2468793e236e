"""A vote: groups of outputs are averaged."""

from __future__ import annotations

from typing import Literal

from torch import Tensor, nn

from pipeline.config.base import Count, Group


class Options(Group):
    """How many outputs a class has."""

    kind: Literal["vote"] = "vote"
    voters: Count = 10


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return the layer."""
    del channels, steps
    return Vote(options.voters)


class Vote(nn.Module):
    """Average groups of outputs: [..., C · voters] -> [..., C].

    SpikingJelly's VotingLayer adds in another order: the same up to rounding, but not to the bit.
    """

    def __init__(self, voters: int) -> None:
        super().__init__()
        self.voters = voters

    def forward(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (-1, self.voters)).mean(-1)

    def extra_repr(self) -> str:
        return f"voters={self.voters}"
