"""How the gradient of a batch comes about. A kind is one file here, with `Options`, a `GradientOptions`, and

    backward(net, frames, targets, objective, teacher, hardware, seed, options) -> (terms, logits)

frames: [T, N, 2, H, W]. teacher: what it says of them. seed: of the batch's noise (dropout). The gradients are added to
those of the parameters; the terms of `Objective` and the logits [T, N, C] are returned without gradient.
"""

from __future__ import annotations

from typing import ClassVar

from pipeline.config.base import Group


class GradientOptions(Group):
    """What the options of every gradient answer.

    `stepwise`: whether it sees one time step at a time. Then every loss must be a mean over steps, and no layer may
    need all frames (attention over time).
    """

    kind: str
    stepwise: ClassVar[bool] = False
