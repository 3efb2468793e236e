"""Losses that hold answers against labels: prefixes, smoothing, squared distance of rates, early classifiers."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from pipeline.nets.fold import folded
from pipeline.nets.forward import forward_features
from pipeline.training.losses import Targets
from pipeline.training.losses._cross_entropy import ace, ce_mean, cross_entropy
from pipeline.training.losses.ce import CrossEntropy, Options, prefixes
from pipeline.training.losses.rate_mse import RateMSE, rate_mse
from pipeline.training.objective import Objective
from tests.training.small import ann, batch, objective, same, snn, train, training

LN3 = math.log(3)
LABELS = torch.tensor([0, 2, 1, 1])
EARLY = {"kind": "early", "layers": ["act2", "act4"], "weights": [0.3, 0.2]}


def draw(steps: int, batch: int = 4, classes: int = 3) -> Tensor:
    return torch.randn(steps, batch, classes, generator=torch.Generator().manual_seed(0)) * 4


def ce(**options: object):
    loss = CrossEntropy(Options(**options))
    return lambda logits, targets: loss(logits, targets, {}, None)["ce"]


def test_prefixes_by_hand() -> None:
    # Sums (0, ln 3) and (0, 2 ln 3), means (0, ln 3) and (0, ln 3): of class 0, 1/4 and 1/10, or 1/4 twice.
    logits = torch.tensor([[[0.0, LN3]], [[0.0, LN3]]])
    targets = Targets(torch.tensor([0]))
    summed, mean = (ce(of="prefix", prefix=prefix)(logits, targets).item() for prefix in ("sum", "mean"))
    assert summed == pytest.approx((math.log(4) + math.log(10)) / 2) and mean == pytest.approx(math.log(4))


def test_each_prefix_is_a_mean_or_sum_of_its_own() -> None:
    logits = draw(5)
    for prefix, together in (("mean", Tensor.mean), ("sum", Tensor.sum)):
        apart = [together(logits[: step + 1], 0) for step in range(5)]
        torch.testing.assert_close(prefixes(logits, prefix), torch.stack(apart))
        wanted = torch.stack([F.cross_entropy(z, LABELS) for z in apart]).mean()
        torch.testing.assert_close(ce(of="prefix", prefix=prefix)(logits, Targets(LABELS)), wanted)
    assert torch.equal(ce(of="prefix")(logits[:1], Targets(LABELS)), ce()(logits[:1], Targets(LABELS)))


def test_smoothing_by_hand() -> None:
    # Softmax (1/4, 3/4), target (0.9, 0.1) with ε = 0.2: -0.9 ln 1/4 - 0.1 ln 3/4.
    logits, targets = torch.tensor([[[0.0, LN3]]]), Targets(torch.tensor([0]))
    wanted = 0.9 * math.log(4) + 0.1 * math.log(4 / 3)
    for of in ("mean", "steps", "prefix"):
        assert ce(of=of, smoothing=0.2)(logits, targets).item() == pytest.approx(wanted)
    # With the labels' weights in front: a target q = w · q_a + (1 - w) · q_b.
    logits, weight = draw(1, 4), torch.tensor([0.3, 1.0, 0.0, 0.5])
    soft = [0.9 * F.one_hot(labels, 3) + 0.1 / 3 for labels in (LABELS, LABELS.flip(0))]
    q = weight.view(-1, 1) * soft[0] + (1 - weight).view(-1, 1) * soft[1]
    mixed = ce(smoothing=0.1)(logits, Targets(LABELS, LABELS.flip(0), weight))
    torch.testing.assert_close(mixed, -(q * logits[0].log_softmax(-1)).sum(-1).mean())


def test_no_smoothing_is_what_was_to_the_bit() -> None:
    logits, mixed = draw(4), Targets(LABELS, LABELS.flip(0), torch.full((4,), 0.3))
    for targets in (Targets(LABELS), mixed):
        assert torch.equal(ce(of="steps")(logits, targets), ace(logits, targets))
        assert torch.equal(ce()(logits, targets), cross_entropy(logits, targets, "mean"))


def test_rates_by_hand() -> None:
    # Spikes of two classes in four steps: rates 3/4 and 1/4; to class 0 twice 1/16, to class 1 twice 9/16.
    spikes = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 0.0]]).unsqueeze(1)
    assert rate_mse(spikes, Targets(torch.tensor([0]))).item() == pytest.approx(1 / 16)
    assert rate_mse(spikes, Targets(torch.tensor([1]))).item() == pytest.approx(9 / 16)
    mixed = Targets(torch.tensor([0]), torch.tensor([1]), torch.tensor([0.75]))
    assert rate_mse(spikes, mixed).item() == pytest.approx(0.75 / 16 + 0.25 * 9 / 16)


LOSSES = [ce(of="prefix"), ce(of="prefix", prefix="sum"), ce(smoothing=0.1), ce(of="steps", smoothing=0.3), rate_mse]


@pytest.mark.parametrize("loss", LOSSES)
def test_mixed_labels_are_between_the_two(loss) -> None:
    logits, other, weights = draw(5), LABELS.flip(0), torch.tensor([1.0, 0.0, 1.0, 0.0])
    plain = [loss(logits, Targets(labels)) for labels in (LABELS, other)]
    mixed = loss(logits, Targets(LABELS, other, torch.full((4,), 0.25)))
    torch.testing.assert_close(mixed, 0.25 * plain[0] + 0.75 * plain[1])
    # A recording has its own weight.
    picked = torch.where(weights == 1, LABELS, other)
    torch.testing.assert_close(loss(logits, Targets(LABELS, other, weights)), loss(logits, Targets(picked)))


def test_as_pieces_they_are_of_the_labels_and_no_means_over_steps() -> None:
    for options in ({"kind": "ce", "of": "prefix"}, {"kind": "rate-mse"}):
        assert not objective(options).stepwise and training(options).losses[0].needs_labels
    found = objective({"kind": "rate-mse"})(draw(2), Targets(LABELS), {}, None)
    assert found["loss"] == found["ce"] == RateMSE()(draw(2), Targets(LABELS), {}, None)["ce"]
    assert objective({"kind": "ce", "of": "steps", "smoothing": 0.1}).stepwise


# --- early classifiers ------------------------------------------------------------------------------------------------


def attached(losses: object, teacher: torch.nn.Module | None = None, width: float = 1 / 32) -> Objective:
    what = objective(losses, teacher)
    what.attach(snn(width), batch(), torch.Generator().manual_seed(5))
    return what


def test_early_classifiers_by_hand() -> None:
    student, frames, targets = snn().eval(), batch(), Targets(LABELS)
    what = attached([{"kind": "ce"}, EARLY])
    assert {name: tuple(value.shape) for name, value in what.state_dict().items()} == {
        "losses.1.heads.0.weight": (3, 4), "losses.1.heads.0.bias": (3,),
        "losses.1.heads.1.weight": (3, 8), "losses.1.heads.1.bias": (3,),
    }  # fmt: skip
    logits, features = forward_features(student, frames, what.layers)
    wanted = ce_mean(logits, targets)
    for layer, weight, head in zip(EARLY["layers"], EARLY["weights"], what.losses[1].heads, strict=True):
        wanted = wanted + weight * F.cross_entropy(head(features[layer].mean((2, 3))), LABELS)
    found = what(logits, targets, features, what.ask(frames))
    torch.testing.assert_close(found["loss"], wanted)
    assert found["loss"] == found["ce"] and found["distillation"] == 0
    found["loss"].backward()
    assert all(value.grad.abs().sum() > 0 for value in what.parameters())


def test_early_classifiers_follow_from_the_generator_and_weigh_1() -> None:
    one, two = (attached([{"kind": "ce"}, EARLY]).state_dict() for _ in range(2))
    assert same(one, two)
    flat = attached([{"kind": "ce"}, {**EARLY, "weights": None}])
    logits, features = forward_features(snn().eval(), batch(), flat.layers)
    heads = flat.losses[1].heads
    wanted = [
        F.cross_entropy(head(features[layer].mean((2, 3))), LABELS)
        for layer, head in zip(EARLY["layers"], heads, strict=True)
    ]
    torch.testing.assert_close(flat.losses[1](logits, Targets(LABELS), features, None)["ce"], sum(wanted))


def test_beside_a_teacher_early_classifiers_ask_it_for_no_features() -> None:
    # Twice as wide as the teacher, whose features are not compared.
    what = attached([{"kind": "skd"}, EARLY], folded(ann()), 1 / 16)
    assert what.layers == ("act2", "act4") and what.teacher_layers == ()
    assert not what.ask(batch()).features and what.losses[1].heads[0].in_features == 8
    both = attached([{"kind": "skd"}, EARLY, {"kind": "feature", "layers": ["act1"]}], folded(ann()))
    assert both.layers == ("act2", "act4", "act1") and both.teacher_layers == ("act1",)


def test_early_classifiers_learn_and_are_left_behind(tmp_path: Path) -> None:
    what = attached([{"kind": "ce"}, EARLY])
    before = {name: value.clone() for name, value in what.state_dict().items()}
    trained, _ = train(snn(), tmp_path, training([{"kind": "ce"}, EARLY]), what=what)
    assert not [name for name in trained if "heads" in name]
    assert not any(torch.equal(value, before[name]) for name, value in what.state_dict().items())
