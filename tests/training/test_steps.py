"""Back through all time steps, or through each alone: what SLTT shares with BPTT and what sets it apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from spikingjelly.activation_based import surrogate
from torch import Tensor, nn

from pipeline.nets import IF, LIF, QCFS, FrameNet, vgg_snn
from pipeline.nets.dropout import StepDropout
from pipeline.nets.neurons import SpikingNeuron
from pipeline.runtime.hardware import Hardware
from pipeline.training.losses import ace
from pipeline.training.recipes import Objective, frozen, snn_objective
from pipeline.training.steps import bptt, sltt
from tests.tiny import recipe

CPU = Hardware(torch.device("cpu"), "fp32")
STEPWISE = recipe(training="sltt", ce="steps")
LABELS = torch.tensor([0, 2, 1, 1])


def frames(steps: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 4, (steps, 4, 2, 16, 16), generator=generator, dtype=torch.uint8)


def vgg(neuron: Callable[[], nn.Module]) -> FrameNet:
    return vgg_snn(3, (16, 16), 1 / 32, neuron, torch.Generator().manual_seed(0)).train()


def plain(neuron: Callable[[], nn.Module], dropout: float = 0.0) -> FrameNet:
    """Two hidden layers without batch norm; weights are eighths, so that sums of spikes are exact in any order."""
    torch.manual_seed(0)
    layers = {
        "conv1": nn.Conv2d(2, 3, 3, stride=4, bias=False), "act1": neuron(),
        "conv2": nn.Conv2d(3, 4, 3, bias=False), "act2": neuron(), "flatten": nn.Flatten(),
        "drop": StepDropout(dropout), "fc": nn.Linear(16, 3, bias=False),
    }  # fmt: skip
    net = FrameNet(layers)
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_((torch.randn(weight.shape) * 3).round() / 8)
    return net.train()


def gradients(step: Callable, net: FrameNet, batch: Tensor, objective: Objective, seed: int = 0):
    net.zero_grad()
    terms, logits = step(net, batch, LABELS[: batch.shape[1]], objective, objective.soft(batch), CPU, seed)
    return terms, logits, {name: parameter.grad.clone() for name, parameter in net.named_parameters()}


@pytest.mark.parametrize("neuron", [IF, LIF])
def test_one_step_is_bptt_to_the_bit(neuron: type) -> None:
    objective = snn_objective(STEPWISE, None)
    results = [gradients(step, vgg(lambda: neuron(0.5)), frames(1), objective) for step in (bptt, sltt)]
    (terms, logits, wanted), (other, same, found) = results
    assert torch.equal(logits, same) and terms == other
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_two_steps_by_hand() -> None:
    # One weight 0.4, one pixel of count 1 in both frames, v(0) = 0.5: u = 0.9, no spike; u = 1.3, a spike.
    net = FrameNet(
        {"conv": nn.Conv2d(2, 1, 1, bias=False), "act": IF(1.0), "flatten": nn.Flatten(),
         "fc": nn.Linear(1, 2, bias=False)}
    )  # fmt: skip
    with torch.no_grad():
        net.layers.conv.weight.copy_(torch.tensor([0.4, 0.0]).view(1, 2, 1, 1))
        net.layers.fc.weight.copy_(torch.tensor([[1.0], [0.0]]))
    batch = torch.tensor([1.0, 0.0]).view(1, 1, 2, 1, 1).expand(2, -1, -1, -1, -1)
    # Of logits (s, 0) and class 0, the gradient is p - 1; the triangles at 0.9 and 1.3 are 0.9 and 0.7.
    first, second = -0.5 * 0.9, -1 / (1 + math.e) * 0.7
    objective = snn_objective(STEPWISE, None)
    weight = gradients(sltt, net, batch, objective)[2]["layers.conv.weight"].flatten()
    assert weight.tolist() == pytest.approx([(first + second) / 2, 0.0])
    # Through time, u(2) also hangs on u(1), by 1 - 0.9.
    weight = gradients(bptt, net, batch, objective)[2]["layers.conv.weight"].flatten()
    assert weight.tolist() == pytest.approx([(first + second + second * (1 - 0.9)) / 2, 0.0])


def by_autograd(net: FrameNet, batch: Tensor, detached: bool) -> dict[str, Tensor]:
    """Train step by step in plain PyTorch, with the membrane detached between steps or not."""
    net.zero_grad()
    spike = surrogate.PiecewiseQuadratic(alpha=1.0)
    membranes: dict[str, Tensor] = {}
    total: Tensor | float = 0.0
    for frame in batch.float():
        x = frame
        for name, layer in net.layers.named_children():
            if isinstance(layer, SpikingNeuron):
                hard = isinstance(layer, LIF)
                v = membranes.get(name, torch.full_like(x, 0.0 if hard else 0.5))
                u = (0.5 if hard else 1.0) * (v.detach() if detached else v) + x / layer.threshold
                s = spike(u - 1)
                membranes[name], x = u * (1 - s) if hard else u - s, s * layer.threshold
            else:
                x = layer(x)
        total = total + ace(x[None], LABELS) / len(batch)
    total.backward()
    return {name: parameter.grad.clone() for name, parameter in net.named_parameters()}


@pytest.mark.parametrize("neuron", [IF, LIF])
def test_no_gradient_crosses_a_step(neuron: type) -> None:
    net, objective = plain(lambda: neuron(0.5)), snn_objective(STEPWISE, None)
    batch = frames(5)
    alone = gradients(sltt, net, batch, objective)[2]
    through = gradients(bptt, net, batch, objective)[2]
    for name, wanted in by_autograd(net, batch, detached=True).items():
        torch.testing.assert_close(alone[name], wanted, rtol=1e-5, atol=1e-6)
    for name, wanted in by_autograd(net, batch, detached=False).items():
        torch.testing.assert_close(through[name], wanted, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(alone["layers.conv1.weight"], through["layers.conv1.weight"], rtol=0.05)


@pytest.mark.parametrize("loss", ["ce", "tet", "skd"])
def test_forward_and_terms_are_those_of_bptt(loss: str) -> None:
    chosen = recipe(training="sltt", ce="steps", loss=loss, weight=0.3)
    teacher = frozen(vgg(lambda: QCFS(4, 2.0))) if loss == "skd" else None
    net, objective = plain(lambda: IF(0.5), dropout=0.5), snn_objective(chosen, teacher)
    (terms, logits, _), (other, same, _) = [gradients(step, net, frames(4), objective, 7) for step in (bptt, sltt)]
    # Dropout too: one mask for all steps, the same for both.
    assert torch.equal(logits, same)
    assert terms.keys() == other.keys()
    for name, value in terms.items():
        torch.testing.assert_close(other[name], value)
    assert not torch.equal(gradients(sltt, net, frames(4), objective, 8)[1], logits)


def test_no_membrane_goes_from_one_batch_to_the_next() -> None:
    net, objective = plain(lambda: LIF(0.5)), snn_objective(STEPWISE, None)
    first = gradients(sltt, net, frames(3), objective)[1]
    gradients(sltt, net, frames(3, seed=5), objective)
    # A smaller last batch neither.
    gradients(sltt, net, frames(3)[:, :2], objective)
    assert torch.equal(gradients(sltt, net, frames(3), objective)[1], first)
    with torch.no_grad():
        assert torch.equal(net(frames(3)), first)
    assert all(layer.membrane is None and not layer.keeps for _, layer in net.activations())


def test_a_failed_step_leaves_no_membrane() -> None:
    class Failing(Objective):
        def loss(self, *_: object) -> dict[str, Tensor]:
            raise RuntimeError("no loss")

    net = plain(lambda: IF(0.5))
    with pytest.raises(RuntimeError, match="no loss"):
        sltt(net, frames(3), LABELS, Failing(), None, CPU, 0)
    assert all(layer.membrane is None and not layer.keeps for _, layer in net.activations())


def peak_saved(step: Callable, steps: int) -> int:
    """Count the bytes kept for the backward pass that are alive at once, at most."""
    alive = peak = 0

    class Kept:
        def __init__(self, tensor: Tensor) -> None:
            nonlocal alive, peak
            self.tensor = tensor
            alive += tensor.nbytes
            peak = max(peak, alive)

        def __del__(self) -> None:
            nonlocal alive
            alive -= self.tensor.nbytes

    net = vgg(lambda: LIF(0.5))
    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        step(net, frames(steps), LABELS, snn_objective(STEPWISE, None), None, CPU, 0)
    return peak


def test_memory_for_the_backward_pass_does_not_grow_with_the_steps() -> None:
    assert peak_saved(sltt, 2) == peak_saved(sltt, 8) > 0
    through = [peak_saved(bptt, steps) for steps in (2, 4, 8)]
    assert all(more > 1.5 * less for less, more in pairwise(through))
    assert through[0] > peak_saved(sltt, 2)
