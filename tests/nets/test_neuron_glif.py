"""GLIF: its parameters, its equations in a plain loop, SpikingJelly's node, single steps, and what is refused."""

from __future__ import annotations

import copy

import pytest
import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import Tensor, nn

from pipeline.config.network import Network
from pipeline.nets.build import build as build_network
from pipeline.nets.layers.glif import GLIF, Options, build
from pipeline.nets.tree import duplicate, leaves
from pipeline.pieces import checked
from tests.networks import entry

T, C = 6, 5
# Milder than the authors' at the start, so that each parameter matters.
MILD = {"threshold": 0.6, "subtracted": 0.4, "leak": 0.05, "conductance": 0.7, "spread": 4.0}


def made(steps: int = T, channels: int = C, **options: float) -> GLIF:
    layer = build(Options(**options), channels, steps)
    layer.draw(torch.Generator().manual_seed(3))
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter += torch.randn(parameter.shape, generator=torch.Generator().manual_seed(len(parameter))) / 4
    return layer


def loop(layer: GLIF, x: Tensor) -> Tensor:
    """Run § 11's equations as they stand."""
    shape = (1, -1, *(1,) * (x.dim() - 3))
    alpha, beta, gamma = (gate.sigmoid().view(shape) for gate in layer.gates)
    logits = (layer.decay, layer.leak, layer.subtracted, layer.threshold)
    tau, l, r, threshold = (each.sigmoid().view(shape) for each in logits)  # noqa: E741
    u, s, out = torch.zeros_like(x[0]), torch.zeros_like(x[0]), []
    fire = surrogate.Rect(alpha=1.0)
    for step, conductance in zip(x, layer.conductance, strict=True):
        current = step * (1 - beta * (1 - conductance.sigmoid().view(shape)))
        u = (1 - alpha * (1 - tau)) * u * (1 - gamma * s) - (1 - alpha) * l + current - (1 - gamma) * r * s
        s = fire(u - threshold)
        out.append(s)
    return torch.stack(out)


def test_seven_and_t_parameters_a_channel() -> None:
    assert sum(p.numel() for p in made(4, 3).parameters()) == (7 + 4) * 3
    # The neurons of the 7B net: behind the 1 x 1 convolutions to 64 and 128, and two in each of its seven blocks.
    channels = [64, *[64] * 8, 128, *[128] * 6]
    assert sum(p.numel() for width in channels for p in build(Options(), width, 16).parameters()) == 33_856


def test_begins_with_the_authors_values() -> None:
    layer = build(Options(), 64, 16)
    values = [each.sigmoid() for each in (layer.decay, layer.threshold, layer.subtracted, layer.leak)]
    for value, wanted in zip(values, (0.5, 0.99999, 0.99999, 0.99999 / 32), strict=True):
        torch.testing.assert_close(value, torch.full((64,), wanted))
    torch.testing.assert_close(layer.conductance.sigmoid(), torch.full((16, 64), 0.9))
    assert layer.gates.sigmoid().unique().tolist() == [0.5]
    layer.draw(torch.Generator().manual_seed(0))
    other = build(Options(), 64, 16)
    other.draw(torch.Generator().manual_seed(0))
    assert torch.equal(layer.gates, other.gates) and -0.1 <= layer.gates.min() < -0.09 < 0.09 < layer.gates.max() <= 0.1


@pytest.mark.parametrize("shape", [(T, 30, C), (T, 3, C, 4, 5)])
def test_spikes_and_gradients_are_those_of_the_equations(shape: tuple[int, ...]) -> None:
    layer = made(**MILD)
    other = copy.deepcopy(layer)
    generator = torch.Generator().manual_seed(0)
    mine, upstream = torch.randn(shape, generator=generator), torch.randn(shape, generator=generator)
    theirs = mine.clone().requires_grad_()
    mine.requires_grad_()
    out, wanted = layer(mine), loop(other, theirs)
    assert torch.equal(out, wanted) and 0.1 < out.mean() < 0.9
    out.backward(upstream)
    wanted.backward(upstream)
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5)
    for (name, parameter), peer in zip(layer.named_parameters(), other.parameters(), strict=True):
        assert peer.grad.abs().mean() > 0.01, name
        torch.testing.assert_close(parameter.grad, peer.grad, rtol=1e-3, atol=1e-4)


