"""What params.yaml may hold: one frozen class per group; the meaning of each key stands in params.yaml itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.base import Count, Group, Name, Names, Nonnegative, Positive, Whole, unique
from pipeline.config.data import Integrate, Recordings
from pipeline.config.names import nearest, unknown_name
from pipeline.config.networks import Ann, Augment, Network
from pipeline.config.splits import FirstForTestSplit, NumericSplit
from pipeline.errors import ConfigError

# Layouts in which left and right, clockwise and counter-clockwise are classes.
HANDED = ("dvsgesture", "dvsgesture_tonic")


class Grid(Group):
    name: Name
    datasets: Annotated[Names, Field(min_length=1)]
    simulated: Names
    ann: Name
    anns: Annotated[Names, Field(min_length=1)]
    sweep: Names
    sweep_recipes: Names
    baselines: Names
    recipes: Names
    seeds: Annotated[list[Whole], AfterValidator(unique), Field(min_length=1)]

    @model_validator(mode="after")
    def _sweep_is_trained(self) -> Grid:
        expected = {self.ann, *self.sweep}
        if set(self.anns) != expected or self.ann in self.sweep:
            raise ValueError(
                f"anns must be ann and sweep together, once each: {sorted(expected)}, found {sorted(self.anns)}"
            )
        doubled = sorted(set(self.baselines) & set(self.recipes))
        if doubled:
            raise ValueError(f"listed under both baselines and recipes: {', '.join(doubled)}")
        unknown = sorted(set(self.simulated) - set(self.datasets))
        if unknown:
            raise ValueError(f"simulated names data sets that datasets does not: {', '.join(unknown)}")
        return self


class Phases(Group):
    offset: Whole
    t1: Count
    t2: Count


class Optimiser(Group):
    name: Literal["sgd", "adam"]
    lr: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Nonnegative


class Schedule(Group):
    epochs: Count
    batch_size: Count
    optimiser: Optimiser
    decay: Literal["cosine", "constant"]


class TrainAnn(Group):
    levels: dict[Name, Count]
    schedule: Schedule
    threshold: Positive
    gradient: Literal["floor", "clamp"]
    loss: Literal["ace", "ce_mean"]


class Finetune(Group):
    converted: Schedule
    random: Schedule


class Dataset(Group):
    network: Name
    paper: Literal["cifar10dvs", "ncaltech101", "dvsgesture"] | None
    recordings: Recordings | None
    integrate: Integrate
    phases: Phases
    augment: Augment
    train_ann: TrainAnn
    finetune: Finetune

    @model_validator(mode="after")
    def _phases_fit(self) -> Dataset:
        used = self.phases.offset + self.phases.t1 + self.phases.t2
        if used > self.integrate.steps:
            raise ValueError(
                f"phases need {used} frames (offset {self.phases.offset} + t1 {self.phases.t1} + t2 {self.phases.t2}), "
                f"integrate.steps gives {self.integrate.steps}"
            )
        return self

    @model_validator(mode="after")
    def _labels_survive(self) -> Dataset:
        if self.augment.flip and (self.integrate.layout in HANDED or self.paper == "dvsgesture"):
            raise ValueError(
                "augment.flip: a mirrored right hand wave is a left hand wave, clockwise becomes counter-clockwise: "
                "flips give wrong labels on DVS128 Gesture; set it to false"
            )
        return self

    @model_validator(mode="after")
    def _recordings_fit(self) -> Dataset:
        """What the project records itself is known before it is recorded."""
        made, asked = self.recordings, self.integrate
        if made is None:
            return self
        if any(has > fits for has, fits in zip(made.sensor, asked.sensor, strict=True)):
            raise ValueError(f"recordings.sensor {made.sensor} does not fit integrate.sensor {asked.sensor}")
        if asked.layout != "classes" or asked.split.rule == "given":
            raise ValueError("simulated recordings lie as integrate.layout: classes, without a given split")
        numbers = asked.split.train if isinstance(asked.split, NumericSplit) else 0
        numbers = asked.split.test if isinstance(asked.split, FirstForTestSplit) else numbers
        if numbers >= made.per_class:
            raise ValueError(
                f"integrate.split leaves a side empty: it takes {numbers} of {made.per_class} recordings a class"
            )
        return self


class Recipe(Group):
    title: str
    init: Literal["converted", "random"]
    neuron: Literal["if", "lif"]
    threshold: Positive
    loss: Literal["ce", "kd", "skd"]
    weight: Nonnegative
    temperature: Positive
    average: Literal["probabilities", "logits"]
    ce: Literal["mean", "steps"]
    train_threshold: bool
    detach_reset: bool

    @model_validator(mode="after")
    def _neuron_can_be_converted(self) -> Recipe:
        if self.init == "converted" and self.neuron != "if":
            raise ValueError("init: converted needs neuron: if (eq. 6-8 hold for integrate-and-fire neurons only)")
        return self

    @property
    def needs_ann(self) -> bool:
        """Whether the recipe starts from the phase 1 ANN or learns from it."""
        return self.init == "converted" or self.loss != "ce"


class Report(Group):
    headline: Annotated[Names, Field(max_length=8)]
    preview: Count
    dpi: Count


class Params(Group):
    """The whole of params.yaml; the named grids that stand beside `grid` at its top level are gathered in `grids`."""

    grid: Grid
    grids: dict[str, Grid]
    datasets: dict[Name, Dataset]
    networks: dict[Name, Network]
    anns: dict[Name, Ann]
    recipes: dict[Name, Recipe]
    report: Report

    def dataset(self, name: str) -> Dataset:
        return _named(self.datasets, "datasets", name)

    def ann(self, name: str) -> Ann:
        return _named(self.anns, "anns", name)

    def levels(self, dataset: str, ann: str) -> int:
        """Give L of an ANN on a data set: its own number, or the one the data set keeps under the ANN's word."""
        levels = self.ann(ann).levels
        if isinstance(levels, int):
            return levels
        kept = self.dataset(dataset).train_ann.levels
        if levels not in kept:
            raise ConfigError(
                f"params.yaml: anns.{ann}.levels: datasets.{dataset}.train_ann.levels has no entry {levels!r}; "
                f"{nearest(levels, kept)}"
            )
        return kept[levels]

    def recipe(self, name: str) -> Recipe:
        return _named(self.recipes, "recipes", name)

    def network_of(self, dataset: str) -> Network:
        return _named(self.networks, "networks", self.dataset(dataset).network)


def _named(group: dict[str, Any], path: str, name: str) -> Any:
    if name not in group:
        raise unknown_name(path, name, group)
    return group[name]
