"""A recipe: how the spiking network of phase 2 comes to be."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import PlainValidator, model_validator

from pipeline.config.base import Count, Group, Names, Nonnegative, Positive

# Losses that learn from a teacher, and those that are a mean over time steps, as SLTT needs.
DISTILLING = ("kd", "skd")
STEPWISE = ("ce", "tet", "skd")


def _steps(value: Any) -> Any:
    if value == "all" or (type(value) is int and value >= 1):
        return value
    raise ValueError(f"expected how many frames, at least 1, or all, found {value!r}")


class Attention(Group):
    """Temporal-channel joint attention and the widths of its two convolutions."""

    kind: Literal["tcja"]
    kernel_t: Count
    kernel_c: Count


class Recipe(Group):
    init: Literal["converted", "random"]
    frames: Literal["phase2", "whole"]
    steps: Annotated[int | Literal["all"], PlainValidator(_steps)]
    neuron: Literal["if", "lif"]
    threshold: Positive
    train_threshold: bool
    detach_reset: bool
    attention: Attention | None
    loss: Literal["ce", "tet", "kd", "skd"]
    ce: Literal["mean", "steps"]
    weight: Nonnegative
    target: float
    temperature: Positive
    average: Literal["probabilities", "logits"]
    taps: Names
    tap_weight: Nonnegative
    training: Literal["bptt", "sltt"]

    @model_validator(mode="after")
    def _fits_together(self) -> Recipe:
        if self.init == "converted" and self.neuron != "if":
            raise ValueError("init: converted needs neuron: if (eq. 6-8 hold for integrate-and-fire neurons only)")
        if self.init == "converted" and self.attention is not None:
            raise ValueError(
                "attention: a converted network has the ANN's layers alone; set init: random, or attention: null"
            )
        if self.loss == "tet" and self.ce != "steps":
            raise ValueError("loss: tet is a cross-entropy of each step; set ce: steps")
        if self.loss == "tet" and self.weight > 1:
            raise ValueError(f"loss: tet weighs its terms 1 - weight and weight; expected 0 to 1, found {self.weight}")
        if self.frames == "whole" and self.needs_ann:
            raise ValueError(
                "frames: whole takes no ANN, which learns on other frames; set init: random, no distillation"
            )
        return self

    @model_validator(mode="after")
    def _steps_stand_alone(self) -> Recipe:
        """SLTT sees one step at a time."""
        if self.training == "sltt":
            if self.loss not in STEPWISE or self.taps or self.ce != "steps":
                raise ValueError(
                    "training: sltt goes back after each time step, so the loss must be a mean over steps: ce: steps, "
                    f"loss: {', '.join(STEPWISE[:-1])} or {STEPWISE[-1]}, taps: []"
                )
            if self.attention is not None:
                raise ValueError("training: sltt shows one time step at a time, attention needs all; set one of them")
        return self

    @model_validator(mode="after")
    def _distils_something(self) -> Recipe:
        if self.loss in DISTILLING and self.weight == 0:
            raise ValueError(f"loss: {self.loss} with weight 0 distils nothing; set weight, or loss: ce")
        return self

    @property
    def distils(self) -> bool:
        """Whether a teacher takes part in the loss."""
        return self.loss in DISTILLING or bool(self.taps)

    @property
    def needs_ann(self) -> bool:
        """Whether the recipe starts from the phase 1 ANN or learns from it."""
        return self.init == "converted" or self.distils


def complete(recipes: Any, defaults: Any) -> Any:
    """Fill in what the entries of `recipes` leave out; what is no group of keys is left for the check to refuse."""
    if not isinstance(recipes, dict) or not isinstance(defaults, dict):
        return recipes
    return {name: {**defaults, **entry} if isinstance(entry, dict) else entry for name, entry in recipes.items()}
