"""CLIF: its equations in a plain loop, by hand, and single steps."""

from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import functional, surrogate
from torch import Tensor, nn

from pipeline.nets.layers.clif import CLIF
from pipeline.nets.tree import duplicate
from pipeline.pieces import checked, module_of


def made(**options: object) -> tuple[CLIF, object]:
    found = checked("nets.layers", {"kind": "clif", **options})
    return module_of("nets.layers", found).build(found), found


def loop(x: Tensor, decay: float, theta: float) -> Tensor:
    v, m, out = torch.zeros_like(x[0]), torch.zeros_like(x[0]), []
    fire = surrogate.Rect(alpha=1.0)
    for step in x:
        u = decay * v + step
        s = fire(u - theta)
        m = m * (u * (1 - decay)).sigmoid() + s
        v = u - s * (theta + m.sigmoid())
        out.append(s)
    return torch.stack(out)


@pytest.mark.parametrize(("decay", "theta"), [(0.5, 1.0), (0.8, 0.6)])
def test_spikes_and_gradients_are_those_of_the_equations(decay: float, theta: float) -> None:
    layer, _ = made(decay=decay, threshold=theta)
    generator = torch.Generator().manual_seed(0)
    mine, upstream = (torch.randn(7, 3, 4, 5, 5, generator=generator) for _ in range(2))
    theirs = mine.clone().requires_grad_()
    out, wanted = layer(mine.requires_grad_()), loop(theirs, decay, theta)
    assert torch.equal(out, wanted) and 0.1 < out.mean() < 0.9
    out.backward(upstream)
    wanted.backward(upstream)
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5)


def test_a_spike_lowers_the_membrane_by_more_than_the_threshold_by_hand() -> None:
    layer, _ = made()
    # u = 1.5 fires; m = 1; v = 1.5 - 1 - σ(1).
    assert layer(torch.tensor([[1.5]])).item() == 1.0
    torch.testing.assert_close(layer.v.item(), 0.5 - torch.tensor(1.0).sigmoid().item())
    assert layer.m.item() == 1.0


def test_single_steps_are_the_sequence_in_eval_mode_too_and_a_reset_begins_anew() -> None:
    layer, _ = made(threshold=0.7, output="scaled")
    x = torch.randn(5, 3, 4, generator=torch.Generator().manual_seed(0))
    whole = layer(x)
    assert whole.unique().tolist() == pytest.approx([0.0, 0.7])
    functional.reset_net(layer)
    layer.eval()
    functional.set_step_mode(layer, "s")
    assert torch.equal(torch.stack([layer(step) for step in x]), whole)
    functional.reset_net(layer)
    assert torch.equal(layer(x[0]), whole[0])
    copied = duplicate(nn.Sequential(layer))
    assert (copied[0].v, copied[0].m) == (0.0, 0.0)
    with pytest.raises(ValueError, match="reset_net"):
        layer(x[0, :1])


def test_the_potentials_are_float32_under_autocast_and_there_are_no_parameters() -> None:
    layer, _ = made()
    with torch.autocast("cpu", torch.bfloat16):
        out = layer(torch.randn(3, 2, dtype=torch.bfloat16))
    assert out.dtype == layer.v.dtype == layer.m.dtype == torch.float32
    assert not list(layer.parameters())
