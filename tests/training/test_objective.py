"""What is minimized: losses summed, their teacher, their features."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from pipeline import pieces
from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.forward import forward, forward_features
from pipeline.training import losses
from pipeline.training.losses import Targets
from pipeline.training.losses._cross_entropy import ace, ce_mean
from pipeline.training.losses.kd import kd
from pipeline.training.losses.skd import skd
from pipeline.training.losses.tet import tet
from pipeline.training.objective import Objective
from tests.training.small import ann, batch, objective, snn, training

TARGETS = Targets(torch.tensor([0, 1, 2, 0]))
RESPONSE = {"kind": "kd", "weight": 0.5}
FEATURE = {"kind": "feature", "layers": ["act2", "act4"], "weight": 0.7}


def teacher(width: float = 1 / 32) -> nn.Module:
    net = ann(width)
    for seed in range(20):
        forward(net, batch(seed=seed))
    return folded(net)


def terms(what: Objective, net: nn.Module, frames: Tensor) -> dict[str, Tensor]:
    logits, features = forward_features(net, frames, what.layers)
    return what(logits, TARGETS, features, what.ask(frames))


@pytest.mark.parametrize(("kind", "term"), [("kd", kd), ("skd", skd)])
@pytest.mark.parametrize(("ce", "entropy"), [("mean", ce_mean), ("steps", ace)])
def test_loss_is_cross_entropy_plus_weighted_distillation(kind: str, term, ce: str, entropy) -> None:
    asked, student = teacher(), snn().eval()
    options = {"kind": kind, "weight": 0.3, "temperature": 3.0, "average": "logits", "ce": ce}
    found = terms(objective(options, asked), student, batch())
    wanted = term(forward(student, batch()), forward(asked, batch()), 3.0, "logits")
    assert wanted > 0
    assert torch.equal(found["ce"], entropy(forward(student, batch()), TARGETS))
    assert torch.equal(found["distillation"], 0.3 * wanted)
    assert torch.equal(found["loss"], found["ce"] + 0.3 * wanted)


def test_kd_and_cross_entropy_may_weigh_1_together() -> None:
    asked, student = teacher(), snn().eval()
    found = terms(objective({"kind": "kd", "weight": 0.3, "mix": "convex"}, asked), student, batch())
    wanted = kd(forward(student, batch()), forward(asked, batch()), 2.0)
    torch.testing.assert_close(found["ce"], 0.7 * ce_mean(forward(student, batch()), TARGETS))
    torch.testing.assert_close(found["distillation"], 0.3 * wanted)


def test_cross_entropy_is_the_one_asked_for() -> None:
    student = snn().eval()
    logits = forward(student, batch())
    for options, wanted in (
        ({"kind": "ce"}, ce_mean(logits, TARGETS)),
        ({"kind": "ce", "of": "steps"}, ace(logits, TARGETS)),
        ({"kind": "tet", "weight": 0.2, "target": 0.5}, tet(logits, TARGETS, 0.2, 0.5)),
    ):
        found = terms(objective(options), student, batch())
        assert torch.equal(found["loss"], wanted) and torch.equal(found["ce"], wanted) and found["distillation"] == 0


def test_without_distillation_no_teacher_is_asked() -> None:
    """HT starts from the ANN and never hears of it again."""
    what = objective({"kind": "ce"}, teacher())
    assert what.ask(batch()) is None
    assert not list(what.parameters()) and not what.state_dict()


@pytest.mark.parametrize("options", [{"kind": "skd"}, {"kind": "kd"}, [{"kind": "ce"}, FEATURE]])
def test_distillation_without_a_teacher_is_refused(options) -> None:
    with pytest.raises(ValueError, match="needs a teacher"):
        objective(options)


def test_feature_distillation_by_hand() -> None:
    """The mean over layers of the squared distance of features, both averaged over their steps."""
    asked, student, frames = teacher(), snn().eval(), batch()
    what = objective([{"kind": "ce"}, FEATURE], asked)
    what.attach(student, frames)
    assert not what.state_dict()  # as wide as the teacher: nothing to bring together
    found = terms(what, student, frames)
    own, other = (forward_features(net, frames, ("act2", "act4"))[1] for net in (student, asked))
    wanted = sum((own[layer] - other[layer]).square().mean() for layer in own) / 2
    assert wanted > 0
    torch.testing.assert_close(found["distillation"], 0.7 * wanted)
    torch.testing.assert_close(found["loss"], found["ce"] + 0.7 * wanted)


def test_the_pieces_of_a_list_add_up() -> None:
    asked, student, frames = teacher(), snn().eval(), batch()
    alone = terms(objective(RESPONSE, asked), student, frames)
    feature = terms(objective([{"kind": "ce"}, FEATURE], asked), student, frames)
    both = terms(objective([RESPONSE, FEATURE], asked), student, frames)
    assert torch.equal(both["ce"], alone["ce"])
    torch.testing.assert_close(both["distillation"], alone["distillation"] + feature["distillation"])
    torch.testing.assert_close(both["loss"], both["ce"] + both["distillation"])


def test_layers_of_several_losses_are_asked_once_each() -> None:
    second = {"kind": "feature", "layers": ["act4", "act1"], "weight": 1.0}
    what = objective([RESPONSE, FEATURE, second], teacher())
    assert what.layers == ("act2", "act4", "act1")
    assert terms(what, snn().eval(), batch())["loss"].isfinite()


@pytest.mark.parametrize(
    ("options", "stepwise"),
    [
        ({"kind": "ce"}, False),
        ({"kind": "ce", "of": "steps"}, True),
        ({"kind": "tet"}, True),
        ({"kind": "kd", "ce": "steps"}, False),
        ({"kind": "skd"}, False),
        ({"kind": "skd", "ce": "steps"}, True),
        ([{"kind": "tet"}, FEATURE], False),
    ],
)
def test_stepwise_is_what_is_a_mean_over_steps(options, stepwise: bool) -> None:
    """The loss of all steps is the mean of the losses of each alone, for every logits, where it says so."""
    what = objective(options, teacher())
    assert what.stepwise == stepwise
    if len(what.losses) > 1:
        return
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 3, generator=generator) * 3
    said = what.ask(batch())
    whole = what(logits, TARGETS, {}, said)["loss"]
    apart = torch.stack([what(step[None], TARGETS, {}, said)["loss"] for step in logits]).mean()
    assert torch.isclose(whole, apart, rtol=1e-5).item() == stepwise


def test_other_widths_are_brought_together_by_a_convolution_that_learns() -> None:
    asked, student, frames = teacher(1 / 16), snn(1 / 32), batch()
    before = {name: value.clone() for name, value in student.state_dict().items()}
    made = [objective([{"kind": "ce"}, FEATURE], asked) for _ in range(2)]
    for what in made:
        what.attach(student, frames, torch.Generator().manual_seed(5))
    assert {name: tuple(weight.shape) for name, weight in made[0].state_dict().items()} == {
        "losses.1.align.act2.weight": (8, 4, 1, 1), "losses.1.align.act4.weight": (16, 8, 1, 1),
    }  # fmt: skip
    assert all(torch.equal(value, made[1].state_dict()[name]) for name, value in made[0].state_dict().items())
    # Looking for the widths changed nothing: the batch norms neither.
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items()) and student.training
    terms(made[0], student, frames)["loss"].backward()
    assert all(weight.grad.abs().sum() > 0 for weight in made[0].parameters())
    own = {*map(id, made[0].parameters())}
    assert not own & {*map(id, student.parameters()), *map(id, asked.parameters())}


def test_only_the_layer_that_differs_gets_a_convolution_and_dots_are_no_matter() -> None:
    options = {"kind": "feature", "layers": ["block1.act", "block2.act"]}
    loss = objective([{"kind": "ce"}, options], teacher()).losses[1]
    loss.attach({"block1.act": 4, "block2.act": 4}, {"block1.act": 4, "block2.act": 6}, 3, None)
    assert [tuple(weight.shape) for weight in loss.parameters()] == [(6, 4, 1, 1)]
    student = {"block1.act": torch.rand(2, 4, 3, 3), "block2.act": torch.rand(2, 4, 3, 3)}
    said = losses.TeacherOutput(torch.zeros(1, 2, 3), {"block1.act": torch.rand(2, 4, 3, 3),
                                                       "block2.act": torch.rand(2, 6, 3, 3)})  # fmt: skip
    assert loss(torch.zeros(1, 2, 3), TARGETS, student, said)["distillation"] > 0


def test_layers_that_are_none_are_named_with_those_there_are() -> None:
    what = objective([{"kind": "ce"}, {"kind": "feature", "layers": ["act2", "act99"]}], teacher())
    with pytest.raises(ValueError, match="act99"):
        what.attach(convert(ann()), batch())


def test_what_the_teacher_says_of_some_recordings() -> None:
    said = objective([RESPONSE, FEATURE], teacher()).ask(batch())
    some = said.of(torch.tensor([2, 0]))
    assert torch.equal(some.logits, said.logits[:, [2, 0]])
    assert torch.equal(some.features["act4"], said.features["act4"][[2, 0]])


MODULE = """
from typing import Literal
from pipeline.training.losses import Loss, LossOptions

