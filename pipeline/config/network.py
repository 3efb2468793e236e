"""A network of params.yaml: model, activation, attention."""

from __future__ import annotations

from typing import Any

from pydantic import model_validator

from pipeline.config.base import Count, Group
from pipeline.pieces import piece

Model: Any = piece("nets.models")
Layer: Any = piece("nets.layers")


class Network(Group):
    """A network, complete in itself.

    `steps`: how many time steps it is bound to; null where it answers in any number of them, as without attention.
    """

    model: Model
    activation: Layer
    attention: Layer | None = None
    steps: Count | None = None

    @model_validator(mode="after")
    def _attention_is_bound(self) -> Network:
        if self.attention is not None and self.steps is None:
            raise ValueError("attention mixes all time steps: say how many with steps")
        return self
