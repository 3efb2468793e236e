"""Learning rates of every kind of decay: by hand, against torch's schedulers, and resumed to the bit."""

from __future__ import annotations

import math
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch.optim import lr_scheduler

from pipeline.config.catalogues import load
from pipeline.training.loop import Interrupted
from pipeline.training.optimizer import learning_rate, make_optimizer
from tests.training.small import ann, data, same, train, training
from tests.training.test_loop import counted

WARMUP = {"epochs": 4, "lr": 0.01}


def rates(decay: dict[str, Any], epochs: int = 10, losses: Any = (), **more: Any) -> list[float]:
    """Return the rates of each epoch of a schedule whose rate is 0.05, after the losses of the epochs before."""
    schedule = training(epochs=epochs, decay=decay, **more).schedule
    return [learning_rate(schedule, epoch, list(losses)[:epoch]) for epoch in range(epochs)]


def by_torch(make: Any, epochs: int, losses: Any = None) -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=0.05)
    scheduler, found = make(optimizer), []
    with warnings.catch_warnings():  # that no step of the optimizer goes before
        warnings.simplefilter("ignore")
        for epoch in range(epochs):
            found.append(optimizer.param_groups[0]["lr"])
            scheduler.step(*() if losses is None else (losses[epoch],))
    return found


def test_constant_and_the_cosine_to_zero() -> None:
    assert rates({"kind": "constant"}) == [0.05] * 10
    # To the bit what it always was.
    assert rates({"kind": "cosine"}) == [0.05 * (1 + math.cos(math.pi * epoch / 10)) / 2 for epoch in range(10)]
    assert rates({"kind": "cosine"}) == pytest.approx(by_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, 10), 10))


def test_cosine_ends_at_its_floor_and_stays_there() -> None:
    found = rates({"kind": "cosine", "floor": 0.01, "hold": 4}, epochs=14)
    assert found[:10] == rates({"kind": "cosine", "floor": 0.01}) and found[10:] == [0.01] * 4
    wanted = by_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, 10, eta_min=0.01), 10)
    assert found[:10] == pytest.approx(wanted) and found[5] == pytest.approx(0.03)


def test_periodic_falls_and_rises() -> None:
    found = rates({"kind": "periodic", "half_period": 3, "floor": 0.01}, epochs=13)
    assert found[0] == found[6] == found[12] == pytest.approx(0.05) and found[3] == found[9] == pytest.approx(0.01)
    assert found == pytest.approx(by_torch(lambda o: lr_scheduler.CosineAnnealingLR(o, 3, eta_min=0.01), 13))


def test_steps_by_hand() -> None:
    found = rates({"kind": "steps", "every": 2, "factor": 0.5}, epochs=5)
    assert found == pytest.approx([0.05, 0.05, 0.025, 0.025, 0.0125])
    assert rates({"kind": "steps", "every": 3}) == pytest.approx(by_torch(lambda o: lr_scheduler.StepLR(o, 3), 10))


def test_plateau_by_hand_and_as_torch() -> None:
    decay = {"kind": "plateau", "factor": 0.5, "patience": 1, "threshold": 0.1}
    # Fallen by a tenth: 8.9 alone. Behind it 8.1, 8.2 are the two in a row that are too many, then 8.3 and 8.4.
    losses = [10.0, 9.5, 8.9, 8.1, 8.2, 8.3, 8.4, 1.0, 1.0]
    assert rates(decay, losses=losses) == pytest.approx([0.05] * 5 + [0.025] * 2 + [0.0125] * 3)
    noise = (torch.rand(40, generator=torch.Generator().manual_seed(0)) + 1).tolist()
    found = rates({"kind": "plateau", "floor": 1e-4}, epochs=40, losses=noise)
    peer = by_torch(lambda o: lr_scheduler.ReduceLROnPlateau(o, patience=5, min_lr=1e-4), 40, noise)
    assert found == peer and found[-1] == 1e-4


def test_warmup_takes_the_place_of_the_first_epochs() -> None:
    decay = {"kind": "cosine", "floor": 0.02}
    found = rates(decay, warmup=WARMUP)
    assert found[:4] == pytest.approx([0.01, 0.02, 0.03, 0.04]) and found[4:] == rates(decay)[4:]
    # What the loss did in the warm-up is no plateau.
    plateau = {"kind": "plateau", "patience": 1}
    found = rates(plateau, losses=[1.0] * 10, warmup=WARMUP)
    assert found[4:] == pytest.approx([0.05] * 3 + [0.005] * 2 + [0.0005])


