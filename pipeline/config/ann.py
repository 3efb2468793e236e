"""A phase 1 ANN of params/anns.yaml."""

from __future__ import annotations

from pydantic import model_validator

from pipeline.config.base import Count, Group, Name, Positive
from pipeline.config.dataset import AnnOrder
from pipeline.config.training import Gradient


class Ann(Group):
    """L, or the word under which a data set keeps its own; what is None it has as the data set has it.

    `gradient`: None: through all its layers at once, for it has no time to go back through.
    `order`: which frames it learns on, and so which are left to the recipes that take it; full: both see all.
    """

    levels: Count | Name
    threshold: Positive | None = None
    schedule: Name | None = None
    network: Name | None = None
    order: AnnOrder | None = None
    gradient: Gradient | None = None

    @model_validator(mode="after")
    def _gradient_is_one_of_an_ann(self) -> Ann:
        if self.gradient is not None and self.gradient.surrogate is not None:
            raise ValueError(
                f"gradient: {self.gradient.kind} is of neurons with a surrogate, which an ANN has not; leave it out"
            )
        return self
