"""IF against QCFS where both are exact, and against SpikingJelly and a plain loop."""

from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import neuron, surrogate

from pipeline.nets import IF, LIF, QCFS


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


def test_state_does_not_outlive_a_pass() -> None:
    neuron_ = IF(1.0)
    current = torch.full((3, 2), 0.3)
    assert torch.equal(neuron_(current), neuron_(current))


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
