"""How a network learns: losses, gradient, augmentations and schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.base import Count, Group, Nonnegative, Positive, Share, Whole
from pipeline.pieces import piece

if TYPE_CHECKING:
    from pipeline.training.augmentations import AugmentationOptions as Augmentation
    from pipeline.training.gradients import GradientOptions as Gradient
    from pipeline.training.losses import LossOptions as Loss
else:
    Loss, Gradient, Augmentation = (piece(f"training.{name}") for name in ("losses", "gradients", "augmentations"))


__all__ = ["Augmentation", "EvalEvery", "Gradient", "Loss", "Optimizer", "Schedule", "Training", "listed"]


# What a learning rate is multiplied by.
Factor = Annotated[float, Field(gt=0, lt=1)]


def listed(value: Any) -> Any:
    """Return a piece that stands alone as a list of one."""
    return [value] if isinstance(value, (dict, Group)) else value


class Optimizer(Group):
    """kind: of torch.optim. momentum: of Adam and AdamW, their first beta."""

    kind: Literal["sgd", "adam", "adamw"]
    lr: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Nonnegative


class Constant(Group):
    """No decay."""

    kind: Literal["constant"] = "constant"


class Cosine(Group):
    """Half a cosine from lr to `floor`, where the rate stays for the last `hold` of the epochs."""

    kind: Literal["cosine"] = "cosine"
    floor: Nonnegative = 0.0
    hold: Whole = 0

    @model_validator(mode="after")
    def _holds_a_rate(self) -> Cosine:
        if self.hold and not self.floor:
            raise ValueError(
                f"hold: {self.hold} epochs at a learning rate of 0 learn nothing; give a floor, or hold: 0"
            )
        return self


class Steps(Group):
    """times `factor` after every so many epochs."""

    kind: Literal["steps"] = "steps"
    every: Count
    factor: Factor = 0.1


class Plateau(Group):
    """times `factor`, down to `floor`, once the training's loss has not fallen for more than `patience` epochs.

    `threshold`: the share by which a loss must be less than the least before it to count as fallen.
    """

    kind: Literal["plateau"] = "plateau"
    factor: Factor = 0.1
    patience: Whole = 5
    threshold: Share = 1e-4
    floor: Nonnegative = 0.0


class Periodic(Group):
    """A cosine that falls from lr to `floor` in `half_period` epochs, rises in as many, and so on."""

    kind: Literal["periodic"] = "periodic"
    half_period: Count
    floor: Nonnegative = 0.0


Decay = Annotated[Constant | Cosine | Steps | Plateau | Periodic, Field(discriminator="kind")]


class Warmup(Group):
    """The learning rate rises in a line from `lr` to the optimizer's in the first `epochs`."""

    epochs: Count
    lr: Nonnegative


class Schedule(Group):
    """decay: of the learning rate, once an epoch. warmup: takes the decay's place in the first epochs, or null."""

    epochs: Count
    batch_size: Count
    optimizer: Optimizer
    decay: Decay
    warmup: Warmup | None = None

    @model_validator(mode="after")
    def _epochs_are_left(self) -> Schedule:
        hold = self.decay.hold if isinstance(self.decay, Cosine) else 0
        taken = hold + (self.warmup.epochs if self.warmup else 0)
        if taken and taken >= self.epochs:
            raise ValueError(
                f"epochs: {self.epochs} leave none for the decay, of which warmup.epochs and decay.hold take {taken}; "
                "give more"
            )
        return self

    @model_validator(mode="after")
    def _rate_is_between(self) -> Schedule:
        rate, floor = self.optimizer.lr, getattr(self.decay, "floor", 0.0)
        if floor > rate:
            raise ValueError(f"decay.floor: {floor} is above optimizer.lr {rate}; give less")
        if self.warmup and self.warmup.lr > rate:
            raise ValueError(f"warmup.lr: {self.warmup.lr} is above optimizer.lr {rate}; give less")
        return self


class EvalEvery(Group):
    """Every how many epochs a training is measured on a side; 0: never, but for the end."""

    validation: Whole
    test: Whole


class Training(Group):
    """All that decides how a network learns, checked to fit together; a list of one piece may be the piece alone."""

    losses: Annotated[list[Loss], BeforeValidator(listed), Field(min_length=1)]
    gradient: Gradient
    augmentations: Annotated[list[Augmentation], BeforeValidator(listed)]
    schedule: Schedule

    @model_validator(mode="after")
    def _labels_count_once(self) -> Training:
        having = [loss.kind for loss in self.losses if loss.needs_labels]
        if not having:
            kinds = ", ".join(loss.kind for loss in self.losses)
            raise ValueError(f"losses: {kinds} has no cross-entropy of the labels; add one that has, such as ce")
        if len(having) > 1:
            raise ValueError(
                f"losses: {' and '.join(having)} each have a cross-entropy of the labels; keep one of them"
            )
        return self

    @model_validator(mode="after")
    def _steps_stand_alone(self) -> Training:
        coupled = [loss.kind for loss in self.losses if not loss.stepwise]
        if self.gradient.stepwise and coupled:
            raise ValueError(
                f"gradient: {self.gradient.kind} goes back after each time step, so the losses must be means over "
                f"steps, which {', '.join(coupled)} is not as it is set; take ce with of: steps, tet, or skd with "
                "ce: steps, or set gradient: {kind: bptt}"
            )
        return self

    @model_validator(mode="after")
    def _labels_mix_once(self) -> Training:
        mixing = [augmentation.kind for augmentation in self.augmentations if augmentation.mixes]
        if len(mixing) > 1:
            raise ValueError(f"augmentations: {' and '.join(mixing)} both mix recordings; keep one of them")
        return self

    @property
    def needs_teacher(self) -> bool:
        """Whether a loss learns from the ANN."""
        return any(loss.needs_teacher for loss in self.losses)
