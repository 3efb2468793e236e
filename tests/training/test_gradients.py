"""Back through all time steps, or through each alone: what SLTT shares with BPTT and what sets it apart."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise
from types import ModuleType

import pytest
import torch
from spikingjelly.activation_based import functional, layer, surrogate
from torch import Tensor, nn

from pipeline.nets.fold import folded
from pipeline.nets.forward import forward
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.lif import LIF
from pipeline.training.gradients import Moment, bptt, sltt
from pipeline.training.losses import Targets
from pipeline.training.losses._cross_entropy import ace
from pipeline.training.objective import Objective
from tests.networks import chain
from tests.training.small import CPU, ann, batch, objective, snn

STEPWISE = {"kind": "ce", "of": "steps"}
LABELS = torch.tensor([0, 2, 1, 1])


def plain(neuron: Callable[[], nn.Module], dropout: float = 0.0) -> nn.Module:
    """Two hidden layers without batch norm; weights are eighths, so that sums of spikes are exact in any order."""
    torch.manual_seed(0)
    layers = {
        "conv1": layer.Conv2d(2, 3, 3, stride=4, bias=False), "act1": neuron(),
        "conv2": layer.Conv2d(3, 4, 3, bias=False), "act2": neuron(), "flatten": layer.Flatten(),
        "drop": layer.Dropout(dropout), "fc": layer.Linear(16, 3, bias=False),
    }  # fmt: skip
    net = chain(layers)
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_((torch.randn(weight.shape) * 3).round() / 8)
    return net.train()


def gradients(gradient: ModuleType, net: nn.Module, frames: Tensor, what: Objective, seed: int = 0):
    net.zero_grad()
    targets = Targets(LABELS[: frames.shape[1]])
    terms, logits = gradient.backward(
        net, frames, targets, what, what.ask(frames), CPU, Moment(seed, 0, 0), gradient.Options()
    )
    return terms, logits, {name: parameter.grad.clone() for name, parameter in net.named_parameters()}


@pytest.mark.parametrize("neuron", [IF, LIF])
def test_one_step_is_bptt_to_the_bit(neuron: type) -> None:
    nets = (snn(neuron=lambda: neuron(0.5)).train() for _ in range(2))
    results = [
        gradients(kind, net, batch(1), objective(STEPWISE)) for kind, net in zip((bptt, sltt), nets, strict=True)
    ]
    (terms, logits, wanted), (other, same, found) = results
    assert torch.equal(logits, same) and terms == other
    assert all(torch.equal(found[name], wanted[name]) for name in wanted)


def test_two_steps_by_hand() -> None:
    # One weight 0.4, one pixel of count 1 in both frames, v(0) = 0.5: u = 0.9, no spike; u = 1.3, a spike.
    net = chain(
        {"conv": layer.Conv2d(2, 1, 1, bias=False), "act": IF(1.0), "flatten": layer.Flatten(),
         "fc": layer.Linear(1, 2, bias=False)}
    )  # fmt: skip
    with torch.no_grad():
        net.layers.conv.weight.copy_(torch.tensor([0.4, 0.0]).view(1, 2, 1, 1))
        net.layers.fc.weight.copy_(torch.tensor([[1.0], [0.0]]))
    frames = torch.tensor([1.0, 0.0]).view(1, 1, 2, 1, 1).expand(2, -1, -1, -1, -1)
    # Of logits (s, 0) and class 0, the gradient is p - 1; the triangles at 0.9 and 1.3 are 0.9 and 0.7.
    first, second = -0.5 * 0.9, -1 / (1 + math.e) * 0.7
    weight = gradients(sltt, net, frames, objective(STEPWISE))[2]["layers.conv.weight"].flatten()
    assert weight.tolist() == pytest.approx([(first + second) / 2, 0.0])
    # Through time, u(2) also hangs on u(1), by 1 - 0.9.
    weight = gradients(bptt, net, frames, objective(STEPWISE))[2]["layers.conv.weight"].flatten()
    assert weight.tolist() == pytest.approx([(first + second + second * (1 - 0.9)) / 2, 0.0])


def by_autograd(net: nn.Module, frames: Tensor, detached: bool) -> dict[str, Tensor]:
    """Train step by step in plain PyTorch, with the membrane detached between steps or not."""
    net.zero_grad()
    spike = surrogate.PiecewiseQuadratic(alpha=1.0)
    membranes: dict[str, Tensor] = {}
    total: Tensor | float = 0.0
    functional.set_step_mode(net, "s")
    for frame in frames.float():
        x = frame
        for name, module in net.layers.named_children():
            if isinstance(module, IF | LIF):
                hard = isinstance(module, LIF)
                v = membranes.get(name, torch.full_like(x, 0.0 if hard else 0.5))
                u = (0.5 if hard else 1.0) * (v.detach() if detached else v) + x / module.threshold
                s = spike(u - 1)
                membranes[name], x = u * (1 - s) if hard else u - s, s * module.threshold
            else:
                x = module(x)
        total = total + ace(x[None], Targets(LABELS)) / len(frames)
    total.backward()
    functional.set_step_mode(net, "m")
    return {name: parameter.grad.clone() for name, parameter in net.named_parameters()}


@pytest.mark.parametrize("neuron", [IF, LIF])
def test_no_gradient_crosses_a_step(neuron: type) -> None:
    net, frames = plain(lambda: neuron(0.5)), batch(5)
    alone = gradients(sltt, net, frames, objective(STEPWISE))[2]
    through = gradients(bptt, net, frames, objective(STEPWISE))[2]
    for name, wanted in by_autograd(net, frames, detached=True).items():
        torch.testing.assert_close(alone[name], wanted, rtol=1e-5, atol=1e-6)
    for name, wanted in by_autograd(net, frames, detached=False).items():
        torch.testing.assert_close(through[name], wanted, rtol=1e-5, atol=1e-6)
    assert not torch.allclose(alone["layers.conv1.weight"], through["layers.conv1.weight"], rtol=0.05)


@pytest.mark.parametrize("options", [STEPWISE, {"kind": "tet", "weight": 0.3}, {"kind": "skd", "ce": "steps"}])
def test_forward_and_terms_are_those_of_bptt(options: dict) -> None:
    what = objective(options, folded(ann()))
    net = plain(lambda: IF(0.5), dropout=0.5)
    (terms, logits, _), (other, same, _) = [gradients(kind, net, batch(4), what, 7) for kind in (bptt, sltt)]
    # Dropout too: one mask for all steps, the same for both.
    assert torch.equal(logits, same)
    assert terms.keys() == other.keys()
    for name, value in terms.items():
        torch.testing.assert_close(other[name], value)
    assert not torch.equal(gradients(sltt, net, batch(4), what, 8)[1], logits)


@pytest.mark.parametrize("gradient", [bptt, sltt])
def test_mixed_labels_are_learned_with_their_weights(gradient: ModuleType) -> None:
    """Linear in the labels: the gradients of the mixture are those of both labels, weighed."""
    net, other, weight = plain(lambda: IF(0.5)), LABELS.flip(0), 0.25
    what, found = objective(STEPWISE), []
    for targets in (Targets(LABELS), Targets(other), Targets(LABELS, other, torch.full((4,), weight))):
        net.zero_grad()
        gradient.backward(net, batch(3), targets, what, None, CPU, Moment(0, 0, 0), gradient.Options())
        found.append({name: parameter.grad.clone() for name, parameter in net.named_parameters()})
    for name, mixed in found[2].items():
        torch.testing.assert_close(mixed, weight * found[0][name] + (1 - weight) * found[1][name], rtol=1e-4, atol=1e-6)


def test_what_is_no_mean_over_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="sltt goes back after each time step"):
        gradients(sltt, plain(lambda: IF(0.5)), batch(3), objective({"kind": "ce"}))


def test_no_membrane_goes_from_one_batch_to_the_next() -> None:
    net, what = plain(lambda: LIF(0.5)), objective(STEPWISE)
    first = gradients(sltt, net, batch(3), what)[1]
    gradients(sltt, net, batch(3, seed=5), what)
    # A smaller last batch neither.
    gradients(sltt, net, batch(3)[:, :2], what)
    assert torch.equal(gradients(sltt, net, batch(3), what)[1], first)
    with torch.no_grad():
        assert torch.equal(forward(net, batch(3)), first)


def test_a_failed_step_leaves_no_membrane() -> None:
    class Failing(Objective):
        def forward(self, *_: object) -> dict[str, Tensor]:
            raise RuntimeError("no loss")

    net = plain(lambda: LIF(0.5))
    with torch.no_grad():
        wanted = forward(net, batch(3))
    # While the traceback is kept, so are the frames in it.
    with pytest.raises(RuntimeError, match="no loss") as caught:
        sltt.backward(net, batch(3), Targets(LABELS), Failing([]), None, CPU, Moment(0, 0, 0), sltt.Options())
    with torch.no_grad():
        assert torch.equal(forward(net, batch(3)), wanted)
    del caught


def peak_saved(gradient: ModuleType, steps: int) -> int:
    """Return the bytes kept for the backward pass that are alive at once, at most."""
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

    net = snn(neuron=lambda: LIF(0.5)).train()
    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        gradients(gradient, net, batch(steps), objective(STEPWISE))
    return peak


def test_memory_for_the_backward_pass_does_not_grow_with_the_steps() -> None:
    assert peak_saved(sltt, 2) == peak_saved(sltt, 8) > 0
    through = [peak_saved(bptt, steps) for steps in (2, 4, 8)]
    assert all(more > 1.5 * less for less, more in pairwise(through))
    assert through[0] > peak_saved(sltt, 2)
