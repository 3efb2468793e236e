"""A phase 1 ANN of params/anns.yaml."""

from __future__ import annotations

from pipeline.config.base import Count, Group, Name
from pipeline.config.dataset import AnnOrder
from pipeline.config.training import Gradient


class Ann(Group):
    """L, or the word under which a data set keeps its own; what is None it has as the data set has it.

    `gradient`: None: through all its layers at once, for it has no time to go back through.
    `order`: which frames it learns on, and so which are left to the recipes that take it; full: both see all.
    """

    levels: Count | Name
    schedule: Name | None = None
    network: Name | None = None
    order: AnnOrder | None = None
    gradient: Gradient | None = None
