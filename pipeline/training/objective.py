"""What is minimized: the losses of a recipe summed, and the teacher some of them learn from."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor, nn

from pipeline.nets.forward import forward_features
from pipeline.pieces import module_of
from pipeline.training.losses import Loss, LossOptions, Targets, TeacherOutput, Terms

# What a loss may return; what is minimized is the sum.
PARTS = ("ce", "distillation")
# Channels are the second axis of features averaged over time, [N, C, ...].
CHANNELS = 1


class Objective(nn.Module):
    """The sum of losses; their own parameters, if any, learn with the network and are left behind.

    `layers` are those of the network whose features the losses want, `teacher_layers` those of the teacher.
    `stepwise`: whether all are means over steps.

    Args:
        losses: options of each.
        teacher: a frozen copy of the ANN (`nets.fold.folded`) on the device of the training; it sees the same frames
            as the student, and is asked only where a loss needs it.

    Raises:
        ValueError: a loss needs a teacher and there is none.
    """

    def __init__(self, losses: Sequence[LossOptions], teacher: nn.Module | None = None) -> None:
        super().__init__()
        taught = [options.kind for options in losses if options.needs_teacher]
        if taught and teacher is None:
            raise ValueError(f"loss {', '.join(taught)} needs a teacher")
        self.losses = nn.ModuleList(_build(options) for options in losses)
        self.layers = _layers(losses)
        self.teacher_layers = _layers([options for options in losses if options.needs_teacher])
        self.stepwise = all(options.stepwise for options in losses)
        # In a tuple, so that it is no part of this module: neither trained nor saved with it.
        self.teacher: tuple[nn.Module, ...] = (teacher,) if teacher is not None and taught else ()

    def attach(self, student: nn.Module, frames: Tensor, generator: torch.Generator | None = None) -> None:
        """Let the losses make the parameters they need for a student; nothing where no features are wanted.

        Args:
            student: left as it was. frames: [T, N, 2, H, W], to find its classes and the channels of its layers.
            generator: of the initial weights.
        """
        if not self.layers:
            return
        logits, features = _look(student, frames, self.layers)
        said = _look(self.teacher[0], frames, self.teacher_layers)[1] if self.teacher_layers else {}
        own, other = ({layer: x.shape[CHANNELS] for layer, x in seen.items()} for seen in (features, said))
        for loss in self.losses:
            assert isinstance(loss, Loss)
            loss.attach(own, other, logits.shape[-1], generator)

    @torch.no_grad()
    def ask(self, frames: Tensor) -> TeacherOutput | None:
        """Return what the teacher says of frames [T, N, 2, H, W]; None where no loss needs one."""
        return TeacherOutput(*forward_features(self.teacher[0], frames, self.teacher_layers)) if self.teacher else None

    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        """Return the scalars "loss", which is minimized, and its parts "ce" and "distillation"; see `Loss.forward`."""
        parts: Terms = {}
        for loss in self.losses:
            for name, term in loss(logits, targets, features, teacher).items():
                if name not in PARTS:
                    raise ValueError(f"a loss has parts {', '.join(PARTS)}, found {name!r} of {type(loss).__name__}")
                parts[name] = parts[name] + term if name in parts else term
        total = reduce(torch.add, parts.values())
        return {"loss": total, **{name: parts.get(name, torch.zeros_like(total)) for name in PARTS}}


def _build(options: LossOptions) -> Loss:
    loss: Loss = module_of("training.losses", options).build(options)
    return loss


def _layers(losses: Sequence[LossOptions]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(layer for options in losses for layer in options.feature_layers))


@torch.no_grad()
def _look(net: nn.Module, frames: Tensor, layers: Sequence[str]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the logits and features of a network, which is left as it was."""
    probe = copy.deepcopy(net).eval()
    return forward_features(probe, frames.to(next(probe.parameters()).device), layers)
