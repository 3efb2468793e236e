"""Losses against numbers worked by hand, and their relations."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spikingjelly.activation_based.functional import temporal_efficient_training_cross_entropy

from pipeline.training.losses import Targets
from pipeline.training.losses._cross_entropy import ace, ce_mean
from pipeline.training.losses._response import AVERAGES
from pipeline.training.losses.feature import feature_distance
from pipeline.training.losses.kd import kd
from pipeline.training.losses.skd import skd
from pipeline.training.losses.tet import tet

LN2, LN3 = math.log(2), math.log(3)


def draw(steps: int, batch: int, classes: int, seed: int) -> torch.Tensor:
    return torch.randn(steps, batch, classes, generator=torch.Generator().manual_seed(seed)) * 4


def test_ace_by_hand() -> None:
    # Two frames, one sample, two classes: softmax (1/2, 1/2) and (1/4, 3/4); the target is class 0.
    logits = torch.tensor([[[0.0, 0.0]], [[0.0, LN3]]])
    assert ace(logits, Targets(torch.tensor([0]))).item() == pytest.approx((LN2 + math.log(4)) / 2)


def test_ce_mean_by_hand() -> None:
    # The mean logits are (0, ln3/2): softmax of class 0 is 1 / (1 + sqrt 3).
    logits = torch.tensor([[[0.0, 0.0]], [[0.0, LN3]]])
    assert ce_mean(logits, Targets(torch.tensor([0]))).item() == pytest.approx(math.log(1 + math.sqrt(3)))


def test_mixed_labels_by_hand() -> None:
    # One recording, softmax (1/2, 1/2) and (1/4, 3/4): cross-entropies ln 2 and ln 4 of class 0, ln 2 and ln 4/3 of 1.
    logits = torch.tensor([[[0.0, 0.0]], [[0.0, LN3]]])
    mixed = Targets(torch.tensor([0]), torch.tensor([1]), torch.tensor([0.25]))
    expected = 0.25 * (LN2 + math.log(4)) / 2 + 0.75 * (LN2 + math.log(4 / 3)) / 2
    assert ace(logits, mixed).item() == pytest.approx(expected)
    root = math.sqrt(3)
    expected = 0.25 * math.log(1 + root) + 0.75 * math.log((1 + root) / root)
    assert ce_mean(logits, mixed).item() == pytest.approx(expected)


@pytest.mark.parametrize("loss", [ace, ce_mean, lambda logits, targets: tet(logits, targets, 0.3, 1.0)])
def test_mixed_labels_are_between_the_two(loss) -> None:
    logits, own, other = draw(5, 6, 10, 0), torch.arange(6), torch.arange(6).flip(0)

    def mixed(weight: float) -> torch.Tensor:
        return loss(logits, Targets(own, other, torch.full((6,), weight)))

    torch.testing.assert_close(mixed(1.0), loss(logits, Targets(own)))
    torch.testing.assert_close(mixed(0.0), loss(logits, Targets(other)))
    torch.testing.assert_close(mixed(0.25), 0.25 * mixed(1.0) + 0.75 * mixed(0.0))
    # A recording has its own weight.
    weights = torch.tensor([1.0, 0.0, 1.0, 0.0, 1.0, 0.0])
    picked = torch.where(weights == 1, own, other)
    torch.testing.assert_close(loss(logits, Targets(own, other, weights)), loss(logits, Targets(picked)))


def test_targets_are_mixed_whole_or_not_at_all() -> None:
    labels = torch.arange(3)
    for half in ({"other": labels}, {"weight": torch.ones(3)}):
        with pytest.raises(ValueError, match="both the other labels and the weights"):
            Targets(labels, **half)


def test_tet_without_its_second_term_is_ace_and_spikingjellys_to_the_bit() -> None:
    logits, labels = draw(5, 6, 10, 0), Targets(torch.arange(6))
    assert torch.equal(tet(logits, labels, 0.0, 1.0), ace(logits, labels))
    # A logit that is no number must not come in by way of a term that weighs nothing.
    endless = logits.clone()
    endless[0, 0, 9] = -math.inf
    assert tet(endless, labels, 0.0, 1.0).isfinite()
    # SpikingJelly has the first term: a sum over steps divided by T, the batch first.
    peer = temporal_efficient_training_cross_entropy(logits, labels.labels)
    torch.testing.assert_close(tet(logits, labels, 0.0, 1.0), peer)
    torch.testing.assert_close(tet(logits, labels, 1e-3, logits.mean().item()) - 1e-3 * logits.var(correction=0),
                               (1 - 1e-3) * peer)  # fmt: skip


def test_tet_by_hand() -> None:
    # ACE as above; the squares of the distances to 1 are 1, 1 and 1, (ln 3 - 1)^2.
    logits = torch.tensor([[[0.0, 0.0]], [[0.0, LN3]]])
    expected = 0.75 * (LN2 + math.log(4)) / 2 + 0.25 * (3 + (LN3 - 1) ** 2) / 4
    assert tet(logits, Targets(torch.tensor([0])), 0.25, 1.0).item() == pytest.approx(expected)
    # With the mean at 0, and nothing but the second term.
    assert tet(logits, Targets(torch.tensor([0])), 1.0, 0.0).item() == pytest.approx(LN3**2 / 4)


def test_features_by_hand() -> None:
    student = {"a": torch.tensor([[[[1.0, 2.0]]]]), "b": torch.zeros(1, 2, 1, 1)}
    teacher = {"b": torch.full((1, 2, 1, 1), 2.0), "a": torch.tensor([[[[0.0, 4.0]]]])}
    # Layers weigh the same, whatever their size: (1 + 4) / 2 and 4.
    assert feature_distance(student, teacher).item() == pytest.approx((2.5 + 4.0) / 2)
    assert feature_distance(student, student).item() == 0


def test_features_take_the_same_layers_and_leave_the_teacher_alone() -> None:
    student = {"a": torch.ones(1, 1, requires_grad=True)}
    teacher = {"a": torch.zeros(1, 1, requires_grad=True)}
    feature_distance(student, teacher).backward()
    assert student["a"].grad.item() == 2 and teacher["a"].grad is None
    for other in ({}, {"b": teacher["a"]}, {**teacher, "b": teacher["a"]}):
        with pytest.raises(ValueError, match="the same layers on both sides"):
            feature_distance(student, other)
    with pytest.raises(ValueError, match="the same layers"):
        feature_distance({}, {})
    # Else the squares would be of a broadcast.
    with pytest.raises(ValueError, match=r"a: features \[1, 1\] of the student, \[1, 2\] of the ANN"):
        feature_distance(student, {"a": torch.zeros(1, 2)})


def test_kd_by_hand() -> None:
    teacher = torch.tensor([[[0.0, LN3]]])  # (1/4, 3/4)
    student = torch.tensor([[[0.0, 0.0]], [[0.0, LN3]]])  # (1/2, 1/2) and (1/4, 3/4), mean (3/8, 5/8)
    expected = 0.25 * math.log(0.25 / 0.375) + 0.75 * math.log(0.75 / 0.625)
    assert kd(student, teacher, 1.0).item() == pytest.approx(expected, rel=1e-5)


def test_skd_by_hand() -> None:
    teacher = torch.tensor([[[0.0, LN3]]])
    student = torch.tensor([[[0.0, 0.0]], [[0.0, LN3]]])
    # The second step equals the teacher and costs nothing.
    expected = (0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5)) / 2
    assert skd(student, teacher, 1.0).item() == pytest.approx(expected, rel=1e-5)


def test_temperature_by_hand() -> None:
    # At τ = 2 logits (0, 2 ln 3) are the distribution (1/4, 3/4); the loss is τ² = 4 times the divergence.
    teacher, student = torch.tensor([[[0.0, 2 * LN3]]]), torch.zeros(1, 1, 2)
    expected = 4 * (0.25 * math.log(0.25 / 0.5) + 0.75 * math.log(0.75 / 0.5))
    assert kd(student, teacher, 2.0).item() == pytest.approx(expected, rel=1e-5)


def test_teacher_is_averaged_as_probabilities_or_as_logits() -> None:
    teacher = torch.tensor([[[0.0, 0.0]], [[0.0, LN3]]])
    student = torch.zeros(1, 1, 2)

    def divergence(p: float) -> float:
        return p * math.log(2 * p) + (1 - p) * math.log(2 * (1 - p))

    assert kd(student, teacher, 1.0, "probabilities").item() == pytest.approx(divergence(3 / 8), rel=1e-5)
    assert kd(student, teacher, 1.0, "logits").item() == pytest.approx(divergence(1 / (1 + math.sqrt(3))), rel=1e-5)


@settings(max_examples=50)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(2, 7), st.integers(0, 10_000), st.sampled_from(AVERAGES))
def test_skd_is_at_least_kd(steps: int, batch: int, classes: int, seed: int, average: str) -> None:
    student, teacher = draw(steps, batch, classes, seed), draw(steps, batch, classes, seed + 1)
    lower, upper = (loss(student, teacher, 2.0, average).item() for loss in (kd, skd))
    assert upper >= lower - 1e-5
    assert lower >= -1e-6
    if steps == 1:
        assert upper == pytest.approx(lower, abs=1e-6)


def test_skd_is_strictly_more_where_steps_differ() -> None:
    student, teacher = draw(5, 8, 10, 0), draw(5, 8, 10, 1)
    assert skd(student, teacher, 2.0) > kd(student, teacher, 2.0) + 0.1


@pytest.mark.parametrize("average", AVERAGES)
def test_zero_when_the_student_is_the_teacher(average: str) -> None:
    teacher = draw(1, 6, 10, 3).expand(4, -1, -1)
    for loss in (kd, skd):
        assert loss(teacher.clone(), teacher, 2.0, average).item() == pytest.approx(0, abs=1e-6)
    varied = draw(4, 6, 10, 3)
    assert kd(varied.clone(), varied, 2.0, average).item() == pytest.approx(0, abs=1e-6)


def test_no_gradient_reaches_the_teacher() -> None:
    for loss in (kd, skd):
        student, teacher = draw(3, 2, 4, 0).requires_grad_(), draw(3, 2, 4, 1).requires_grad_()
        loss(student, teacher, 2.0).backward()
        assert teacher.grad is None
        assert student.grad.abs().sum() > 0


def test_logits_far_apart_stay_finite() -> None:
    student = torch.tensor([[[200.0, -200.0, 0.0]]], requires_grad=True)
    teacher = torch.tensor([[[-200.0, 200.0, 0.0]]])
    for loss in (kd, skd):
        value = loss(student, teacher, 1.0)
        value.backward()
        assert math.isfinite(value.item()) and student.grad.isfinite().all()


def test_unknown_average_is_refused() -> None:
    with pytest.raises(ValueError, match="probabilities"):
        kd(draw(1, 1, 2, 0), draw(1, 1, 2, 1), 1.0, "mean")
