"""A data set as params/datasets.yaml describes it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from pipeline.config.base import Count, Group, Name, Positive, Whole
from pipeline.config.camera import Recordings
from pipeline.config.frames import Integrate
from pipeline.config.splits import FirstForTestSplit, NumericSplit
from pipeline.config.training import Augmentation, EvalEvery, Loss, listed

# Layouts in which left and right, clockwise and counter-clockwise are classes.
HANDED = ("dvsgesture", "dvsgesture_tonic")


def _no_clips(augmentations: list[Augmentation]) -> list[Augmentation]:
    if any(augmentation.kind == "clip" for augmentation in augmentations):
        raise ValueError("clip is put there by a recipe's key clips, which the test needs too; set that")
    return augmentations


Augmentations = Annotated[list[Augmentation], BeforeValidator(listed), AfterValidator(_no_clips)]
Losses = Annotated[list[Loss], BeforeValidator(listed), Field(min_length=1)]


# How the phases share the frames after `offset`. halves: E1, then E2; interleaved: by turns, E1 the first. Of an ANN,
# also full: both phases see all frames of a recording.
Order = Literal["halves", "interleaved"]
AnnOrder = Literal["halves", "interleaved", "full"]


class Phases(Group):
    """E1: `t1` frames after `offset`; E2: `t2` frames of the others, behind them or, interleaved, between them."""

    offset: Whole
    t1: Count
    t2: Count
    order: Order

    def frames(self, phase: Literal[1, 2], order: AnnOrder, steps: int, count: int | None = None) -> range:
        """Return which of the `steps` frames of a recording a phase takes: the first `count`, or t1 or t2 of its own.

        Interleaved, a phase has every other frame, and takes as many as there are at most.
        """
        if order == "full":
            return range(steps)[:count]
        first, stride = (self.offset + phase - 1, 2) if order == "interleaved" else (self.offset, 1)
        if order == "halves" and phase == 2:
            first += self.t1
        return range(first, steps, stride)[: count or (self.t1, self.t2)[phase - 1]]


class Phase1(Group):
    """What the ANNs of a data set share: L by the words that anns.yaml uses, λ at the start, gradient and loss."""

    levels: dict[Name, Count]
    threshold: Positive
    gradient: Literal["floor", "clamp"]
    loss: Losses

    @model_validator(mode="after")
    def _learns_alone(self) -> Phase1:
        taught = [loss.kind for loss in self.loss if loss.needs_teacher]
        if taught:
            raise ValueError(f"loss: {', '.join(taught)} learns from the ANN, which learns here; take ce or tet")
        return self


class Schedules(Group):
    """Names of schedules.yaml: of phase 1, and of phase 2 from a converted and from a random network."""

    ann: Name
    converted: Name
    random: Name


class Dataset(Group):
    paper: Literal["cifar10dvs", "ncaltech101", "dvsgesture"] | None
    network: Name
    width: Positive
    recordings: Recordings | None
    integrate: Integrate
    phases: Phases
    augmentation: Augmentations
    eval_every: EvalEvery
    ann: Phase1
    schedules: Schedules

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
    def _hands_stay(self) -> Dataset:
        self.refuse_mirrors(self.augmentation)
        return self

    def refuse_mirrors(self, augmentations: Augmentations) -> None:
        """Refuse augmentations that mirror, where a mirrored recording is of another class; ValueError."""
        if self.integrate.layout not in HANDED and self.paper != "dvsgesture":
            return
        for augmentation in augmentations:
            if augmentation.mirrors:
                raise ValueError(
                    f"augmentation: {augmentation.kind} mirrors, but a mirrored right hand wave is a left hand wave, "
                    "clockwise becomes counter-clockwise: flips give wrong labels on DVS128 Gesture; set flip: false"
                )

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
        parts = asked.split.train if isinstance(asked.split, NumericSplit) else None
        parts = asked.split.test if isinstance(asked.split, FirstForTestSplit) else parts
        last = made.skip + made.per_class - 1
        if parts is not None and not made.skip < parts <= last:
            raise ValueError(
                f"integrate.split leaves a side empty: it parts recordings at number {parts}, they have {made.skip} to "
                f"{last} in each class"
            )
        return self
