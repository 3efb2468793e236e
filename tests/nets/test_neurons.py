"""IF against QCFS where both are exact, and against SpikingJelly and a plain loop."""

from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from torch import nn

from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.lif import LIF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.tree import duplicate


@pytest.mark.parametrize("levels", [1, 4, 8, 16, 32])
@pytest.mark.parametrize("threshold", [0.5, 1.0, 2.0, 8.0])
def test_constant_input_for_l_steps_is_qcfs(levels: int, threshold: float) -> None:
    # Dyadic currents: the membrane is exact, so equality is bit for bit, boundaries included.
    z = torch.arange(-2 * 64, 2 * 64 + 1) / 64 * threshold
    spikes = IF(threshold)(z.expand(levels, -1))
    assert torch.equal(spikes.mean(0), QCFS(levels, threshold)(z))


def test_constant_random_input_is_qcfs_away_from_boundaries() -> None:
    torch.manual_seed(1)
    threshold, levels = 1.7, 8
    z = torch.randn(5000) * 2
    position = (z / threshold * levels + 0.5) % 1
    z = z[(position > 1e-3) & (position < 1 - 1e-3)]
    spikes = IF(threshold)(z.expand(levels, -1))
    torch.testing.assert_close(spikes.mean(0), QCFS(levels, threshold)(z), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("threshold", [1.0, 2.0, 4.0])
def test_if_is_spikingjellys(threshold: float) -> None:
    torch.manual_seed(0)
    current = torch.randn(7, 3, 5) * threshold
    peer = neuron.IFNode(v_threshold=threshold, v_reset=None, step_mode="m")
    peer.v = threshold / 2
    assert torch.equal(IF(threshold)(current), peer(current) * threshold)


def test_if_follows_equations_3_and_4() -> None:
    current = torch.tensor([[0.75], [1.5], [-2.0], [3.0], [0.0]])
    # θ = 1, v(0) = 0.5: u = 1.25 spike, v .25; u = 1.75 spike, v .75; u = -1.25; u = 1.75 spike, v .75; u = .75
    assert IF(1.0)(current).flatten().tolist() == [1, 1, 0, 1, 0]


def test_lif_follows_its_definition() -> None:
    current = torch.tensor([[0.8], [0.8], [0.0], [0.9], [0.6]])
    # u = .8; u = .4 + .8 spike, v 0; u = 0; u = .9; u = .45 + .6 spike
    assert LIF(1.0)(current).flatten().tolist() == [0, 1, 0, 0, 1]


@pytest.mark.parametrize("kind", [IF, LIF])
def test_gradient_is_backpropagation_through_time(kind: type) -> None:
    torch.manual_seed(0)
    threshold = 2.0
    current = (torch.randn(6, 4) * 3).requires_grad_()
    upstream = torch.randn(6, 4)
    kind(threshold)(current).backward(upstream)
    expected = bptt(current.detach() / threshold, upstream, hard=kind is LIF)
    torch.testing.assert_close(current.grad, expected)


def bptt(x: torch.Tensor, upstream: torch.Tensor, hard: bool) -> torch.Tensor:
    """Backpropagate by hand through u = d v + x, s = H(u - 1), reset, with the triangle of eq. 12."""
    decay = 0.5 if hard else 1.0
    v = torch.full_like(x[0], 0.0 if hard else 0.5)
    history = []
    for step in x:
        u = decay * v + step
        s = (u >= 1).float()
        v = u * (1 - s) if hard else u - s
        history.append((u, s))
    grads, to_v = [], torch.zeros_like(x[0])
    for (u, s), out in zip(reversed(history), upstream.flip(0), strict=True):
        triangle = (1 - (u - 1).abs()).clamp(min=0)
        reset = (1 - s) - u * triangle if hard else 1 - triangle
        to_u = out * triangle + to_v * reset
        grads.append(to_u)
        to_v = decay * to_u
    # Output θ s of input θ x: the scales cancel.
    return torch.stack(grads[::-1])


def test_membrane_is_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert IF(1.0)(torch.randn(3, 2, dtype=torch.bfloat16)).dtype == torch.float32


def test_surrogate_is_the_triangle_of_equation_12() -> None:
    u = torch.linspace(-1, 3, 41, requires_grad=True)
    surrogate.PiecewiseQuadratic(alpha=1.0)(u - 1).sum().backward()
    torch.testing.assert_close(u.grad, (1 - (u.detach() - 1).abs()).clamp(min=0))


def test_a_trained_threshold_stays_positive_and_comes_back() -> None:
    neuron_ = IF(1.0, train_threshold=True)
    with torch.no_grad():
        neuron_.threshold.fill_(-2.0)
    out = neuron_(torch.ones(3, 4))
    assert out.min() >= 0 and out.max() > 0
    out.sum().backward()
    assert neuron_.threshold.grad.item() > 0


def test_threshold_must_be_positive() -> None:
    with pytest.raises(ValueError, match="above 0"):
        IF(0.0)


def peer(kind: type, detach_reset: bool) -> nn.Module:
    """SpikingJelly's neuron with the triangle of eq. 12, threshold 1."""
    common = {"detach_reset": detach_reset, "step_mode": "m", "surrogate_function": surrogate.PiecewiseQuadratic(1.0)}
    if kind is LIF:
        return neuron.LIFNode(tau=2.0, decay_input=False, v_reset=0.0, **common)
    made = neuron.IFNode(v_reset=None, **common)
    made.v = 0.5
    return made


@pytest.mark.parametrize("kind", [IF, LIF])
@pytest.mark.parametrize("detach_reset", [False, True])
def test_spikes_and_gradients_are_spikingjellys(kind: type, detach_reset: bool) -> None:
    torch.manual_seed(0)
    upstream = torch.randn(7, 3, 5)
    current = torch.randn(7, 3, 5) * 1.5
    currents = [current.clone().requires_grad_() for _ in range(2)]
    outputs = [kind(1.0, detach_reset=detach_reset)(currents[0]), peer(kind, detach_reset)(currents[1])]
    assert torch.equal(*outputs)
    for output in outputs:
        output.backward(upstream)
    torch.testing.assert_close(currents[0].grad, currents[1].grad)


def by_autograd(kind: type, x: torch.Tensor, theta: torch.Tensor, v: torch.Tensor, detach_reset: bool) -> torch.Tensor:
    """u = d v + x / θ, s = H(u - 1) with the triangle, reset, out = s θ: in plain PyTorch."""
    spike, out = surrogate.PiecewiseQuadratic(alpha=1.0), []
    for drive in x:
        u = (0.5 if kind is LIF else 1.0) * v + drive / theta
        s = spike(u - 1)
        reset = s.detach() if detach_reset else s
        v = u * (1 - reset) if kind is LIF else u - reset
        out.append(s * theta)
    return torch.stack(out)


@pytest.mark.parametrize("kind", [IF, LIF])
@pytest.mark.parametrize("detach_reset", [False, True])
@pytest.mark.parametrize("shape", [(6, 4), (5, 2, 3, 4, 2)])
def test_gradients_of_current_and_threshold_are_autograds(kind: type, detach_reset: bool, shape: tuple) -> None:
    torch.manual_seed(0)
    mine = (torch.randn(shape) * 3).requires_grad_()
    theirs, upstream = mine.detach().clone().requires_grad_(), torch.randn(shape)
    layer, theta = kind(2.0, True, detach_reset), torch.tensor(2.0, requires_grad=True)
    out = layer(mine)
    wanted = by_autograd(kind, theirs, theta, torch.full(shape[1:], 0.0 if kind is LIF else 0.5), detach_reset)
    assert torch.equal(out, wanted) and 0 < (out > 0).float().mean() < 1
    out.backward(upstream)
    wanted.backward(upstream)
    torch.testing.assert_close(mine.grad, theirs.grad)
    torch.testing.assert_close(layer.threshold.grad, theta.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [IF, LIF])
@pytest.mark.parametrize("shape", [(6, 3, 5), (6, 2, 3, 4, 5)])
def test_steps_one_by_one_are_all_steps_at_once(kind: type, shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    current, upstream = torch.randn(shape) * 1.5, torch.randn(shape)
    results = []
    for parts in ([6], [1] * 6, [2, 4], None):
        layer, leaf = kind(1.3, True), current.clone().requires_grad_()
        if parts is None:
            functional.set_step_mode(layer, "s")
            out = torch.stack([layer(step) for step in leaf])
        else:
            out = torch.cat([layer(part) for part in leaf.split(parts)])
        out.backward(upstream)
        results.append((out, leaf.grad, layer.threshold.grad, layer.v))
    (out, grad, to_threshold, v), *others = results
    assert 0.1 < (out > 0).float().mean() < 0.9
    for other in others:
        # The membrane's gradient goes through from call to call.
        assert torch.equal(other[0], out) and torch.equal(other[1], grad) and torch.equal(other[3], v)
        torch.testing.assert_close(other[2], to_threshold, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", [IF, LIF])
def test_a_reset_neuron_begins_anew_and_another_batch_without_a_reset_is_refused(kind: type) -> None:
    layer, current = kind(1.3), torch.full((3, 2), 0.5 if kind is IF else 0.9)
    first = layer(current)
    assert not torch.equal(layer(current), first)
    functional.reset_net(layer)
    assert torch.equal(layer(current), first)
    with pytest.raises(ValueError, match="reset_net"):
        layer(current[:, :1])


@pytest.mark.parametrize("kind", [IF, LIF])
def test_detach_net_cuts_the_gradient_of_the_membrane(kind: type) -> None:
    torch.manual_seed(0)
    current, upstream = torch.randn(6, 4) * 2, torch.randn(3, 4)
    first, second = current[:3].clone().requires_grad_(), current[3:].clone().requires_grad_()
    layer, theta = kind(1.3, True), torch.tensor(1.3, requires_grad=True)
    layer(first)
    functional.detach_net(layer)
    start = layer.v.clone()
    layer(second).backward(upstream)
    assert first.grad is None and not start.requires_grad
    theirs = second.detach().clone().requires_grad_()
    by_autograd(kind, theirs, theta, start, False).backward(upstream)
    torch.testing.assert_close(second.grad, theirs.grad)
    torch.testing.assert_close(layer.threshold.grad, theta.grad, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dense", [False, True])
def test_maps_may_lie_in_memory_as_they_like(dense: bool) -> None:
    """Channels last or not, in or out of order: the same bits, and channels last stays channels last."""
    torch.manual_seed(0)
    current, upstream = torch.randn(4, 3, 5, 6, 7), torch.randn(4, 3, 5, 6, 7)
    other = current.movedim(2, -1).contiguous().movedim(-1, 2) if dense else current.transpose(0, 1).contiguous()
    other = other if dense else other.transpose(0, 1)
    leaves = [current.requires_grad_(), other.requires_grad_()]
    outs = [IF(0.7)(leaf) for leaf in leaves]
    for out in outs:
        out.backward(upstream)
    assert torch.equal(*outs) and torch.equal(leaves[0].grad, leaves[1].grad)
    assert outs[1].stride() == other.stride()


def test_a_membrane_with_a_graph_behind_it_does_not_hinder_a_copy() -> None:
    net = nn.Sequential(IF(1.0), nn.Sequential(LIF(1.0)))
    out = net(torch.ones(2, 3, requires_grad=True))
    copied = duplicate(net)
    assert copied[0].v == 0.5 and copied[1][0].v == 0.0
    assert net[0].v.requires_grad and net[1][0].v.requires_grad
    assert torch.equal(copied(torch.ones(2, 3)), out)
