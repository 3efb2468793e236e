"""Losses by which time steps learn from one another: the ensemble of all steps, and pairs by confidence."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.nets.fold import folded
from pipeline.training.losses import Targets
from pipeline.training.losses.ensemble import ensemble
from pipeline.training.losses.w2s import w2s
from tests.training.small import ann, objective, snn, train, training

LN3 = math.log(3)
LABELS = torch.tensor([0, 2, 1, 1])
# p = (1/2, 1/2) and (1/10, 9/10); the mean of the logits (0, 0) and (0, 2 ln 3) is (1/4, 3/4).
LOGITS = torch.tensor([[[0.0, 0.0]], [[0.0, 2 * LN3]]])


def draw(steps: int, seed: int = 0) -> Tensor:
    return torch.randn(steps, 4, 3, generator=torch.Generator().manual_seed(seed)) * 3


def kl(p: list[float], q: list[float]) -> float:
    return sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))


def test_ensemble_by_hand() -> None:
    goal, steps = [1 / 4, 3 / 4], ([1 / 2, 1 / 2], [1 / 10, 9 / 10])
    wanted = sum(kl(goal, step) for step in steps) / 2
    assert ensemble(LOGITS, Targets(torch.tensor([0])), 1.0).item() == pytest.approx(wanted, rel=1e-5)
    # τ = 2: the same distributions from logits twice as far apart, times τ².
    assert ensemble(2 * LOGITS, Targets(torch.tensor([0])), 2.0).item() == pytest.approx(4 * wanted, rel=1e-5)


def test_ensemble_of_the_right_steps_by_hand() -> None:
    logits = torch.cat([LOGITS[1:], -LOGITS[1:], 2 * LOGITS[1:]])  # (0, 2 ln 3), (0, -2 ln 3), (0, 4 ln 3)
    steps = [[1 / 10, 9 / 10], [9 / 10, 1 / 10], [1 / 82, 81 / 82]]
    # Class 1: the first and the last are right, their mean is (0, 3 ln 3); class 0: the second alone.
    for label, goal in ((1, [1 / 28, 27 / 28]), (0, [9 / 10, 1 / 10])):
        found = ensemble(logits, Targets(torch.tensor([label])), 1.0, "right").item()
        assert found == pytest.approx(sum(kl(goal, step) for step in steps) / 3, rel=1e-5)
    # None is right: towards no class.
    three = torch.cat([logits, torch.full_like(logits[..., :1], -9.0)], dim=-1)
    wanted = sum(kl([1 / 3] * 3, step.softmax(-1).flatten().tolist()) for step in three) / 3
    assert ensemble(three, Targets(torch.tensor([2])), 1.0, "right").item() == pytest.approx(wanted, rel=1e-5)


def test_of_mixed_recordings_the_heavier_label_says_what_is_right() -> None:
    logits, other = draw(4), LABELS.flip(0)
    mixed = Targets(LABELS, other, torch.tensor([0.9, 0.1, 0.5, 0.0]))
    plain = Targets(torch.stack([LABELS[0], other[1], LABELS[2], other[3]]))
    assert torch.equal(ensemble(logits, mixed, 2.0, "right"), ensemble(logits, plain, 2.0, "right"))
    assert torch.equal(ensemble(logits, mixed, 2.0), ensemble(logits, plain, 2.0))


def test_no_gradient_reaches_the_ensemble() -> None:
    """With the target fixed, the gradient of a step is τ · (softmax(z/τ) - target) over T · N."""
    logits, targets, temperature = draw(3).requires_grad_(), Targets(LABELS), 2.0
    ensemble(logits, targets, temperature).backward()
    goal = (logits.detach().mean(0) / temperature).softmax(-1)
    wanted = temperature * ((logits.detach() / temperature).softmax(-1) - goal) / (3 * 4)
    torch.testing.assert_close(logits.grad, wanted)


def test_steps_that_agree_and_one_step_alone_cost_nothing() -> None:
    agreed, targets = draw(1).expand(4, -1, -1), Targets(LABELS)
    for loss in (lambda z: ensemble(z, targets, 2.0), lambda z: w2s(z, 2.0), lambda z: w2s(z, 2.0, "extremes")):
        assert loss(agreed).item() == pytest.approx(0, abs=1e-6)
        assert loss(draw(1)).item() == 0 and loss(draw(3)).item() > 0.1
    assert ensemble(draw(1), targets, 2.0, "right").item() == 0


# Confidences 0.5, 0.9 and 0.75: by falling confidence the second, the third, the first.
THREE = torch.tensor([[[0.0, 0.0]], [[0.0, 2 * LN3]], [[LN3, 0.0]]])
FIRST, SECOND, THIRD = [1 / 2, 1 / 2], [1 / 10, 9 / 10], [3 / 4, 1 / 4]


@pytest.mark.parametrize(
    ("order", "direction", "wanted"),
    [
        ("cascade", "weak", (kl(THIRD, SECOND) + kl(FIRST, THIRD)) / 2),
        ("cascade", "strong", (kl(SECOND, THIRD) + kl(THIRD, FIRST)) / 2),
        ("extremes", "weak", kl(FIRST, SECOND)),
        ("extremes", "strong", kl(SECOND, FIRST)),
    ],
)
def test_w2s_by_hand(order: str, direction: str, wanted: float) -> None:
    assert w2s(THREE, 1.0, order, direction).item() == pytest.approx(wanted, rel=1e-5)
    # The batch's mean orders the steps: with this second recording the first is the surest of all.
    sure = torch.tensor([[[0.0, 99.0]], [[0.0, 0.0]], [[0.0, 0.0]]])
    both = w2s(torch.cat([THREE, sure], dim=1), 1.0, order, direction)
    # By falling confidence: 0.75, 0.7, 0.625.
    steps = [torch.cat([THREE, sure], dim=1)[index] for index in (0, 1, 2)]
    pairs = [(steps[0], steps[1]), (steps[1], steps[2])] if order == "cascade" else [(steps[0], steps[2])]
    found = 0.0
    for strong, weak in pairs:
        teacher, student = (weak, strong) if direction == "weak" else (strong, weak)
        found += F.kl_div(student.log_softmax(-1), teacher.softmax(-1), reduction="batchmean").item() / len(pairs)
    assert both.item() == pytest.approx(found, rel=1e-5)


@pytest.mark.parametrize("direction", ["weak", "strong"])
@pytest.mark.parametrize("detach", [False, True])
def test_who_learns_in_w2s(direction: str, detach: bool) -> None:
    logits = THREE[:2].clone().requires_grad_()
    w2s(logits, 2.0, direction=direction, detach=detach).backward()
    learns = logits.grad.abs().sum((1, 2)) > 0
    # The first is the less confident.
    student = 1 if direction == "weak" else 0
    assert learns[student] and learns[1 - student] == (not detach)


def test_temperature_of_w2s() -> None:
    torch.testing.assert_close(w2s(2 * THREE, 2.0), 4 * w2s(THREE, 1.0))


def test_every_step_a_classifier_with_teacher_ensemble_and_pairs(tmp_path: Path) -> None:
    """The list that "hsd-steps" with its companions is: it sums, and it trains."""
    losses = [{"kind": "skd", "ce": "steps"}, {"kind": "ensemble"}, {"kind": "w2s", "weight": 0.5}]
    teacher, logits, targets = folded(ann()), draw(3), Targets(LABELS)
    what = objective(losses, teacher)
    said = what.ask(torch.randint(0, 3, (3, 4, 2, 16, 16)))
    found, alone = what(logits, targets, {}, said), objective(losses[0], teacher)(logits, targets, {}, said)
    added = 0.5 * ensemble(logits, targets, 3.0) + 0.5 * w2s(logits, 2.0)
    torch.testing.assert_close(found["loss"], alone["loss"] + added)
    assert torch.equal(found["ce"], alone["ce"]) and not what.stepwise
    _, curves = train(snn(), tmp_path, training(losses), teacher)
    assert all(0 < row[4] < row[2] for row in curves.rows)
