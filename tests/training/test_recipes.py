"""What a recipe trains for: the terms of its loss, its teacher, its taps."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from pipeline.nets import IF, QCFS, FrameNet, convert, vgg_snn
from pipeline.training import losses
from pipeline.training.recipes import Distillation, channels, frozen, snn_objective
from tests.tiny import recipe

LABELS = torch.tensor([0, 1, 2, 0])


def frames(steps: int = 3, batch: int = 4, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 5, (steps, batch, 2, 16, 16), generator=generator, dtype=torch.uint8)


def ann(width: float = 1 / 32) -> FrameNet:
    net = vgg_snn(3, (16, 16), width, lambda: QCFS(4, 2.0), torch.Generator().manual_seed(0))
    for seed in range(20):
        net(frames(seed=seed))
    return net


def snn(width: float = 1 / 32) -> FrameNet:
    return vgg_snn(3, (16, 16), width, lambda: IF(0.5), torch.Generator().manual_seed(1))


def terms(objective: Distillation, net: FrameNet, batch: Tensor) -> dict[str, Tensor]:
    return objective.loss(*_apart(net.tapped(batch, objective.taps), LABELS), objective.soft(batch))


def _apart(out: tuple[Tensor, dict[str, Tensor]], labels: Tensor):
    return out[0], labels, out[1]


@pytest.mark.parametrize("loss", ["kd", "skd"])
def test_loss_is_cross_entropy_plus_weighted_distillation(loss: str) -> None:
    teacher, student = frozen(ann()), snn().eval()
    chosen = recipe(loss=loss, weight=0.3, temperature=3.0, average="logits")
    found = terms(snn_objective(chosen, teacher), student, frames())
    term = getattr(losses, loss)(student(frames()), teacher(frames()), 3.0, "logits")
    assert term > 0
    torch.testing.assert_close(found["distillation"], 0.3 * term)
    torch.testing.assert_close(found["loss"], found["ce"] + 0.3 * term)
    alone = terms(snn_objective(recipe(), None), student, frames())
    assert torch.equal(alone["loss"], found["ce"]) and alone["distillation"] == 0


def test_cross_entropy_is_the_one_asked_for() -> None:
    student, batch = snn().eval(), frames()
    logits = student(batch)
    for changes, wanted in (
        ({"ce": "mean"}, losses.ce_mean(logits, LABELS)),
        ({"ce": "steps"}, losses.ace(logits, LABELS)),
        ({"loss": "tet", "ce": "steps", "weight": 0.2, "target": 0.5}, losses.tet(logits, LABELS, 0.2, 0.5)),
    ):
        found = terms(snn_objective(recipe(**changes), None), student, batch)
        assert torch.equal(found["loss"], wanted) and torch.equal(found["ce"], wanted)


def test_a_recipe_without_distillation_asks_no_teacher() -> None:
    """HT starts from the ANN and never hears of it again."""
    objective = snn_objective(recipe(init="converted"), frozen(ann()))
    assert objective.soft(frames()) is None
    assert not list(objective.parameters()) and not objective.state_dict()


@pytest.mark.parametrize("changes", [{"loss": "skd", "weight": 1.0}, {"loss": "kd", "weight": 1.0}, {"taps": ["act2"]}])
def test_distillation_without_a_teacher_is_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match="needs a teacher"):
        snn_objective(recipe(**changes), None)


def test_feature_distillation_by_hand() -> None:
    """The mean over taps of the squared distance of features, both averaged over their steps."""
    teacher, student, batch = frozen(ann()), snn().eval(), frames()
    objective = snn_objective(recipe(taps=["act2", "act4"], tap_weight=0.7), teacher, student, batch)
    assert not objective.state_dict()  # as wide as the teacher: nothing to bring together
    found = terms(objective, student, batch)

    def at(net: FrameNet, name: str) -> Tensor:
        out = []
        handle = net.layers.get_submodule(name).register_forward_hook(lambda *passed: out.append(passed[2]))
        net(batch)
        handle.remove()
        # Neurons see [T, N, H, W, C], a QCFS [T·N, C, H, W].
        seen = out[0].permute(0, 1, 4, 2, 3) if out[0].dim() == 5 else out[0].unflatten(0, batch.shape[:2])
        return seen.mean(0)

    wanted = sum((at(student, name) - at(teacher, name)).square().mean() for name in ("act2", "act4")) / 2
    assert wanted > 0
    torch.testing.assert_close(found["distillation"], 0.7 * wanted)
    torch.testing.assert_close(found["loss"], found["ce"] + 0.7 * wanted)


def test_response_and_features_add_up() -> None:
    teacher, student, batch = frozen(ann()), snn().eval(), frames()
    response, feature = {"loss": "kd", "weight": 0.5}, {"taps": ["act2"], "tap_weight": 2.0}
    each = [
        terms(snn_objective(recipe(**changes), teacher, student, batch), student, batch)["distillation"]
        for changes in (response, feature, {**response, **feature})
    ]
    torch.testing.assert_close(each[2], each[0] + each[1])


def test_other_widths_are_brought_together_by_a_convolution_that_learns() -> None:
    teacher, student, batch = frozen(ann(1 / 16)), snn(1 / 32), frames()
    chosen = recipe(taps=["act2", "act4"])
    before = {name: value.clone() for name, value in student.state_dict().items()}
    made = [
        snn_objective(chosen, teacher, student, batch, torch.Generator().manual_seed(5)).state_dict() for _ in range(2)
    ]
    assert {name: tuple(weight.shape) for name, weight in made[0].items()} == {
        "align.act2.weight": (8, 4, 1, 1), "align.act4.weight": (16, 8, 1, 1),
    }  # fmt: skip
    assert all(torch.equal(made[0][name], made[1][name]) for name in made[0])
    # Looking for the widths changed nothing: the batch norms neither.
    assert all(torch.equal(value, before[name]) for name, value in student.state_dict().items()) and student.training
    objective = snn_objective(chosen, teacher, student, batch)
    terms(objective, student, batch)["loss"].backward()
    assert all(weight.grad.abs().sum() > 0 for weight in objective.parameters())
    assert not {*map(id, objective.parameters())} & {*map(id, student.parameters()), *map(id, teacher.parameters())}


def test_only_the_tap_that_differs_gets_a_convolution() -> None:
    objective = Distillation(recipe(taps=["a", "b"]), frozen(ann()), {"a": (4, 4), "b": (4, 6)})
    assert list(objective.state_dict()) == ["align.b.weight"]


def test_taps_that_are_no_layer_are_named_with_those_there_are() -> None:
    student = convert(ann())
    with pytest.raises(ValueError, match=r"no layer act99 to tap; activations of this network: act1, .*act8"):
        snn_objective(recipe(taps=["act2", "act99"]), frozen(ann()), student, frames())
    with pytest.raises(ValueError, match="need the student"):
        snn_objective(recipe(taps=["act2"]), frozen(ann()))
    assert channels(student, frames(), ["act3"]) == {"act3": 8}
