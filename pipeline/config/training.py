"""How a network learns: losses, gradient, augmentations and schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from pipeline.config.base import Count, Group, Nonnegative, Positive, Whole
from pipeline.pieces import piece

if TYPE_CHECKING:
    from pipeline.training.augmentations import AugmentationOptions as Augmentation
    from pipeline.training.gradients import GradientOptions as Gradient
    from pipeline.training.losses import LossOptions as Loss
else:
    Loss, Gradient, Augmentation = (piece(f"training.{name}") for name in ("losses", "gradients", "augmentations"))


__all__ = ["Augmentation", "EvalEvery", "Gradient", "Loss", "Optimizer", "Schedule", "Training", "listed"]


def listed(value: Any) -> Any:
    """Return a piece that stands alone as a list of one."""
    return [value] if isinstance(value, (dict, Group)) else value


class Optimizer(Group):
    """kind: of torch.optim. momentum: of Adam, its first beta."""

    kind: Literal["sgd", "adam"]
    lr: Positive
    momentum: Annotated[float, Field(ge=0, lt=1)]
    weight_decay: Nonnegative


class Schedule(Group):
    """decay: of the learning rate, once an epoch: half a cosine towards 0, or none."""

    epochs: Count
    batch_size: Count
    optimizer: Optimizer
    decay: Literal["cosine", "constant"]


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
            raise ValueError(
                f"losses: {', '.join(self.kinds)} has no cross-entropy of the labels; add one that has, such as ce"
            )
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
    def kinds(self) -> list[str]:
        """The kinds of the losses."""
        return [loss.kind for loss in self.losses]

    @property
    def needs_teacher(self) -> bool:
        """Whether a loss learns from the ANN."""
        return any(loss.needs_teacher for loss in self.losses)
