"""What is measured beside a training decides nothing in it, and what is kept of it survives a stop."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.config import Augment
from pipeline.nets import IF, FrameNet, vgg_snn
from pipeline.training import loop
from pipeline.training.loop import Interrupted
from pipeline.training.recipes import frozen, snn_objective
from pipeline.training.steps import BACKWARD
from tests.tiny import recipe
from tests.training.test_loop import ann, data, same, schedule, train


def scripted(accuracies: list[float | None]):
    """Give a watch that says these accuracies on the validation part, tests every second epoch, and is careless."""
    seen: dict[int, dict[str, torch.Tensor]] = {}

    def watch(net: FrameNet, epoch: int) -> dict[str, float]:
        net.eval()
        torch.rand(3)
        with torch.no_grad():
            net(torch.from_numpy(data()[0]).transpose(0, 1))
        seen[epoch] = {name: value.clone() for name, value in net.state_dict().items()}
        found = {} if accuracies[epoch - 1] is None else {"val_accuracy": accuracies[epoch - 1]}
        return {**found, "test_accuracy": 0.5} if epoch % 2 == 0 else found

    return watch, seen


def test_measuring_changes_no_bit_of_the_training(tmp_path: Path) -> None:
    without, curves = train(ann(), tmp_path)
    watch, _ = scripted([0.1, 0.9, 0.2])
    found, measured = train(ann(), tmp_path, watch=watch)
    assert same(without, found)
    assert [row[:-2] for row in curves.rows] == [row[:-2] for row in measured.rows]
    assert curves.best is None and {row[-2:] == [None, None] for row in map(list, curves.rows)} == {True}


def test_the_first_of_the_best_epochs_is_kept(tmp_path: Path) -> None:
    watch, seen = scripted([0.1, None, 0.7, 0.7, 0.3])
    _, curves = train(ann(), tmp_path, schedule(5), watch=watch)
    assert curves.header[-2:] == ("val_accuracy", "test_accuracy")
    assert [row[-2:] for row in curves.rows] == [[0.1, None], [None, 0.5], [0.7, None], [0.7, 0.5], [0.3, None]]
    assert (curves.best["epoch"], curves.best["accuracy"]) == (3, 0.7)
    assert same(curves.best["net"], seen[3]) and not same(seen[3], seen[4])


# Each way that a gradient comes about, and whatever else a checkpoint must hold for it.
WAYS = {
    "sltt": {"training": "sltt", "ce": "steps"},
    "taps of the same width": {"taps": ["act2", "act4"]},
    "taps of another width": {"taps": ["act2", "act4"], "loss": "kd", "weight": 1.0},
    "sltt with a teacher": {"training": "sltt", "ce": "steps", "loss": "skd", "weight": 1.0},
    "an augmented teacher": {"loss": "skd", "weight": 1.0},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("stop_after", [4, 6])
def test_stopped_trainings_of_every_kind_end_with_equal_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str, stop_after: int
) -> None:
    chosen = recipe(**WAYS[way])
    nda = Augment(flip=False, roll_px=2, rotate_deg=10.0, shear_deg=0.0) if "augmented" in way else None
    frames, _ = data()

    def trained(root: Path):
        width = 1 / 16 if "another" in way else 1 / 32
        student = vgg_snn(3, (16, 16), width, lambda: IF(0.5), torch.Generator().manual_seed(1))
        sample = torch.from_numpy(frames).transpose(0, 1)
        what = snn_objective(chosen, frozen(ann()), student, sample, torch.Generator().manual_seed(2))
        assert bool(what.state_dict()) == ("another" in way)
        watch, _ = scripted([0.6, 0.6, 0.1])
        state, curves = train(
            student, root, schedule(name="adam"), what, augmentation=nda, backward=BACKWARD[chosen.training],
            watch=watch,
        )  # fmt: skip
        return state, curves, what.state_dict()

    whole, curves, aligned = trained(tmp_path / "whole")
    # What brings features together is left behind.
    assert not [name for name in whole if "align" in name]
    steps, step = 0, loop._step

    def counted(*arguments):
        nonlocal steps
        step(*arguments)
        steps += 1
        if steps == stop_after:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop, "_step", counted)
    with pytest.raises(Interrupted):
        trained(tmp_path)
    resumed, resumed_curves, resumed_aligned = trained(tmp_path)
    assert steps == 9 and same(whole, resumed) and same(aligned, resumed_aligned)
    assert (curves.header, curves.rows) == (resumed_curves.header, resumed_curves.rows)
    # The best epoch is the first, which the second run never saw.
    assert resumed_curves.best["epoch"] == curves.best["epoch"] == 1
    assert same(curves.best["net"], resumed_curves.best["net"])


def test_what_brings_features_together_learns(tmp_path: Path) -> None:
    student = vgg_snn(3, (16, 16), 1 / 16, lambda: IF(0.5), torch.Generator().manual_seed(1))
    sample = torch.from_numpy(data()[0]).transpose(0, 1)
    what = snn_objective(recipe(taps=["act2"]), frozen(ann()), student, sample, torch.Generator().manual_seed(2))
    before = what.state_dict()["align.act2.weight"].clone()
    train(student, tmp_path, what=what)
    assert not torch.equal(what.state_dict()["align.act2.weight"], before)
    assert isinstance(what.align["act2"], nn.Conv2d)


def test_a_teacher_that_sees_the_same_frames_is_asked_once(tmp_path: Path) -> None:
    """Cached or asked at each batch, the training is the same, but for the rounding of another batch."""
    teacher, asked = frozen(ann()), 0

    def count(*_: object) -> None:
        nonlocal asked
        asked += 1

    teacher.layers.get_submodule("fc").register_forward_hook(count)
    nothing = Augment(flip=False, roll_px=0, rotate_deg=0.0, shear_deg=1e-9)
    curves = []
    for augmentation, calls in ((None, 3), (nothing, 9)):
        student = vgg_snn(3, (16, 16), 1 / 32, lambda: IF(0.5), torch.Generator().manual_seed(1))
        what = snn_objective(recipe(loss="skd", weight=1.0), teacher)
        asked = 0
        curves.append(train(student, tmp_path, what=what, augmentation=augmentation)[1])
        assert asked == calls
    np.testing.assert_allclose(*([row[:-2] for row in found.rows] for found in curves), rtol=1e-4)
