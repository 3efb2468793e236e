"""Networks of each kind of neuron: training through time and step by step, streaming, copies and folding."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from spikingjelly.activation_based import functional, layer
from torch import nn

from pipeline.nets.fold import folded
from pipeline.nets.forward import activations, forward, forward_steps
from pipeline.nets.tree import duplicate, leaves
from pipeline.pieces import checked, module_of
from tests.networks import chain

STEPS = 4
KINDS: dict[str, dict[str, Any]] = {
    "lif, clamp": {"kind": "lif", "threshold": 0.3, "reset": "clamp", "surrogate": {"kind": "rect"}},
    "plif": {"kind": "plif", "threshold": 0.5},
    "liaf": {"kind": "plif", "input_scale": 1, "output": "analog-tr", "act": "leaky-relu"},
    "dspike": {"kind": "lif", "surrogate": {"kind": "dspike"}, "output": "spike"},
    "glif": {"kind": "glif"},
    "clif": {"kind": "clif"},
    "group": {"kind": "group", "members": 4},
    "mean-field": {"kind": "group", "members": "mean-field"},
}


def net(kind: str) -> nn.Module:
    options = checked("nets.layers", KINDS[kind])
    build = module_of("nets.layers", options).build
    torch.manual_seed(0)
    made = chain(
        {"conv1": layer.Conv2d(2, 4, 3, padding=1, bias=False), "bn1": layer.BatchNorm2d(4),
         "act1": build(options, 4, STEPS), "pool1": layer.AvgPool2d(2), "flatten": layer.Flatten(),
         "fc1": layer.Linear(4 * 9, 8), "act2": build(options, 8, STEPS), "fc": layer.Linear(8, 3)}
    )  # fmt: skip
    with torch.no_grad():
        # No layer is silent.
        made.layers.fc1.weight.mul_(5)
    return made


def frames() -> torch.Tensor:
    return torch.randint(0, 4, (STEPS, 5, 2, 6, 6), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns_through_time_and_step_by_step(kind: str) -> None:
    for stepwise in (False, True):
        made = net(kind)
        torch.manual_seed(0)
        for logits in forward_steps(made, frames()) if stepwise else [forward(made, frames())]:
            logits.square().mean().backward()
        assert [name for name, _ in activations(made)] == ["act1", "act2"]
        for name, parameter in made.named_parameters():
            assert parameter.grad is not None and parameter.grad.isfinite().all(), name
            assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_answers_can_be_repeated_streamed_and_are_those_of_a_folded_copy(kind: str) -> None:
    made = net(kind)
    forward(made, frames())
    made.eval()
    whole = forward(made, frames())
    assert torch.equal(forward(made, frames()), whole) and torch.equal(forward(duplicate(made), frames()), whole)
    assert torch.equal(torch.cat(list(forward_steps(made, frames()))), whole)
    functional.set_step_mode(made, "s")
    assert torch.equal(torch.stack([made(frame.float()) for frame in frames()]), whole)
    functional.set_step_mode(made, "m")
    functional.reset_net(made)
    other = net(kind)
    other.load_state_dict(made.state_dict())
    assert torch.equal(forward(other.eval(), frames()), whole)
    torch.testing.assert_close(forward(folded(made), frames()), whole, rtol=1e-4, atol=1e-4)
    assert len(list(leaves(made))) == 8
