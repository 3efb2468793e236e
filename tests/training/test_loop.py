"""The training loop: repeatable, resumable to the bit, and the teacher untouched."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config import Augment, Optimiser, Recipe, Schedule, TrainAnn
from pipeline.errors import TrainingError
from pipeline.nets import IF, QCFS, convert, vgg_snn
from pipeline.nets.snn5 import snn5
from pipeline.runtime.hardware import Hardware
from pipeline.training import loop
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.loop import Interrupted, fit, learning_rate
from pipeline.training.recipes import ann_objective, frozen, snn_objective
from tests import tiny

CPU = Hardware(torch.device("cpu"), "fp32")


def schedule(epochs: int = 3, name: str = "sgd", **changes) -> Schedule:
    optimiser = Optimiser(name=name, lr=0.05 if name == "sgd" else 1e-3, momentum=0.9, weight_decay=0.0)
    return Schedule(**{"epochs": epochs, "batch_size": 4, "optimiser": optimiser, "decay": "cosine", **changes})


def hsd(**changes) -> Recipe:
    return tiny.recipe(**{"init": "converted", "loss": "skd", "weight": 1.0, **changes})


def data(count: int = 10, steps: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.integers(0, 5, (count, steps, 2, 16, 16), np.uint8), rng.integers(0, 3, count)


def ann():
    return vgg_snn(3, (16, 16), 1 / 32, lambda: QCFS(4, 2.0), torch.Generator().manual_seed(0))


def objective():
    return ann_objective(TrainAnn(levels={}, schedule=schedule(), threshold=2.0, gradient="floor", loss="ace"))


def train(net, root: Path, plan=None, what=None, seed: int = 0, keep: bool = False, augmentation=None, **more):
    frames, labels = data()
    plan, what = plan or schedule(), what or objective()
    checkpoint = Checkpoint({"n": 1}, root)
    curves = fit(net, frames, labels, what, plan, seed, CPU, checkpoint, "test", augmentation, **more)
    if not keep:
        checkpoint.delete()
    return net.state_dict(), curves


def same(one: dict, two: dict) -> bool:
    return all(torch.equal(one[name], two[name]) for name in one)


def test_same_seed_same_bits_other_seed_other_weights(tmp_path: Path) -> None:
    first, curves = train(ann(), tmp_path)
    again, curves_again = train(ann(), tmp_path)
    assert same(first, again) and curves == curves_again
    assert not same(first, train(ann(), tmp_path, seed=1)[0])


@pytest.mark.parametrize("name", ["sgd", "adam"])
@pytest.mark.parametrize("stop_after", [1, 3, 4, 7])
def test_interrupted_training_ends_with_equal_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, stop_after: int
) -> None:
    whole, curves = train(ann(), tmp_path / "whole", schedule(name=name))
    steps = 0

    def counted(*arguments):
        nonlocal steps
        step(*arguments)
        steps += 1
        if steps == stop_after:
            os.kill(os.getpid(), signal.SIGINT)

    step = loop._step
    monkeypatch.setattr(loop, "_step", counted)
    with pytest.raises(Interrupted, match="saved, the next run goes on"):
        train(ann(), tmp_path, schedule(name=name))
    assert len(list(tmp_path.rglob("*.pt"))) == 1
    resumed, resumed_curves = train(ann(), tmp_path, schedule(name=name))
    # Three epochs of three steps: what was done before the stop is not done again.
    assert steps == 9
    assert same(whole, resumed) and curves == resumed_curves
    assert not list(tmp_path.rglob("*.pt"))


def test_augmented_training_with_dropout_is_repeatable_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nda = Augment(flip=False, roll_px=2, rotate_deg=30.0, shear_deg=30.0)

    def net():
        return snn5(3, (32, 32), 1 / 32, 0.5, 2, lambda: QCFS(4, 2.0), torch.Generator().manual_seed(0))

    def wide():
        rng = np.random.default_rng(0)
        return rng.integers(0, 5, (10, 2, 2, 32, 32), np.uint8), rng.integers(0, 3, 10)

    monkeypatch.setattr(sys.modules[__name__], "data", wide)
    whole, curves = train(net(), tmp_path / "whole", augmentation=nda)
    assert not same(whole, train(net(), tmp_path / "plain")[0])
    assert not same(whole, train(net(), tmp_path / "other", seed=1, augmentation=nda)[0])
    steps, step = 0, loop._step

    def counted(*arguments):
        nonlocal steps
        step(*arguments)
        steps += 1
        if steps == 4:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(loop, "_step", counted)
    with pytest.raises(Interrupted):
        train(net(), tmp_path, augmentation=nda)
    resumed, resumed_curves = train(net(), tmp_path, augmentation=nda)
    assert steps == 9 and same(whole, resumed) and curves == resumed_curves


def test_training_killed_at_an_epoch_ends_with_equal_bits(tmp_path: Path) -> None:
    script = (
        "import os, sys, torch; from pathlib import Path; import tests.training.test_loop as t\n"
        "from pipeline.training.checkpoint import Checkpoint\n"
        "save = Checkpoint.save\n"
        "def killed(self, state):\n"
        "    save(self, state)\n"
        "    if state['epoch'] == int(sys.argv[2]): os.kill(os.getpid(), 9)\n"
        "Checkpoint.save = killed\n"
        "state, _ = t.train(t.ann(), Path(sys.argv[1])); torch.save(state, Path(sys.argv[1]) / 'done')\n"
    )
    whole, _ = train(ann(), tmp_path / "whole")
    for epoch in ("1", "2", "9"):
        done = subprocess.run([sys.executable, "-c", script, str(tmp_path), epoch], capture_output=True, timeout=120)
        assert done.returncode == (0 if epoch == "9" else -signal.SIGKILL), done.stderr.decode()
    assert same(whole, torch.load(tmp_path / "done", weights_only=True))


def test_a_kill_after_the_last_epoch_costs_no_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, curves = train(ann(), tmp_path, keep=True)
    monkeypatch.setattr(loop, "_step", lambda *_: pytest.fail("trained again"))
    again, curves_again = train(ann(), tmp_path)
    assert same(whole, again) and curves == curves_again


def test_damaged_checkpoint_starts_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, _ = train(ann(), tmp_path / "whole")
    checkpoint = Checkpoint({"n": 1}, tmp_path)
    checkpoint.path.parent.mkdir(parents=True)
    for damage in (b"", b"no checkpoint", b"\x80\x02."):
        checkpoint.path.write_bytes(damage)
        assert same(whole, train(ann(), tmp_path)[0])
        assert "starts over" in capsys.readouterr().err


def test_checkpoints_of_other_settings_are_not_found(tmp_path: Path) -> None:
    assert Checkpoint({"lr": 1}, tmp_path).path != Checkpoint({"lr": 2}, tmp_path).path
    assert Checkpoint({"lr": 1}, tmp_path).path == Checkpoint({"lr": 1}, tmp_path).path


def test_teacher_is_another_object_and_bit_unchanged(tmp_path: Path) -> None:
    original = ann()
    train(original, tmp_path)
    original.train()
    teacher = frozen(original)
    student = convert(original)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    trained, _ = train(student, tmp_path, what=snn_objective(hsd(), teacher))
    assert same(before, teacher.state_dict())
    assert not teacher.training and not any(parameter.requires_grad for parameter in teacher.parameters())
    assert teacher is not original and original.training
    mine = {parameter.data_ptr() for parameter in student.parameters()}
    assert not mine & {parameter.data_ptr() for parameter in teacher.parameters()}
    assert not torch.equal(trained["layers.conv1.weight"], before["layers.conv1.weight"])


def test_thresholds_stay_frozen_unless_asked(tmp_path: Path) -> None:
    teacher = frozen(ann())
    for moving in (False, True):
        student = convert(ann(), train_threshold=moving)
        before = [layer.threshold.item() for _, layer in student.activations()]
        train(student, tmp_path, what=snn_objective(hsd(), teacher))
        after = [layer.threshold.item() for _, layer in student.activations()]
        assert (before != after) == moving


def test_random_student_learns(tmp_path: Path) -> None:
    net = vgg_snn(3, (16, 16), 1 / 16, lambda: IF(1.0), torch.Generator().manual_seed(0))
    what = snn_objective(tiny.recipe(), None)
    _, curves = train(net, tmp_path, schedule(30, "adam", optimiser=Optimiser(name="adam", lr=5e-3, momentum=0.9,
                                                                           weight_decay=0.0)), what)  # fmt: skip
    assert curves.rows[-1][1] < curves.rows[0][1]
    assert curves.rows[-1][2] < 0.5 * curves.rows[0][2]


def test_cosine_goes_from_the_rate_to_zero() -> None:
    plan = schedule(10)
    rates = [learning_rate(plan, epoch) for epoch in range(11)]
    assert rates[0] == pytest.approx(0.05) and rates[5] == pytest.approx(0.025) and rates[10] == pytest.approx(0)
    assert all(a > b for a, b in pairwise(rates))
    assert learning_rate(schedule(10, decay="constant"), 9) == pytest.approx(0.05)


def test_diverging_loss_says_so(tmp_path: Path) -> None:
    plan = schedule(3, optimiser=Optimiser(name="sgd", lr=1e30, momentum=0.9, weight_decay=0.0))
    with pytest.raises(TrainingError, match="lower the learning rate"):
        train(ann(), tmp_path, plan)
