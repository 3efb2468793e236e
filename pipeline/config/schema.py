"""What params.yaml may hold: one frozen class per group; the meaning of each key stands in params.yaml itself."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.base import Count, Group, Name, Names, Nonnegative, Pair, Positive, Share, Whole, unique
from pipeline.config.names import unknown_name
from pipeline.config.splits import Split


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


class Motion(Group):
    path: Literal["closed_loop", "saccades"]
    amplitude_px: Nonnegative
    loops: Count


class Camera(Group):
    background: Share
    contrast: Annotated[float, Field(ge=-1, le=1)]
    pos_thres: Positive
    neg_thres: Positive
    sigma_thres: Nonnegative
    refractory_us: Whole
    cutoff_hz: Nonnegative
    leak_rate_hz: Nonnegative
    shot_noise_rate_hz: Nonnegative

    @model_validator(mode="after")
    def _light_is_displayable(self) -> Camera:
        brightest = self.background + self.contrast
        if not 0 <= brightest <= 1:
            raise ValueError(f"background + contrast must lie in 0..1, found {brightest:g}")
        return self


class Recordings(Group):
    images: str
    per_class: Count
    image_size: Count
    sensor: Pair
    duration_ms: Count
    frame_rate: Count
    motion: Motion
    camera: Camera
    seed: Whole

    @model_validator(mode="after")
    def _dvs128_address_space(self) -> Recordings:
        if max(self.sensor) > 128:
            raise ValueError(
                f"sensor must fit the 7-bit addresses of AEDAT 2.0 (at most 128 x 128), found {self.sensor}"
            )
        if self.image_size > min(self.sensor):
            raise ValueError(f"image_size {self.image_size} is larger than the sensor {self.sensor}")
        return self


class Integrate(Group):
    layout: Literal["classes", "sides", "dvsgesture"]
    steps: Count
    sensor: Pair
    size: Pair
    split_by: Literal["number", "time"]
    resize: Literal["nearest", "bin"]
    clip: bool
    split: Split


class Phases(Group):
    offset: Whole
    t1: Count
    t2: Count


class Optimiser(Group):
    name: Literal["sgd", "adam"]
    lr: Positive
    momentum: Share
    weight_decay: Nonnegative


class Schedule(Group):
    epochs: Count
    batch_size: Count
    optimiser: Optimiser
    decay: Literal["cosine", "constant"]


class TrainAnn(Group):
    schedule: Schedule
    threshold: Positive
    gradient: Literal["floor", "clamp"]
    loss: Literal["ace", "ce_mean"]


class Finetune(Group):
    converted: Schedule
    random: Schedule


class Dataset(Group):
    network: Name
    paper: Name | None
    recordings: Recordings | None
    integrate: Integrate
    phases: Phases
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


class Network(Group):
    family: Literal["vgg_snn"]
    width: Positive


class Ann(Group):
    levels: Count
    epochs: Count | None


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

    def recipe(self, name: str) -> Recipe:
        return _named(self.recipes, "recipes", name)

    def network_of(self, dataset: str) -> Network:
        return _named(self.networks, "networks", self.dataset(dataset).network)


def _named(group: dict[str, Any], path: str, name: str) -> Any:
    if name not in group:
        raise unknown_name(path, name, group)
    return group[name]
