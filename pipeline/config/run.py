"""The settings of one run, complete in themselves, as `plan` writes them and the run's stage reads them."""

from __future__ import annotations

from typing import Literal

from pipeline.config.base import Count, Group, Whole
from pipeline.config.network import Network
from pipeline.config.training import EvalEvery, Training


class Identity(Group):
    """A run's names, by which its files are found; `ann` is null where it takes no ANN."""

    dataset: str
    ann: str | None
    recipe: str
    seed: Whole


class TrainAnn(Group):
    """Phase 1: a QCFS network learns; L is kept for the results."""

    run: Identity
    levels: Count
    network: Network
    training: Training
    eval_every: EvalEvery


class Convert(Group):
    """The ANN of a run becomes a spiking network; `batch_size` of its test."""

    run: Identity
    levels: Count
    network: Network
    batch_size: Count


class TrainSnn(Group):
    """Phase 2: a spiking network learns, from the ANN's weights or from random ones; `ann`: the ANN's network and L."""

    run: Identity
    init: Literal["converted", "random"]
    network: Network
    ann: Network | None
    levels: Count | None
    training: Training
    eval_every: EvalEvery