def test_is_spikingjellys_with_the_same_values() -> None:
    layer = made(**MILD)
    peer = neuron.GatedLIFNode(T, C, surrogate_function=surrogate.Rect(alpha=1.0))
    names = {"tau": "decay", "v_threshold": "threshold", "linear_decay": "leak", "v_subreset": "subtracted",
             "conduct": "conductance"}  # fmt: skip
    for theirs, ours in names.items():
        setattr(peer, theirs, nn.Parameter(getattr(layer, ours).detach().clone()))
    for theirs, gate in zip(("alpha", "beta", "gamma"), layer.gates, strict=True):
        setattr(peer, theirs, nn.Parameter(gate.detach().clone()))
    x = torch.randn(T, 3, C, 4, 4, generator=torch.Generator().manual_seed(0))
    currents = [x.clone().requires_grad_() for _ in range(2)]
    outs = [layer(currents[0]), peer(currents[1])]
    assert torch.equal(*outs) and 0.1 < outs[0].mean() < 0.9
    for out in outs:
        out.backward(x)
    torch.testing.assert_close(currents[0].grad, currents[1].grad, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer.conductance.grad, peer.conduct.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("shape", [(T, 30, C), (T, 3, C, 4, 5)])
def test_steps_one_by_one_are_all_steps_at_once_and_a_reset_begins_anew(shape: tuple[int, ...]) -> None:
    layer, x = made(**MILD), torch.randn(shape, generator=torch.Generator().manual_seed(0))
    leaf = x.clone().requires_grad_()
    whole = layer(leaf)
    whole.backward(x)
    functional.reset_net(layer)
    again = x.clone().requires_grad_()
    parts = torch.cat([layer(step[None]) for step in again])
    parts.backward(x)
    assert torch.equal(parts, whole)
    torch.testing.assert_close(again.grad, leaf.grad)
    functional.set_step_mode(layer, "s")
    with pytest.raises(ValueError, match=f"built for {T} time steps .* found {T + 1}"):
        layer(x[0])
    functional.reset_net(layer)
    assert torch.equal(torch.stack([layer(step) for step in x]), whole)
    functional.detach_net(layer)
    assert not layer.v.requires_grad and not layer.s.requires_grad and layer.t == T


def test_the_states_are_float32_under_autocast_and_no_copy_has_them() -> None:
    layer = made()
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(torch.randn(T, 2, C, dtype=torch.bfloat16))
    assert out.dtype == layer.v.dtype == layer.s.dtype == torch.float32
    net = nn.Sequential(layer)
    assert [name for name, _ in leaves(net)] == ["0"]
    copied = duplicate(net)
    assert (copied[0].v, copied[0].s, copied[0].t) == (0.0, 0.0, 0) and layer.t == T


def test_what_does_not_fit_is_refused() -> None:
    layer = made()
    for steps in (2, T - 1, T + 1):
        with pytest.raises(ValueError, match=f"built for {T} time steps .* found {steps}"):
            layer(torch.zeros(steps, 2, C))
    layer(torch.zeros(1, 2, C))
    with pytest.raises(ValueError, match="reset_net"):
        layer(torch.zeros(1, 3, C))
    with pytest.raises(ValueError, match="bound to its channels and steps, found 3 and None"):
        build(Options(), 3)
    with pytest.raises(ValueError, match="normalised"):
        checked("nets.layers", {"kind": "glif", "surrogate": {"kind": "rect", "normalised": True}})


def test_a_network_draws_its_gates_with_its_weights() -> None:
    network = Network(
        model=checked("nets.models", entry("vgg-snn", width=1 / 32)), activation=Options(), attention=None, steps=T
    )
    gates = [
        [layer.gates for layer in build_network(network, 3, (16, 16), torch.Generator().manual_seed(seed)).modules()
         if isinstance(layer, GLIF)] for seed in (0, 0, 1)
    ]  # fmt: skip
    assert all(torch.equal(one, other) for one, other in zip(*gates[:2], strict=True))
    assert not any(torch.equal(one, other) for one, other in zip(*gates[1:], strict=True))
