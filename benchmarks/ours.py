"""What a user of the pipeline runs, called as the stages call it: the one place that knows its interfaces."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pipeline.config import Optimiser, Params
from pipeline.nets import IF, LIF, QCFS, FrameNet, convert, vgg_snn
from pipeline.nets.fold import folded
from pipeline.runtime.hardware import Hardware, hardware
from pipeline.training.loop import make_optimiser
from pipeline.training.recipes import Objective, ann_objective, frozen, snn_objective
from pipeline.training.steps import bptt

NEURONS: dict[str, Callable[[], nn.Module]] = {"if": lambda: IF(1.0), "lif": lambda: LIF(1.0)}


def settings(device: str, precision: str = "auto") -> Hardware:
    """Choose device and precision and switch determinism on, as every stage does."""
    before = {name: os.environ.get(name) for name in ("HSD_DEVICE", "HSD_PRECISION")}
    os.environ.update(HSD_DEVICE=device, HSD_PRECISION=precision)
    try:
        return hardware()
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@dataclass(frozen=True)
class Shape:
    """The network that is measured: the paper's VGG-SNN for CIFAR10-DVS unless said otherwise."""

    classes: int = 10
    size: tuple[int, int] = (48, 48)
    width: float = 1.0


def snn(shape: Shape, neuron: str, seed: int) -> FrameNet:
    """Build a spiking network with random weights; neuron: "if" or "lif", threshold 1."""
    return vgg_snn(shape.classes, shape.size, shape.width, NEURONS[neuron], torch.Generator().manual_seed(seed))


def ann(shape: Shape, levels: int, threshold: float, seed: int, gradient: str = "floor") -> FrameNet:
    """Build a QCFS network with random weights."""

    def activation() -> nn.Module:
        return QCFS(levels, threshold, gradient)

    return vgg_snn(shape.classes, shape.size, shape.width, activation, torch.Generator().manual_seed(seed))


def converted(net: FrameNet) -> FrameNet:
    """Convert a QCFS network, as stage convert does."""
    return convert(net)


class Trainer:
    """Training steps as the loop takes them: zero_grad, backward of a batch, the optimiser's step.

    Args:
        net: trained in place.
        frames: counts uint8 [N, T, 2, H, W], on the device, as the loop has a batch. labels: [N].
    """

    def __init__(
        self,
        net: FrameNet,
        objective: Objective,
        optimiser: Optimiser,
        machine: Hardware,
        frames: Tensor,
        labels: Tensor,
    ) -> None:
        self.net = net.to(machine.device).train()
        self.objective = objective.to(machine.device)
        self.optimiser = make_optimiser([*net.parameters(), *objective.parameters()], optimiser)
        self.machine = machine
        self.frames, self.labels = frames.to(machine.device), labels.to(machine.device)

    def step(self) -> Tensor:
        """Take one step and give its loss, without gradient."""
        self.optimiser.zero_grad(set_to_none=True)
        frames = self.frames.transpose(0, 1)
        with self.machine.autocast():
            soft = self.objective.soft(frames)
        terms, _ = bptt(self.net, frames, self.labels, self.objective, soft, self.machine, 0)
        self.optimiser.step()
        return terms["loss"]


def ann_trainer(net: FrameNet, params: Params, machine: Hardware, frames: Tensor, labels: Tensor) -> Trainer:
    """Train as phase 1 of CIFAR10-DVS does."""
    phase = params.dataset("cifar10dvs").train_ann
    return Trainer(net, ann_objective(phase), phase.schedule.optimiser, machine, frames, labels)


def snn_trainer(
    net: FrameNet,
    recipe: str,
    teacher: FrameNet | None,
    params: Params,
    machine: Hardware,
    frames: Tensor,
    labels: Tensor,
) -> Trainer:
    """Train as phase 2 of CIFAR10-DVS does by a recipe."""
    chosen = params.recipe(recipe)
    schedule = getattr(params.dataset("cifar10dvs").finetune, chosen.init)
    if teacher is not None:
        teacher = frozen(teacher).to(machine.device)
    return Trainer(net, snn_objective(chosen, teacher), schedule.optimiser, machine, frames, labels)


class Inference:
    """A network that answers as `evaluation.accuracy.predict` lets it: prepared once, then batch after batch.

    Args:
        net: left as it was.
    """

    def __init__(self, net: FrameNet, machine: Hardware) -> None:
        self.net = folded(net.to(machine.device), machine.dtype)
        self.machine = machine

    @torch.no_grad()
    def logits(self, frames: Tensor) -> Tensor:
        """Give float32 [T, N, C] on the CPU of counts uint8 [N, T, 2, H, W]."""
        with self.machine.autocast():
            return self.net(frames.to(self.machine.device).transpose(0, 1)).cpu()
