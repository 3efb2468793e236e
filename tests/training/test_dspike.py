"""The search of a surrogate's sharpness: it finds the one whose gradient is the true one, and draws from the moment."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from spikingjelly.activation_based import layer, neuron, surrogate
from torch import Tensor, nn

from pipeline.training.gradients import Moment, bptt, dspike
from pipeline.training.loop import Interrupted
from pipeline.training.losses import Targets
from tests.networks import chain
from tests.training.small import CPU, batch, objective, same, snn, train, training
from tests.training.test_loop import counted

LABELS, CE = Targets(torch.tensor([0, 2, 1, 1])), {"kind": "ce"}


class Soft(nn.Module):
    """A spike in the value of tanh(d), or of a step, with the gradient of tanh(b · d) / 2."""

    sharpness: Tensor

    def __init__(self, b: float, binary: bool) -> None:
        super().__init__()
        self.register_buffer("sharpness", torch.tensor(b))
        self.binary = binary

    def forward(self, d: Tensor) -> Tensor:
        smooth = (self.sharpness * d).tanh() / 2 + 0.5
        value = surrogate.heaviside(d) if self.binary else d.tanh() / 2 + 0.5
        return smooth + (value - smooth).detach()


def node(b: float, binary: bool) -> nn.Module:
    return neuron.LIFNode(2.0, False, surrogate_function=Soft(b, binary), step_mode="m")


def net(b: float = 2.0) -> nn.Module:
    """Return a network whose spikes are tanh, so that the true gradient is that of b = 1."""
    torch.manual_seed(0)
    layers = {
        "conv": layer.Conv2d(2, 4, 3, stride=4), "bn": layer.BatchNorm2d(4), "act": node(b, False),
        "flatten": layer.Flatten(), "fc": layer.Linear(64, 3),
    }  # fmt: skip
    return chain(layers).train()


def searched(student: nn.Module, at: Moment, **options: float) -> float:
    settings = dspike.Options(**{"delta": 0.5, "step": 0.01, **options})
    dspike.backward(student, batch(1), LABELS, objective(CE), None, CPU, at, settings)
    return student.state_dict()["layers.act.surrogate_function.sharpness"].item()


@pytest.mark.parametrize(("start", "found"), [(2.0, [1.5, 1.0, 1.0]), (0.5, [1.0, 1.0, 1.0]), (1.0, [1.0] * 3)])
def test_it_comes_to_the_sharpness_whose_gradient_is_true(start: float, found: list[float]) -> None:
    student = net(start)
    assert [searched(student, Moment(0, epoch, 0)) for epoch in range(3)] == found


def test_sharpness_stays_above_zero() -> None:
    assert searched(net(0.5), Moment(0, 0, 0), delta=0.5) == 1.0
    assert searched(net(1.0), Moment(0, 0, 0), delta=3.0) == 1.0


def test_only_the_first_batch_of_an_epoch_searches_and_then_it_is_bptt() -> None:
    students, at = [net() for _ in range(3)], [Moment(0, 0, 1), Moment(0, 1, 0)]
    assert searched(students[0], at[0]) == 2.0 and searched(students[1], at[1]) == 1.5
    plain = net(1.5)
    bptt.backward(plain, batch(1), LABELS, objective(CE), None, CPU, at[1], bptt.Options())
    # The search has left nothing but the sharpness: statistics of batch norm are those of one pass.
    assert same(plain.state_dict(), students[1].state_dict())
    for one, two in zip(plain.parameters(), students[1].parameters(), strict=True):
        assert torch.equal(one.grad, two.grad)


def test_directions_follow_from_the_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[Tensor] = []
    likeness = dspike.F.cosine_similarity

    def spy(slopes: Tensor, differences: Tensor, dim: int) -> Tensor:
        drawn.append(differences)
        return likeness(slopes, differences, dim=dim)

    monkeypatch.setattr(dspike.F, "cosine_similarity", spy)
    for at in (Moment(0, 1, 0), Moment(0, 1, 0), Moment(0, 2, 0), Moment(1, 1, 0)):
        searched(net(), at, directions=5)
    one, again, later, other = drawn[::3]
    assert one.shape == (5,) and torch.equal(one, again)
    assert not torch.allclose(one, later) and not torch.allclose(one, other)


def test_a_stopped_training_ends_with_equal_bits(tmp_path: Path) -> None:
    settings = training(CE, {"kind": "dspike", "delta": 0.3, "directions": 4}, lr=0.5)

    def student() -> nn.Module:
        return snn(neuron=lambda: node(2.0, True))

    whole, curves = train(student(), tmp_path / "whole", settings)
    found = {value.item() for name, value in whole.items() if name.endswith("sharpness")}
    # One for all layers, and another than at the start.
    assert len(found) == 1 and found != {2.0}
    with counted(4) as steps:
        with pytest.raises(Interrupted):
            train(student(), tmp_path, settings)
        resumed, resumed_curves = train(student(), tmp_path, settings)
    assert steps == [9] and same(whole, resumed) and curves == resumed_curves


def test_a_network_without_such_a_surrogate_is_refused() -> None:
    with pytest.raises(ValueError, match=r"give the neuron surrogate: \{kind: dspike\}"):
        dspike.backward(snn(), batch(), LABELS, objective(CE), None, CPU, Moment(0, 0, 0), dspike.Options())
