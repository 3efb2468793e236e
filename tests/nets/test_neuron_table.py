"""Neurons as data: each system's neuron against a loop in plain autograd, at θ other than 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import base, functional, neuron, surrogate
from torch import Tensor, nn

from pipeline.nets.layers._neuron import IFNode, LIFNode, Neuron, ParametricLIFNode
from pipeline.nets.layers._spiking import FusedNeuron
from pipeline.pieces import checked, module_of

RECT = {"kind": "rect", "width": 1.0}
# The systems of docs and papers: options, and the module that serves them.
SYSTEMS: dict[str, tuple[dict[str, Any], type]] = {
    "ours, if": ({"kind": "if", "threshold": 1.37}, FusedNeuron),
    "ours, lif": ({"kind": "lif", "threshold": 1.37}, FusedNeuron),
    "ours, θ learns": ({"kind": "lif", "threshold": 1.37, "train_threshold": True}, FusedNeuron),
    "TET, SLTT, SEENN": (
        {"kind": "lif", "threshold": 1.0, "surrogate": {"kind": "triangle", "width": 1.0}, "output": "spike"},
        FusedNeuron,
    ),
    "TET at another θ": (
        {"kind": "lif", "threshold": 1.37, "surrogate": {"kind": "triangle", "width": 1.0}, "output": "spike"},
        LIFNode,
    ),
    "STBP-tdBN": ({"kind": "lif", "decay": 0.25, "threshold": 0.2, "surrogate": RECT, "output": "spike"}, LIFNode),
    "NDA, Joint A-SNN": (
        {"kind": "lif", "decay": 0.25, "threshold": 0.5, "surrogate": RECT, "output": "spike"}, LIFNode,
    ),
    "DT-SNN": (
        {"kind": "lif", "threshold": 1.37, "surrogate": {"kind": "dspike", "sharpness": 3.0, "reach": 3.0},
         "output": "spike"},
        LIFNode,
    ),
    "Dspike": (
        {"kind": "lif", "threshold": 0.7, "surrogate": {"kind": "dspike", "sharpness": 4.0, "reach": 0.5},
         "output": "spike"},
        LIFNode,
    ),
    "TA-SNN, CIFAR10-DVS": (
        {"kind": "lif", "decay": 0.3, "threshold": 0.3, "reset": "clamp", "surrogate": RECT, "output": "spike"}, Neuron,
    ),
    "TA-SNN, MA-SNN, RM-SNN, Gesture": (
        {"kind": "lif", "decay": 0.3, "threshold": 0.3, "reset": "clamp",
         "surrogate": {"kind": "rect", "width": 0.5}, "output": "spike"},
        Neuron,
    ),
    "TA-SNN, hard reset, as in the paper": (
        {"kind": "lif", "decay": 0.3, "threshold": 0.3, "surrogate": RECT, "output": "spike"}, LIFNode,
    ),
    "PLIF": ({"kind": "plif", "threshold": 0.7}, ParametricLIFNode),
    "Spikformer": (
        {"kind": "lif", "input_scale": "1-decay", "threshold": 0.5, "surrogate": {"kind": "sigmoid", "alpha": 4.0},
         "detach_reset": True, "output": "spike"},
        LIFNode,
    ),
    "EventMix": (
        {"kind": "lif", "input_scale": "1-decay", "threshold": 0.5, "surrogate": {"kind": "triangle", "width": 0.5},
         "detach_reset": True, "output": "spike"},
        LIFNode,
    ),
    "SSNN": (
        {"kind": "lif", "threshold": 0.8, "reset": "soft", "surrogate": RECT, "output": "spike"}, LIFNode,
    ),
    "LIAF": (
        {"kind": "plif", "decay": 0.6225, "input_scale": 1, "threshold": 0.5, "surrogate": RECT, "output": "analog",
         "act": "selu"},
        Neuron,
    ),
    "LIAF, leaky": (
        {"kind": "plif", "decay": 0.6225, "input_scale": 1, "threshold": 0.5, "surrogate": RECT, "output": "analog",
         "act": "leaky-relu"},
        Neuron,
    ),
    "LIAF, BICLab, NTR": (
        {"kind": "lif", "decay": 0.3, "threshold": 0.3, "reset": "clamp", "surrogate": RECT, "output": "analog"},
        Neuron,
    ),
    "LIAF, BICLab, TR": (
        {"kind": "lif", "decay": 0.3, "threshold": 0.3, "reset": "clamp", "surrogate": RECT, "output": "analog-tr"},
        Neuron,
    ),
    # Combinations that no system has, but the options.
    "plif, scaled, soft, θ learns": (
        {"kind": "plif", "decay": 0.7, "threshold": 0.6, "train_threshold": True, "reset": "soft",
         "detach_reset": False, "output": "scaled"},
        Neuron,
    ),
    "if, hard, scaled": (
        {"kind": "if", "threshold": 0.6, "reset": "hard", "surrogate": {"kind": "arctan", "alpha": 2.0}}, IFNode,
    ),
    "lif, normalised rect": (
        {"kind": "lif", "threshold": 0.6, "surrogate": {"kind": "rect", "width": 1.0, "normalised": True},
         "train_threshold": True, "start": 0.3},
        Neuron,
    ),
}  # fmt: skip

ACTS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": lambda u: u.clamp(min=0),
    "selu": lambda u: 1.0507009873554805 * torch.where(u > 0, u, 1.6732632423543772 * (u.exp() - 1)),
    "leaky-relu": lambda u: torch.where(u > 0, u, 0.01 * u),
}
# g(d) as in the papers.
SLOPES: dict[str, Callable[[Tensor, Any], Tensor]] = {
    "triangle": lambda d, o: (o.width - d.abs()).clamp(min=0) / o.width**2,
    "rect": lambda d, o: (d.abs() < o.width / 2).float() / o.width,
    "arctan": lambda d, o: o.alpha / 2 / (1 + (math.pi / 2 * o.alpha * d) ** 2),
    "sigmoid": lambda d, o: o.alpha * (o.alpha * d).sigmoid() * (1 - (o.alpha * d).sigmoid()),
    "dspike": lambda d, o: (
        o.sharpness / (o.sharpness * d).cosh() ** 2 / (2 * math.tanh(o.reach * o.sharpness)) * (d.abs() <= o.reach)
    ),
}


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, d: Tensor, options: Any) -> Tensor:
        ctx.save_for_backward(d)
        ctx.options = options
        return (d >= 0).float()

    @staticmethod
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None]:
        return upstream * SLOPES[ctx.options.kind](ctx.saved_tensors[0], ctx.options), None


def loop(options: Any, x: Tensor, theta: Tensor, w: Tensor) -> Tensor:
    """Run the neuron as § 1.1 has it; `w` is what a decay that learns comes of."""
    decay = 1 - w.sigmoid() if options.kind == "plif" else getattr(options, "decay", 1.0)
    scale = (1 - decay) if getattr(options, "input_scale", 1) != 1 else 1.0
    v, out = options.start * theta, []
    for step in x:
        u = decay * v + scale * step
        s = Spike.apply(u / theta - 1 if options.surrogate.normalised else u - theta, options.surrogate)
        gate = s.detach() if options.detach_reset else s
        v = {"soft": u - gate * theta, "hard": u * (1 - gate), "clamp": u * (1 - gate) + gate * theta}[options.reset]
        act = ACTS[options.act]
        leaving = {"spike": s, "scaled": s * theta, "analog": act(u), "analog-tr": act(u - theta)}
        out.append(leaving[options.output])
    return torch.stack(out)


def made(name: str) -> tuple[Any, nn.Module]:
    options = checked("nets.layers", SYSTEMS[name][0])
    return options, module_of("nets.layers", options).build(options)


@pytest.mark.parametrize("shape", [(6, 40, 5), (5, 3, 4, 6, 7)])
@pytest.mark.parametrize("name", SYSTEMS)
def test_forward_and_gradients_are_those_of_the_loop(name: str, shape: tuple[int, ...]) -> None:
    options, layer = made(name)
    assert type(layer) is SYSTEMS[name][1]
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(shape, generator=generator) * options.threshold * 2
    mine, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    upstream = torch.randn(shape, generator=generator)
    theta = torch.tensor(options.threshold, requires_grad=True)
    w = torch.tensor(-math.log(1 / (1 - getattr(options, "decay", 0.5)) - 1), requires_grad=True)
    out, wanted = layer(mine), loop(options, theirs, theta, w)
    if options.output in ("spike", "scaled"):
        assert 0.05 < (wanted != 0).float().mean() < 0.95
    torch.testing.assert_close(out, wanted)
    out.backward(upstream)
    wanted.backward(upstream)
    assert theirs.grad.abs().sum() > 0
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5)
    if options.train_threshold:
        torch.testing.assert_close(layer.threshold.grad, theta.grad, rtol=1e-3, atol=1e-3)
    if options.kind == "plif":
        torch.testing.assert_close(layer.w.grad, w.grad, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", SYSTEMS)
def test_single_steps_are_the_sequence_and_a_reset_begins_anew(name: str) -> None:
    _, layer = made(name)
    assert isinstance(layer, base.MemoryModule)
    x = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))
    whole = layer(x)
    functional.reset_net(layer)
    functional.set_step_mode(layer, "s")
    assert torch.equal(torch.stack([layer(step) for step in x]), whole)
    assert not torch.equal(layer(x[0]), whole[0]) or torch.equal(whole[0], torch.zeros(3, 4))
    functional.detach_net(layer)
    assert not layer.v.requires_grad
    functional.reset_net(layer)
    assert torch.equal(layer(x[0]), whole[0])


def test_the_first_membrane_follows_a_threshold_that_has_learned() -> None:
    _, layer = made("lif, normalised rect")
    layer.threshold.data.fill_(2.0)
    layer(torch.zeros(1, 3))
    # Half of start · θ is left after a step without input.
    assert torch.equal(layer.v, torch.full((3,), 0.3 * 2.0 / 2))


@pytest.mark.parametrize("name", SYSTEMS)
def test_the_membrane_is_float32_under_autocast(name: str) -> None:
    _, layer = made(name)
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(torch.randn(3, 2, dtype=torch.bfloat16))
    assert out.dtype == layer.v.dtype == torch.float32


def test_plif_is_spikingjellys_as_its_networks_have_it() -> None:
    _, layer = made("PLIF")
    assert isinstance(layer, neuron.ParametricLIFNode)
    assert (layer.v_threshold, layer.v_reset, layer.detach_reset, layer.decay_input) == (0.7, 0.0, True, True)
    assert layer.w.item() == 0.0


@pytest.mark.parametrize("related", [False, True])
@pytest.mark.parametrize("act", ["relu", "selu", "leaky-relu"])
def test_liaf_is_spikingjellys(act: str, related: bool) -> None:
    settings = {"kind": "lif", "threshold": 0.6, "surrogate": RECT, "detach_reset": True, "act": act}
    options = checked("nets.layers", {**settings, "output": "analog-tr" if related else "analog"})
    layer = module_of("nets.layers", options).build(options)
    call = {"relu": torch.relu, "selu": torch.selu, "leaky-relu": nn.functional.leaky_relu}[act]
    # In single steps: with all steps at once SpikingJelly 2.0.0 runs its LIF, which sends spikes.
    peer = neuron.LIAFNode(
        call, related, tau=2.0, decay_input=False, v_threshold=0.6, surrogate_function=surrogate.Rect(alpha=1.0),
        detach_reset=True, step_mode="s",
    )  # fmt: skip
    x = torch.randn(6, 4, 5, generator=torch.Generator().manual_seed(0))
    currents = [x.clone().requires_grad_() for _ in range(2)]
    outs = [layer(currents[0]), torch.stack([peer(step) for step in currents[1]])]
    torch.testing.assert_close(*outs)
    for out in outs:
        out.backward(x)
    torch.testing.assert_close(currents[0].grad, currents[1].grad)
    assert layer.spikes(outs[0]) is None


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"kind": "if", "decay": 0.5}, "has no option 'decay'"),
        ({"kind": "lif", "decay": 1.5}, "decay"),
        ({"kind": "lif", "threshold": 0.0}, "threshold"),
        ({"kind": "lif", "surrogate": {"kind": "rect", "alpha": 1.0}}, "surrogate.rect.alpha|no option"),
        ({"kind": "lif", "surrogate": {"kind": "square"}}, "surrogate"),
        ({"kind": "lif", "act": "selu"}, "act: selu is what an analog output goes through, found output: scaled"),
        ({"kind": "lyf"}, "did you mean 'lif'"),
    ],
)
def test_what_is_no_neuron_is_refused(bad: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked("nets.layers", bad)
