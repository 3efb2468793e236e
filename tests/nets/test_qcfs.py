"""QCFS against its definition (eq. 8), and its gradients against worked values."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.threshold import SMALLEST_THRESHOLD


def by_definition(z: float, threshold: float, levels: int) -> float:
    import math

    return threshold / levels * min(max(math.floor(z * levels / threshold + 0.5), 0), levels)


@given(
    st.lists(st.integers(-64, 64), min_size=1, max_size=20),
    st.sampled_from([0.5, 1.0, 2.0, 8.0]),
    st.sampled_from([1, 2, 4, 8, 16, 32]),
)
def test_is_its_definition(numerators: list[int], threshold: float, levels: int) -> None:
    # Dyadic inputs, thresholds and levels: every intermediate is an exact float.
    z = torch.tensor(numerators) / 8
    expected = torch.tensor([by_definition(value, threshold, levels) for value in z.tolist()])
    assert torch.equal(QCFS(levels, threshold)(z), expected)


def test_worked_values() -> None:
    z = torch.tensor([-1.0, -0.26, -0.24, 0.0, 0.24, 0.25, 0.74, 0.75, 1.0, 1.9, 5.0])
    # L = 4, λ = 2: steps of 0.5, rounded up from the middle.
    expected = torch.tensor([0.0, 0.0, 0.0, 0.0, 0.0, 0.5, 0.5, 1.0, 1.0, 2.0, 2.0])
    assert torch.equal(QCFS(4, 2.0)(z), expected)


def test_gradients_worked_by_hand() -> None:
    # L = 4, λ = 2. z passes for -λ/2L <= z < λ + λ/2L, that is -0.25 <= z < 2.25.
    # a = 0.5 q; da/dλ = q/4 - z/2 where z passes, else q/4 with q clipped to 0..4.
    z = torch.tensor([-0.3, -0.25, 0.3, 1.2, 2.0, 2.2, 2.3], requires_grad=True)
    qcfs = QCFS(4, 2.0)
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    (qcfs(z) * weights).sum().backward()
    passes = torch.tensor([0.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0])
    assert torch.equal(z.grad, weights * passes)
    levels = torch.tensor([0.0, 0.0, 1.0, 2.0, 4.0, 4.0, 4.0])
    expected = (weights * (levels / 4 - passes * z.detach() / 2)).sum()
    assert qcfs.threshold.grad == pytest.approx(expected.item(), abs=1e-6)


def test_clamp_gradient_differs_at_the_edges_only() -> None:
    values = torch.tensor([-0.2, -0.01, 0.0, 1.0, 2.0, 2.1, 2.3])
    outputs, gradients = [], []
    for kind in ("floor", "clamp"):
        z = values.clone().requires_grad_()
        out = QCFS(4, 2.0, kind)(z)
        out.sum().backward()
        outputs.append(out)
        gradients.append(z.grad.tolist())
    assert torch.equal(*outputs)
    assert gradients[0] == [1, 1, 1, 1, 1, 1, 0]
    assert gradients[1] == [0, 0, 1, 1, 1, 0, 0]


def test_gradient_is_that_of_the_straight_through_expression() -> None:
    torch.manual_seed(0)
    z = torch.randn(200) * 3
    for levels in (4, 8):
        z1, z2 = z.clone().requires_grad_(), z.clone().requires_grad_()
        qcfs = QCFS(levels, 2.0)
        threshold = torch.tensor(2.0, requires_grad=True)
        scaled = z2 * levels / threshold + 0.5
        floored = scaled + (scaled.floor() - scaled).detach()
        reference = threshold / levels * floored.clamp(0, levels)
        upstream = torch.randn(200)
        qcfs(z1).backward(upstream)
        reference.backward(upstream)
        torch.testing.assert_close(z1.grad, z2.grad)
        torch.testing.assert_close(qcfs.threshold.grad, threshold.grad, rtol=1e-4, atol=1e-4)


def test_threshold_stays_positive_and_comes_back() -> None:
    qcfs = QCFS(4, 0.5)
    with torch.no_grad():
        qcfs.threshold.fill_(-3.0)
    assert qcfs.positive_threshold().item() == pytest.approx(SMALLEST_THRESHOLD)
    out = qcfs(torch.tensor([1.0, -1.0]))
    assert out.min() >= 0 and out.max().item() == pytest.approx(SMALLEST_THRESHOLD)
    out.sum().backward()
    # More output is wanted of a saturated unit: the gradient still says to raise λ.
    assert qcfs.threshold.grad.item() > 0


@pytest.mark.parametrize("bad", [dict(levels=0), dict(levels=4, threshold=0.0), dict(levels=4, gradient="none")])
def test_refuses_what_is_no_activation(bad: dict) -> None:
    with pytest.raises(ValueError, match="found"):
        QCFS(**bad)
