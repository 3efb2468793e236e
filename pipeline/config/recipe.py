"""A recipe of params/recipes.yaml: how the spiking network of phase 2 comes to be."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import Field, PlainValidator, model_validator

from pipeline.config.base import Count, Group, Name, Pair
from pipeline.config.dataset import AnnOrder, Augmentations, Losses
from pipeline.config.frames import SliceBy
from pipeline.config.merge import merged
from pipeline.config.network import Layer
from pipeline.config.training import Gradient
from pipeline.pieces import module_of

# A recipe at another T: hsd.t3.
AT_STEPS = re.compile(r"^(?P<name>.+)\.t(?P<steps>[1-9][0-9]*)$")


def split_reference(reference: str) -> tuple[str, int | None]:
    """Return the recipe and T that a reference names: hsd.t3 is (hsd, 3), hsd is (hsd, None)."""
    match = AT_STEPS.match(reference)
    return (match["name"], int(match["steps"])) if match else (reference, None)


class Clips(Group):
    """A recording as its first `windows` windows of `window_ms`, of which a clip is as many in a row as T.

    A training recording shows another clip each time, drawn; a test recording is answered from `test` of them.
    """

    window_ms: Count
    windows: Count
    test: Count


def _steps(value: Any) -> Any:
    if value == "all" or (type(value) is int and value >= 1):
        return value
    raise ValueError(f"expected how many frames, at least 1, or all, found {value!r}")


class Recipe(Group):
    title: str | None
    method: Name | None
    init: Literal["converted", "random"]
    frames: Literal["phase2", "full"]
    steps: Annotated[int | Literal["all"], PlainValidator(_steps)]
    neuron: Layer
    attention: Layer | None
    loss: Losses
    gradient: Gradient
    network: Name | None
    schedule: Name | None
    augmentation: Augmentations | None
    frame_size: Pair | None
    slice_by: SliceBy | None
    order: AnnOrder | None
    clips: Clips | None
    per_dataset: dict[Name, Recipe] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _each_data_sets_own_is_whole(cls, entry: Any) -> Any:
        """Fill in what a data set under `per_dataset` leaves out, so that it is a recipe of its own."""
        if not isinstance(entry, dict) or not isinstance(entry.get("per_dataset"), dict):
            return entry
        rest = {key: value for key, value in entry.items() if key != "per_dataset"}
        return {**rest, "per_dataset": {name: merged(rest, other) for name, other in entry["per_dataset"].items()}}

    @model_validator(mode="after")
    def _needs_an_ann_everywhere_or_nowhere(self) -> Recipe:
        for name, other in self.per_dataset.items():
            if other.needs_ann != self.needs_ann:
                raise ValueError(
                    f"per_dataset: {name}: init and loss must need an ANN there as elsewhere, for it is in one list"
                )
        return self

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if self.order is not None and not self.needs_ann:
            raise ValueError("order: it is an ANN's, and this recipe takes none; set order: null")
        if self.init == "converted" and self.neuron.kind != "if":
            raise ValueError(
                "init: converted needs neuron: {kind: if} (eq. 6-8 hold for integrate-and-fire neurons only)"
            )
        if self.init == "converted" and self.attention is not None:
            raise ValueError(
                "attention: a converted network has the ANN's layers alone; set init: random, or attention: null"
            )
        wanted, surrogate = self.gradient.surrogate, getattr(self.neuron, "surrogate", None)
        if wanted is not None and getattr(surrogate, "kind", None) != wanted:
            raise ValueError(
                f"gradient: {self.gradient.kind} needs a neuron with surrogate: {{kind: {wanted}}}; set that, or "
                "gradient: {kind: bptt}"
            )
        return self

    @model_validator(mode="after")
    def _clips_are_of_whole_recordings(self) -> Recipe:
        if self.clips is None:
            return self
        if self.needs_ann or self.frames != "full" or self.slice_by is not None:
            raise ValueError(
                "clips are windows of whole recordings, which no ANN has learnt on: they need frames: full, init: "
                "random, no distillation, and no slice_by"
            )
        if self.steps != "all" and self.steps > self.clips.windows:
            raise ValueError(f"steps: a clip of {self.steps} windows is longer than clips.windows {self.clips.windows}")
        return self

    @model_validator(mode="after")
    def _steps_stand_alone(self) -> Recipe:
        if self.gradient.stepwise and not self.causal:
            raise ValueError(
                f"gradient: {self.gradient.kind} shows one time step at a time, attention needs all; set one of them"
            )
        return self

    @property
    def causal(self) -> bool:
        """Whether the recipe's layers need no later frame for the answer at a step; its network may."""
        layers = [layer for layer in (self.neuron, self.attention) if layer is not None]
        return all(getattr(module_of("nets.layers", layer), "CAUSAL", True) for layer in layers)

    @property
    def needs_ann(self) -> bool:
        """Whether the recipe starts from the phase 1 ANN or learns from it."""
        return self.init == "converted" or any(loss.needs_teacher for loss in self.loss)

    @property
    def feature_layers(self) -> list[str]:
        """Layers at which the student's features are drawn to the teacher's, each once."""
        return list(dict.fromkeys(layer for loss in self.loss for layer in loss.feature_layers))
