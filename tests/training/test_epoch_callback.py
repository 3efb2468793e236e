"""What is measured beside a training decides nothing in it, and what is kept of it survives a stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.nets.fold import folded
from pipeline.nets.forward import forward
from pipeline.training.loop import Interrupted
from pipeline.training.objective import Objective
from tests.training.small import NDA, ann, data, same, snn, train, training
from tests.training.test_loop import counted


def scripted(accuracies: list[float | None]):
    """Return a callback with these accuracies on the validation part, that tests every second epoch and is careless."""
    seen: dict[int, dict[str, torch.Tensor]] = {}

    def measure(net: nn.Module, epoch: int) -> dict[str, float]:
        net.eval()
        torch.rand(3)
        with torch.no_grad():
            forward(net, torch.from_numpy(data()[0]).transpose(0, 1))
        seen[epoch] = {name: value.clone() for name, value in net.state_dict().items()}
        found = {} if accuracies[epoch - 1] is None else {"val_accuracy": accuracies[epoch - 1]}
        return {**found, "test_accuracy": 0.5} if epoch % 2 == 0 else found

    return measure, seen


def test_measuring_changes_no_bit_of_the_training(tmp_path: Path) -> None:
    without, curves = train(ann(), tmp_path)
    measure, _ = scripted([0.1, 0.9, 0.2])
    found, measured = train(ann(), tmp_path, epoch_callback=measure)
    assert same(without, found)
    assert [row[:-2] for row in curves.rows] == [row[:-2] for row in measured.rows]
    assert curves.best is None and {row[-2:] == [None, None] for row in map(list, curves.rows)} == {True}


def test_the_first_of_the_best_epochs_is_kept(tmp_path: Path) -> None:
    measure, seen = scripted([0.1, None, 0.7, 0.7, 0.3])
    _, curves = train(ann(), tmp_path, training(epochs=5), epoch_callback=measure)
    assert curves.header[-2:] == ("val_accuracy", "test_accuracy")
    assert [row[-2:] for row in curves.rows] == [[0.1, None], [None, 0.5], [0.7, None], [0.7, 0.5], [0.3, None]]
    assert (curves.best["epoch"], curves.best["accuracy"]) == (3, 0.7)
    assert same(curves.best["net"], seen[3]) and not same(seen[3], seen[4])


# Each way that a gradient comes about, and whatever else a checkpoint must hold for it.
FEATURE = {"kind": "feature", "layers": ["act2", "act4"]}
WAYS = {
    "sltt": {"losses": {"kind": "ce", "of": "steps"}, "gradient": "sltt"},
    "layers of the same width": {"losses": [{"kind": "ce"}, FEATURE]},
    "layers of another width": {"losses": [{"kind": "kd"}, FEATURE]},
    "sltt with a teacher": {"losses": {"kind": "skd", "ce": "steps"}, "gradient": "sltt"},
    "an augmented teacher": {"losses": {"kind": "skd"}, "augmentations": NDA},
    "mixed labels with a teacher": {"losses": {"kind": "skd", "ce": "steps"}, "augmentations": {"kind": "cutmix"}},
}


def attached(losses, width: float, student: nn.Module) -> Objective:
    what = Objective(training(losses).losses, folded(ann()))
    what.attach(student, torch.from_numpy(data()[0]).transpose(0, 1), torch.Generator().manual_seed(2))
    assert bool(what.state_dict()) == (width != 1 / 32)
    return what


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stop_after", [4, 6])
def test_stopped_trainings_of_every_kind_end_with_equal_bits(tmp_path: Path, way: str, stop_after: int) -> None:
    settings = training(**WAYS[way], kind="adam")

    def trained(root: Path):
        width = 1 / 16 if "another" in way else 1 / 32
        student = snn(width)
        what = attached(WAYS[way]["losses"], width, student)
        measure, _ = scripted([0.6, 0.6, 0.1])
        state, curves = train(student, root, settings, what=what, epoch_callback=measure)
        return state, curves, what.state_dict()

    whole, curves, aligned = trained(tmp_path / "whole")
    # What brings features together is left behind.
    assert not [name for name in whole if "align" in name]
    with counted(stop_after) as steps:
        with pytest.raises(Interrupted):
            trained(tmp_path)
        resumed, resumed_curves, resumed_aligned = trained(tmp_path)
    assert steps == [9] and same(whole, resumed) and same(aligned, resumed_aligned)
    assert (curves.header, curves.rows) == (resumed_curves.header, resumed_curves.rows)
    # The best epoch is the first, which the second run never saw.
    assert resumed_curves.best["epoch"] == curves.best["epoch"] == 1
    assert same(curves.best["net"], resumed_curves.best["net"])


def test_what_brings_features_together_learns(tmp_path: Path) -> None:
    student, losses = snn(1 / 16), [{"kind": "ce"}, {"kind": "feature", "layers": ["act2"]}]
    what = attached(losses, 1 / 16, student)
    before = what.state_dict()["losses.1.align.act2.weight"].clone()
    train(student, tmp_path, training(losses), what=what)
    assert not torch.equal(what.state_dict()["losses.1.align.act2.weight"], before)


def test_a_teacher_that_sees_the_same_frames_is_asked_once(tmp_path: Path) -> None:
    """Cached or asked at each batch, the training is the same, but for the rounding of another batch."""
    teacher, asked = folded(ann()), 0

    def count(*_: object) -> None:
        nonlocal asked
        asked += 1

    teacher.layers.get_submodule("fc").register_forward_hook(count)
    nothing = {"kind": "nda", "shear_deg": 1e-9}
    curves = []
    for augmentations, calls in (((), 3), (nothing, 9)):
        asked = 0
        settings = training({"kind": "skd"}, augmentations=augmentations)
        curves.append(train(snn(), tmp_path, settings, teacher)[1])
        assert asked == calls
    np.testing.assert_allclose(*([row[:-2] for row in found.rows] for found in curves), rtol=1e-4)
