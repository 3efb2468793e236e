"""Settings of the network families and of what is varied in training: the ANNs' levels, the augmentation."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.config.base import Count, Group, Name, Names, Nonnegative, Positive, Whole

# Height and width that a family of networks needs at least, px: a pixel is left after its poolings of 2.
SMALLEST_FRAME = {"vgg_snn": 16, "snn5": 32}
# Activations act1, act2, ... of maps, at which features are tapped and behind which attention goes.
MAP_ACTIVATIONS = {"vgg_snn": 8, "snn5": 5}


class VggSnn(Group):
    family: Literal["vgg_snn"]
    width: Positive
    attention: Names


class Snn5(Group):
    family: Literal["snn5"]
    width: Positive
    dropout: Annotated[float, Field(ge=0, lt=1)]
    voters: Count
    attention: Names


Network = Annotated[VggSnn | Snn5, Field(discriminator="family")]


class Ann(Group):
    levels: Count | Name
    epochs: Count | None


class Augment(Group):
    """How training frames are varied; of roll, rotate and shear those above 0 take part and one is drawn a sample."""

    flip: bool
    roll_px: Whole
    rotate_deg: Nonnegative
    shear_deg: Nonnegative

    @property
    def active(self) -> bool:
        """Whether anything is varied at all."""
        return self.flip or any((self.roll_px, self.rotate_deg, self.shear_deg))