class Options(LossOptions):
    kind: Literal["mean-square"] = "mean-square"
    weight: float = 1.0

class MeanSquare(Loss):
    def __init__(self, options):
        super().__init__()
        self.options = options

    def forward(self, logits, targets, features, teacher):
        return {"PART": self.options.weight * logits.square().mean()}

def build(options):
    return MeanSquare(options)
"""


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that adds a loss as one new file, whose terms are counted as a part of a name."""
    monkeypatch.setattr(losses, "__path__", [*losses.__path__, str(tmp_path)])

    def add(part: str) -> None:
        (tmp_path / "mean_square.py").write_text(MODULE.replace("PART", part))

    yield add
    sys.modules.pop("pipeline.training.losses.mean_square", None)


def test_a_new_loss_is_one_file(added) -> None:
    assert "mean-square" not in pieces.kinds("training.losses")
    added("ce")
    logits = torch.tensor([[[1.0, 2.0, 3.0]]])
    settings = training({"kind": "mean-square", "weight": 0.5})
    found = Objective(settings.losses)(logits, Targets(torch.tensor([0])), {}, None)
    assert found["loss"].item() == pytest.approx(0.5 * 14 / 3) and settings.losses[0].kind == "mean-square"


def test_a_part_of_another_name_is_refused(added) -> None:
    added("penalty")
    with pytest.raises(ValueError, match="parts ce, distillation, found 'penalty' of MeanSquare"):
        objective({"kind": "mean-square"})(torch.zeros(1, 1, 3), Targets(torch.tensor([0])), {}, None)
