"""Dropout for sequences: a unit that is dropped is dropped at every time step, until `functional.reset_net`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field
from spikingjelly.activation_based import layer
from torch import nn

from pipeline.config.base import Group


class Options(Group):
    """The probability p, 0 <= p < 1."""

    kind: Literal["dropout"] = "dropout"
    p: Annotated[float, Field(ge=0, lt=1)] = 0.5


def build(options: Options, channels: int | None = None, steps: int | None = None) -> nn.Module:
    """Return SpikingJelly's layer, with one mask for all steps; the mask comes from torch's own stream."""
    del channels, steps
    return layer.Dropout(options.p, step_mode="m")
