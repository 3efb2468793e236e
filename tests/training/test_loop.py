"""The training loop: repeatable, resumable to the bit, and the teacher untouched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pipeline.errors import TrainingError
from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.forward import activations
from pipeline.nets.layers import if_
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.training import loop
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.loop import Interrupted, Paused
from tests.networks import snn5
from tests.training.small import NDA, ann, data, objective, same, snn, train, training

HSD = {"kind": "skd", "weight": 1.0, "temperature": 2.0}


@contextmanager
def counted(stop_after: int | None = None) -> Iterator[list[int]]:
    """Count the steps of trainings, and interrupt the one in which a number of steps is reached."""
    steps, step = [0], loop._step

    def count(*arguments):
        step(*arguments)
        steps[0] += 1
        if steps[0] == stop_after:
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "_step", count)
        yield steps


def test_same_seed_same_bits_other_seed_other_weights(tmp_path: Path) -> None:
    first, curves = train(ann(), tmp_path)
    again, curves_again = train(ann(), tmp_path)
    assert same(first, again) and curves == curves_again
    assert not same(first, train(ann(), tmp_path, seed=1)[0])


@pytest.mark.parametrize("kind", ["sgd", "adam"])
@pytest.mark.parametrize("stop_after", [1, 3, 4, 7])
def test_interrupted_training_ends_with_equal_bits(tmp_path: Path, kind: str, stop_after: int) -> None:
    settings = training(kind=kind)
    whole, curves = train(ann(), tmp_path / "whole", settings)
    with counted(stop_after) as steps:
        with pytest.raises(Interrupted, match="saved, the next run goes on"):
            train(ann(), tmp_path, settings)
        assert len(list(tmp_path.rglob("*.pt"))) == 1
        resumed, resumed_curves = train(ann(), tmp_path, settings)
    # Three epochs of three steps: what was done before the stop is not done again.
    assert steps == [9]
    assert same(whole, resumed) and curves == resumed_curves
    assert not list(tmp_path.rglob("*.pt"))


@pytest.mark.parametrize("augmentations", [[NDA], [NDA, {"kind": "cutmix"}], [{"kind": "cutmix", "probability": 0.5}]])
def test_augmented_training_with_dropout_is_repeatable_and_resumes(tmp_path: Path, augmentations: list) -> None:
    settings, on = training(augmentations=augmentations), data(size=32)

    def net() -> nn.Module:
        return snn5(3, (32, 32), 1 / 32, 0.5, 2, lambda: QCFS(4, 2.0), torch.Generator().manual_seed(0))

    whole, curves = train(net(), tmp_path / "whole", settings, on=on)
    assert not same(whole, train(net(), tmp_path / "plain", on=on)[0])
    assert not same(whole, train(net(), tmp_path / "other", settings, on=on, seed=1)[0])
    with counted(4) as steps:
        with pytest.raises(Interrupted):
            train(net(), tmp_path, settings, on=on)
        resumed, resumed_curves = train(net(), tmp_path, settings, on=on)
    assert steps == [9] and same(whole, resumed) and curves == resumed_curves


def test_augmentations_are_applied_in_order(tmp_path: Path) -> None:
    orders = [[NDA, {"kind": "cutmix"}], [{"kind": "cutmix"}, NDA]]
    one, two = (train(ann(), tmp_path, training(augmentations=order))[0] for order in orders)
    assert not same(one, two)


def test_mixing_that_mixes_nothing_is_no_mixing_to_the_bit(tmp_path: Path) -> None:
    """Where no batch is mixed, the arithmetic is that of plain labels."""
    never = training(augmentations={"kind": "cutmix", "probability": 0.0})
    assert same(train(ann(), tmp_path)[0], train(ann(), tmp_path, never)[0])


def test_a_training_is_let_go_between_epochs_and_goes_on(tmp_path: Path) -> None:
    whole, curves = train(ann(), tmp_path / "whole")
    asked = 0

    def pause() -> bool:
        nonlocal asked
        asked += 1
        # What is asked for is saved already.
        assert Checkpoint({"n": 1}, {}, "code", tmp_path).load()["epoch"] == asked
        return True

    with counted() as steps:
        for epoch in (1, 2):
            with pytest.raises(Paused, match=f"paused after epoch {epoch} of 3; saved"):
                train(ann(), tmp_path, pause=pause)
            assert steps == [3 * epoch]
        # After the last epoch there is nothing left to pause.
        resumed, resumed_curves = train(ann(), tmp_path, pause=pause)
    assert asked == 2 and steps == [9] and same(whole, resumed) and curves == resumed_curves


def test_training_killed_at_an_epoch_ends_with_equal_bits(tmp_path: Path) -> None:
    script = (
        "import os, sys, torch; from pathlib import Path; import tests.training.small as t\n"
        "from pipeline.training.checkpoint import Checkpoint\n"
        "save = Checkpoint.save\n"
        "def killed(self, state):\n"
        "    save(self, state)\n"
        "    if state['epoch'] == int(sys.argv[2]): os.kill(os.getpid(), 9)\n"
        "Checkpoint.save = killed\n"
        "t.train(t.ann(), Path(sys.argv[1]))\n"
    )
    whole, _ = train(ann(), tmp_path / "whole")
    for epoch in ("1", "2"):
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path), epoch], capture_output=True, timeout=120)
        assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    with counted() as steps:
        assert same(whole, train(ann(), tmp_path)[0])
    # Of three epochs, one was left.
    assert steps == [3]


def test_a_kill_after_the_last_epoch_costs_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, curves = train(ann(), tmp_path, keep=True)
    monkeypatch.setattr(loop, "_step", lambda *_: pytest.fail("trained again"))
    again, curves_again = train(ann(), tmp_path)
    assert same(whole, again) and curves == curves_again


def test_what_cannot_be_restored_starts_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, curves = train(ann(), tmp_path / "whole")
    checkpoint = Checkpoint({"n": 1}, {}, "code", tmp_path)
    with pytest.raises(Paused):
        train(ann(), tmp_path, pause=lambda: True)
    good = checkpoint.load()
    other = {"weight": torch.zeros(2)}
    halfway = {**good["net"], "layers.fc.weight": torch.zeros(1)}
    no_epoch = {name: value for name, value in good.items() if name != "epoch"}
    cases = ({}, {**good, "net": other}, {**good, "net": halfway}, {**good, "optimizer": {}}, no_epoch)
    for state in (*cases, {**good, "objective": other}):
        checkpoint.save(state)
        found, found_curves = train(ann(), tmp_path)
        assert same(whole, found) and curves == found_curves
        assert f"{checkpoint.path}: unreadable, the training starts over" in capsys.readouterr().err


def test_teacher_is_another_object_and_bit_unchanged(tmp_path: Path) -> None:
    original = ann()
    train(original, tmp_path)
    original.train()
    teacher = folded(original)
    student = convert(original)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    trained, _ = train(student, tmp_path, training(HSD), teacher)
    assert same(before, teacher.state_dict())
    assert not teacher.training and not any(parameter.requires_grad for parameter in teacher.parameters())
    assert teacher is not original and original.training
    mine = {parameter.data_ptr() for parameter in student.parameters()}
    assert not mine & {parameter.data_ptr() for parameter in teacher.parameters()}
    assert not torch.equal(trained["layers.conv1.weight"], before["layers.conv1.weight"])


def test_thresholds_stay_frozen_unless_asked(tmp_path: Path) -> None:
    teacher = folded(ann())
    for moving in (False, True):
        student = convert(ann(), if_.Options(train_threshold=moving))
        before = [layer.threshold.item() for _, layer in activations(student)]
        train(student, tmp_path, training(HSD), teacher)
        after = [layer.threshold.item() for _, layer in activations(student)]
        assert (before != after) == moving


def test_random_student_learns(tmp_path: Path) -> None:
    settings = training({"kind": "ce"}, epochs=30, kind="adam", lr=5e-3)
    _, curves = train(snn(1 / 16, lambda: IF(1.0)), tmp_path, settings)
    assert curves.rows[-1][1] < curves.rows[0][1]
    assert curves.rows[-1][2] < 0.5 * curves.rows[0][2]


def test_diverging_loss_says_so(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="lower the learning rate"):
        train(ann(), tmp_path, training(lr=1e30))


def test_a_training_that_diverges_in_its_last_step_is_refused(tmp_path: Path) -> None:
    """No loss tells: the last one was measured before the last step."""

    def break_it(net: torch.nn.Module, epoch: int) -> dict[str, float]:
        if epoch == 3:
            with torch.no_grad():
                net.layers.fc.weight[0, 0] = np.inf
        return {}

    for _ in range(2):  # nor is it published by a run that finds the training finished
        with pytest.raises(TrainingError, match=r"^test: after the last epoch 1 of .* not finite \(layers.fc.weight"):
            train(ann(), tmp_path, epoch_callback=break_it, keep=True)
    settings = training(epochs=1, batch_size=10, lr=1e40)
    with pytest.raises(TrainingError, match="^test: after the last epoch"):
        train(ann(), tmp_path / "real", settings)


def test_an_objective_is_asked_for_its_own_losses_only(tmp_path: Path) -> None:
    """Losses of one recipe that are the same twice over train as one of twice the weight does."""
    teacher = folded(ann())
    feature = {"kind": "feature", "layers": ["act2"]}
    twice = objective([{"kind": "ce"}, {**feature, "weight": 0.5}, {**feature, "weight": 0.5}], teacher)
    once = objective([{"kind": "ce"}, {**feature, "weight": 1.0}], teacher)
    found = [train(snn(), tmp_path, what=what)[1].rows[0] for what in (twice, once)]
    assert found[0][:5] == pytest.approx(found[1][:5], rel=1e-5)
