"""A phase 1 ANN of params/anns.yaml."""

from __future__ import annotations

from pipeline.config.base import Count, Group, Name


class Ann(Group):
    """L, or the word under which a data set keeps its own; schedule and network where not those of the data set."""

    levels: Count | Name
    schedule: Name | None = None
    network: Name | None = None
