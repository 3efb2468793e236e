"""What params.yaml may hold: one frozen class per group; the meaning of each key stands in params.yaml itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.base import Count, Group, Name, Names, Nonnegative, Positive, Share, Whole, unique
from pipeline.config.data import Integrate, Recordings
from pipeline.config.names import nearest, unknown_name
from pipeline.config.networks import Ann, Augment, Network
from pipeline.config.recipe import Recipe
from pipeline.config.splits import FirstForTestSplit, NumericSplit
from pipeline.errors import ConfigError

# Layouts in which left and right, clockwise and counter-clockwise are classes.
HANDED = ("dvsgesture", "dvsgesture_tonic")


class Grid(Group):
    name: Name
    datasets: Annotated[Names, Field(min_length=1)]
    simulated: Names
    resplit: Names
    ann: Name
    anns: Annotated[Names, Field(min_length=1)]
    sweep: Names
    sweep_recipes: Names
    baselines: Names
    whole: Names
    recipes: Names
    seeds: Annotated[list[Whole], AfterValidator(unique), Field(min_length=1)]

    @model_validator(mode="after")
    def _sweep_is_trained(self) -> Grid:
        expected = {self.ann, *self.sweep}
        if set(self.anns) != expected or self.ann in self.sweep:
            raise ValueError(
                f"anns must be ann and sweep together, once each: {sorted(expected)}, found {sorted(self.anns)}"
            )
        listed = [*self.baselines, *self.whole, *self.recipes]
        doubled = sorted({name for name in listed if listed.count(name) > 1})
        if doubled:
            raise ValueError(f"listed under two of baselines, whole and recipes: {', '.join(doubled)}")
        if sorted(self.resplit) != (sorted(self.datasets) if self.whole else []):
            raise ValueError("resplit must name all of datasets where whole names recipes, and none where it does not")
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


class Monitor(Group):
    """Every how many epochs a training is measured; 0: never, but for the end."""

    validation: Whole
    test: Whole


class Dataset(Group):
    network: Name
    paper: Literal["cifar10dvs", "ncaltech101", "dvsgesture"] | None
    recordings: Recordings | None
    integrate: Integrate
    whole: Annotated[list[Count], AfterValidator(unique)]
    phases: Phases
    augment: Augment
    monitor: Monitor
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


class Maps(Group):
    """Firing-rate maps: of which recipes, over how many first steps, and which channel by itself."""

    runs: Names
    steps: Annotated[list[Count], Field(min_length=1)]
    channel: Whole


class Report(Group):
    headline: Annotated[Names, Field(max_length=8)]
    titles: dict[Name, str]
    methods: Names
    table1: Names
    table2: Names
    table4: Names
    table5: Names
    figure2: dict[str, Names]
    figure4: Maps
    exit_at: Annotated[list[Share], Field(min_length=1)]
    preview: Count
    dpi: Count


class Params(Group):
    """The whole of params.yaml; the named grids that stand beside `grid` at its top level are gathered in `grids`.

    `recipes` are complete: what an entry leaves out it has from `recipe_defaults`.
    """

    grid: Grid
    grids: dict[str, Grid]
    datasets: dict[Name, Dataset]
    networks: dict[Name, Network]
    anns: dict[Name, Ann]
    recipe_defaults: Recipe
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

    def title(self, name: str) -> str:
        """Give what a recipe is called in tables and figures: its title, or else its name."""
        return self.report.titles.get(name, name)

    def steps_of(self, dataset: str, name: str) -> int:
        """Give the time steps in which a recipe learns and answers on a data set."""
        settings, recipe = self.dataset(dataset), self.recipe(name)
        if recipe.steps != "all":
            return recipe.steps
        return settings.phases.t2 if recipe.frames == "phase2" else settings.integrate.steps

    def network_of(self, dataset: str) -> Network:
        return _named(self.networks, "networks", self.dataset(dataset).network)


def _named(group: dict[str, Any], path: str, name: str) -> Any:
    if name not in group:
        raise unknown_name(path, name, group)
    return group[name]
