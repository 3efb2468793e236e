"""The noisy group neuron: its distribution, its limits, its gradient, and that its answers can be repeated."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from spikingjelly.activation_based import functional
from torch import Tensor

from pipeline.nets.layers.group import GroupNeuron
from pipeline.nets.layers.lif import LIF
from pipeline.pieces import checked, module_of


def made(**options: Any) -> GroupNeuron:
    found = checked("nets.layers", {"kind": "group", **options})
    return module_of("nets.layers", found).build(found)


def current(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * 1.5


def loop(x: Tensor, outputs: Tensor | None, decay: float, theta: float, sigma: float, detach: bool = False) -> Tensor:
    """Run the neuron with the outputs that were drawn, or with Φ itself; the gradient is Φ's."""
    h, found = torch.zeros_like(x[0]), []
    for t, step in enumerate(x):
        v = decay * h + step
        p = (1 + torch.erf((v - theta) / (sigma * math.sqrt(2)))) / 2
        o = p if outputs is None else outputs[t] + (p - p.detach())
        h = v * (1 - (o.detach() if detach else o))
        found.append(o)
    return torch.stack(found)


def test_outputs_are_counts_over_k_with_the_mean_and_variance_of_the_members() -> None:
    layer, members, v = made(members=8, sigma=0.5), 8, 1.2
    torch.manual_seed(0)
    counts = layer(torch.full((1, 200_000), v)) * members
    assert torch.equal(counts, counts.round()) and set(counts.unique().tolist()) <= set(range(9))
    p = 0.5 * (1 + math.erf((v - 1.0) / (0.5 * math.sqrt(2))))
    assert counts.mean().item() == pytest.approx(members * p, abs=0.02)
    assert counts.var().item() == pytest.approx(members * p * (1 - p), abs=0.03)
    # And that of eight units that each draw their noise.
    noisy = (v + 0.5 * torch.randn(8, 200_000) >= 1).float().sum(0)
    assert noisy.mean().item() == pytest.approx(counts.mean().item(), abs=0.02)
    assert noisy.var().item() == pytest.approx(counts.var().item(), abs=0.03)


def test_many_members_are_the_mean_field_and_little_noise_is_the_leaky_neuron() -> None:
    x = current(6, 40, 5)
    mean = made(members="mean-field", decay=0.3, threshold=0.8)(x)
    torch.testing.assert_close(mean, loop(x, None, 0.3, 0.8, 0.5))
    torch.manual_seed(0)
    torch.testing.assert_close(made(members=10_000_000, decay=0.3, threshold=0.8)(x), mean, rtol=0, atol=2e-3)
    lif = LIF(1.0)(x)
    assert 0.1 < lif.mean() < 0.9
    for members in (1, 7, "mean-field"):
        assert torch.equal(made(members=members, sigma=1e-9)(x), lif)
    # One member without its noise.
    assert torch.equal(made(members=1).eval()(x), lif)


@pytest.mark.parametrize("detach", [False, True])
@pytest.mark.parametrize("members", [4, "mean-field"])
def test_gradients_are_those_of_a_loop_with_the_same_draws(members: Any, detach: bool) -> None:
    layer = made(members=members, sigma=0.6, decay=0.7, threshold=0.9, detach_reset=detach)
    mine, upstream = current(6, 3, 4, 2, 2).requires_grad_(), current(6, 3, 4, 2, 2, seed=1)
    torch.manual_seed(0)
    out = layer(mine)
    theirs = mine.detach().clone().requires_grad_()
    wanted = loop(theirs, None if members == "mean-field" else out.detach(), 0.7, 0.9, 0.6, detach)
    torch.testing.assert_close(out, wanted)
    out.backward(upstream)
    wanted.backward(upstream)
    torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-4, atol=1e-5)


def test_the_surrogate_is_a_gaussian() -> None:
    v = torch.linspace(-1, 3, 41, requires_grad=True)
    made(members=3, sigma=0.4, threshold=1.1)(v[None]).sum().backward()
    wanted = (-((v.detach() - 1.1) ** 2) / (2 * 0.4**2)).exp() / (math.sqrt(2 * math.pi) * 0.4)
    torch.testing.assert_close(v.grad, wanted)


def test_training_draws_from_torchs_own_stream() -> None:
    layer, x = made(members=4), current(3, 5, 20)
    outs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        functional.reset_net(layer)
        outs.append(layer(x))
    assert torch.equal(outs[0], outs[1]) and not torch.equal(outs[0], outs[2])


def test_in_eval_mode_nothing_is_drawn_and_an_answer_does_not_hang_on_its_batch() -> None:
    layer, x = made(members=4).eval(), current(5, 6, 20)
    before = torch.random.get_rng_state()
    whole = layer(x)
    assert torch.equal(torch.random.get_rng_state(), before)
    functional.reset_net(layer)
    assert torch.equal(layer(x[:, 2:3]), whole[:, 2:3])
    functional.reset_net(layer)
    functional.set_step_mode(layer, "s")
    assert torch.equal(torch.stack([layer(step) for step in x]), whole)
    # Members with noise at its quantiles 1/8, 3/8, 5/8, 7/8.
    first = torch.distributions.Normal(0, 0.5).icdf(torch.tensor([0.125, 0.375, 0.625, 0.875]))
    assert torch.equal(whole[0], (x[0, ..., None] + first >= 1).float().mean(-1))


def test_members_may_be_others_in_the_test() -> None:
    layer, x = made(members=4, test_members=2), current(3, 5, 20)
    assert set((layer(x) * 4).unique().tolist()) == {0, 1, 2, 3, 4}
    functional.reset_net(layer.eval())
    out = layer(x)
    assert set((out * 2).unique().tolist()) == {0, 1, 2}
    assert torch.equal(layer.spikes(out), out * 2)
    assert made(test_members="mean-field").eval().spikes(out) is None


def test_what_is_no_group_is_refused() -> None:
    for bad in ({"members": 0}, {"members": "many"}, {"sigma": 0.0}, {"surrogate": {"kind": "rect"}}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            checked("nets.layers", {"kind": "group", **bad})
