"""How training frames are varied. A kind is one file here, with `Options`, an `AugmentationOptions`, and

    augment(frames, targets, options, generator) -> (frames, targets)

frames: [N, T, 2, H, W], any dtype and device; they are left as they were. targets: what they should be answered, which
an augmentation may change too. generator: on the CPU, so that the same seed draws the same on every device.
"""

from __future__ import annotations

from typing import ClassVar

from pipeline.config.base import Group


class AugmentationOptions(Group):
    """What the options of every augmentation answer.

    `mixes`: whether it mixes two recordings in one, and so their labels; once in a recipe, for targets have two labels.
    """

    kind: str
    mixes: ClassVar[bool] = False

    def takes_part(self, epoch: int) -> bool:
        """Whether the frames of an epoch, counted from 0, are varied by it; where not, it is left out."""
        del epoch
        return True

    @property
    def mirrors(self) -> bool:
        """Whether left and right are exchanged: wrong where they are classes (DVS128 Gesture)."""
        return False