@pytest.mark.parametrize(
    ("schedule", "message"),
    [
        ({"decay": {"kind": "cosine", "hold": 2}}, "hold: 2 epochs at a learning rate of 0 learn nothing"),
        ({"decay": {"kind": "cosine", "hold": 3, "floor": 1e-3}}, "epochs: 3 leave none for the decay"),
        ({"warmup": {"epochs": 3, "lr": 0.0}}, "epochs: 3 leave none for the decay"),
        ({"warmup": {"epochs": 1, "lr": 0.1}}, "warmup.lr: 0.1 is above optimizer.lr 0.05"),
        ({"decay": {"kind": "periodic", "half_period": 2, "floor": 0.1}}, "decay.floor: 0.1 is above optimizer.lr"),
        ({"decay": {"kind": "steps", "every": 2, "factor": 1.0}}, "less than 1"),
        ({"decay": {"kind": "steps"}}, "decay.steps.every"),
    ],
)
def test_schedules_that_cannot_be(schedule: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        training(**schedule)


def test_adamw_takes_weights_off_by_themselves() -> None:
    weight = torch.nn.Parameter(torch.ones(1))
    settings = training(kind="adamw", lr=0.1).schedule.optimizer.model_copy(update={"weight_decay": 0.5})
    optimizer = make_optimizer([weight], settings)
    assert isinstance(optimizer, torch.optim.AdamW)
    weight.grad = torch.full((1,), 3.0)
    optimizer.step()
    # 1 - lr · decay, and a first step of lr, whatever the gradient.
    assert weight.item() == pytest.approx(1 - 0.05 - 0.1)


DECAYS = [
    {"decay": {"kind": "cosine", "floor": 1e-3, "hold": 1}, "warmup": {"epochs": 1, "lr": 1e-4}, "kind": "adamw"},
    {"decay": {"kind": "steps", "every": 2}},
    {"decay": {"kind": "plateau", "patience": 0, "threshold": 0.5}},
    {"decay": {"kind": "periodic", "half_period": 2}},
]


@pytest.mark.parametrize("schedule", DECAYS, ids=lambda schedule: schedule["decay"]["kind"])
@pytest.mark.parametrize("stop_after", [4, 6, 8])
def test_a_stopped_training_ends_with_equal_bits(tmp_path: Path, schedule: dict[str, Any], stop_after: int) -> None:
    settings = training(epochs=4, **({"kind": "sgd"} | schedule))
    whole, curves = train(ann(), tmp_path / "whole", settings)
    with counted(stop_after) as steps:
        with pytest.raises(Interrupted):
            train(ann(), tmp_path, settings)
        resumed, resumed_curves = train(ann(), tmp_path, settings)
    assert steps == [12] and same(whole, resumed) and curves == resumed_curves
    # The rates are those of the schedule, and not all the same.
    found = [row[1] for row in curves.rows]
    losses = [row[2] for row in curves.rows]
    assert found == [learning_rate(settings.schedule, epoch, losses[:epoch]) for epoch in range(4)]
    assert len(set(found)) > 1 and len(data()[1]) == 10


def test_those_of_the_systems_are_as_their_authors_have_them() -> None:
    schedules = load(".").schedules

    def found(name: str, *epochs: int) -> list[float]:
        return [learning_rate(schedules[name], epoch, [1.0] * epoch) for epoch in epochs]

    assert found("tdbn", 0, 34, 35, 70) == pytest.approx([0.1, 0.1, 0.01, 0.001])
    assert found("ssnn", 29, 30, 99) == pytest.approx([0.1, 0.01, 1e-4])
    # Six losses in a row that are no less than the first are one too many.
    assert found("ta-snn", 6, 7, 13) == pytest.approx([1e-3, 1e-4, 1e-5])
    assert found("plif", 0, 64, 128, 1023) == pytest.approx([1e-3, 0, 1e-3, 1e-3], abs=1e-5)
    assert found("glif", 64, 128) == pytest.approx([0, 0.01])
    assert found("spikformer", 0, 9, 48, 96, 105) == pytest.approx([1e-5, 9.01e-4, 5.05e-4, 1e-5, 1e-5])
