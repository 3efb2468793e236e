"""One network for any number of steps: frames grouped exactly, gradients of all draws added, statistics taken anew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from pipeline.events.types import events_from
from pipeline.frames.integrate import Slices
from pipeline.nets.fold import folded
from pipeline.nets.forward import forward
from pipeline.nets.layers.lif import LIF
from pipeline.training.gradients import Moment, any_t, bptt
from pipeline.training.gradients.any_t import group
from pipeline.training.loop import Interrupted, epoch_order
from pipeline.training.losses import Targets
from tests.training.small import CPU, ann, batch, data, objective, same, snn, train, training
from tests.training.test_loop import counted

LABELS = torch.tensor([0, 2, 1, 1])
ANY = {"kind": "any-t", "steps": [1, 2, 4], "draws": 2}
ON = data(steps=4)


def net() -> nn.Module:
    return snn(neuron=lambda: LIF(0.5)).train()


def test_groups_by_hand() -> None:
    frames = torch.arange(1, 11, dtype=torch.uint8).view(10, 1)
    assert group(frames, 10) is frames
    assert group(frames, 5).flatten().tolist() == [3, 7, 11, 15, 19]
    # Boundaries 0, 3, 6, 10, and 0, 2, 5, 7, 10.
    assert group(frames, 3).flatten().tolist() == [6, 15, 34]
    assert group(frames, 4).flatten().tolist() == [3, 12, 13, 27]
    assert group(frames, 5, "mean").flatten().tolist() == pytest.approx([1.5, 3.5, 5.5, 7.5, 9.5])
    assert group(frames, 10, "mean") is frames


def test_counts_that_outgrow_a_byte_are_kept_and_floats_stay_floats() -> None:
    frames = torch.full((10, 2), 200, dtype=torch.uint8)
    assert group(frames, 1).tolist() == [[2000, 2000]] and group(frames, 1).dtype == torch.int32
    assert group(frames.half() / 8, 2).dtype == torch.half and group(frames / 8, 2)[0, 0] == 125.0


@pytest.mark.parametrize("steps", [0, 11])
def test_no_more_frames_than_there_are(steps: int) -> None:
    with pytest.raises(ValueError, match=f"10 frames cannot be grouped into {steps}"):
        group(batch(10), steps)


@pytest.mark.parametrize("slice_by", ["number", "time"])
def test_a_group_is_the_recording_cut_anew(slice_by: str) -> None:
    rng, count = np.random.default_rng(0), 1000
    (x, y), p = rng.integers(0, 8, (2, count)), rng.random(count) < 0.5
    # Of 1000 events in 1000 us neither has a remainder.
    times = np.sort(rng.integers(0, 1000, count)) if slice_by == "number" else np.arange(count)
    slices = Slices(events_from(times, x, y, p), (8, 8))
    whole = torch.from_numpy(slices.frames(10, (8, 8), slice_by))
    for steps in (1, 2, 5) if slice_by == "number" else (1,):
        assert torch.equal(group(whole, steps), torch.from_numpy(slices.frames(steps, (8, 8), slice_by)).int())
    # A remainder of the events by number is less than a frame's, and only its place differs.
    odd = Slices(events_from(times[:-3], x[:-3], y[:-3], p[:-3]), (8, 8))
    moved = group(torch.from_numpy(odd.frames(10, (8, 8), slice_by)), 5)
    moved = moved - torch.from_numpy(odd.frames(5, (8, 8), slice_by))
    assert moved.sum() == 0 and moved.abs().sum() < 2 * 10 * 5


def learned(steps: list[int], draws: int, at: Moment, **more: object) -> tuple[dict, Tensor, dict[str, Tensor]]:
    student, what = net(), objective({"kind": "ce"})
    options = any_t.Options(steps=steps, draws=draws, **more)
    terms, logits = any_t.backward(student, batch(4), Targets(LABELS), what, None, CPU, at, options)
    return terms, logits, {name: parameter.grad for name, parameter in student.named_parameters()}


def test_at_the_only_t_it_is_bptt_as_often_as_drawn() -> None:
    at, student = Moment(0, 1, 2), net()
    plain, logits = bptt.backward(
        student, batch(4), Targets(LABELS), objective({"kind": "ce"}), None, CPU, at, bptt.Options()
    )
    for draws in (1, 2):
        terms, same_logits, found = learned([4], draws, at)
        assert torch.equal(same_logits, logits) and same_logits.shape == (4, 4, 3)
        torch.testing.assert_close(terms, plain)
        for name, parameter in student.named_parameters():
            torch.testing.assert_close(found[name], draws * parameter.grad)


def test_the_gradients_of_all_draws_are_added() -> None:
    """By hand: the same draws from the same stream, each gone through alone."""
    at = Moment(0, 0, 5)
    places = torch.randint(3, (4,), generator=at.draws()).tolist()
    assert len(set(places)) > 1
    student, what, losses = net(), objective({"kind": "ce"}), []
    for place in places:
        frames = group(batch(4), [1, 2, 4][place])
        loss = what(forward(student, frames), Targets(LABELS), {}, None)["loss"]
        loss.backward()
        losses.append(loss.item())
    terms, logits, found = learned([1, 2, 4], 4, at)
    assert terms["loss"].item() == pytest.approx(sum(losses) / 4) and len(logits) == [1, 2, 4][places[-1]]
    for name, parameter in student.named_parameters():
        torch.testing.assert_close(found[name], parameter.grad)
    # Another moment or another seed draws others; the same draws the same.
    assert same(learned([1, 2, 4], 4, at)[2], found)
    others = [Moment(0, 0, 6), Moment(0, 1, 5), Moment(1, 0, 5)]
    drawn = {tuple(torch.randint(3, (9,), generator=other.draws()).tolist()) for other in (at, *others)}
    assert len(drawn) == 4


def test_every_t_is_drawn_as_often_and_t_itself_too(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = dict.fromkeys((1, 2, 4), 0)

    def spy(net: object, frames: Tensor, *given: object) -> tuple[dict, Tensor]:
        counts[len(frames)] += 1
        return {}, frames

    monkeypatch.setattr(any_t.bptt, "backward", spy)
    for step in range(300):
        # 8 is more than there are.
        learned([1, 2, 8], 3, Moment(0, 0, step))
    assert sum(counts.values()) == 900 and min(counts.values()) > 250


@pytest.mark.parametrize(
    ("losses", "recalibrate"), [({"kind": "skd", "ce": "steps"}, 0), ([{"kind": "tet"}, {"kind": "ensemble"}], 2)]
)
def test_a_stopped_training_ends_with_equal_bits(tmp_path: Path, losses: object, recalibrate: int) -> None:
    settings, teacher = training(losses, {**ANY, "recalibrate": recalibrate}), folded(ann())
    whole, curves = train(net(), tmp_path / "whole", settings, teacher, on=ON)
    with counted(4) as steps:
        with pytest.raises(Interrupted):
            train(net(), tmp_path, settings, teacher, on=ON)
        resumed, resumed_curves = train(net(), tmp_path, settings, teacher, on=ON, keep=True)
    assert steps == [9] and same(whole, resumed) and curves == resumed_curves
    # Killed after the last epoch, before its results were written.
    assert same(whole, train(net(), tmp_path, settings, teacher, on=ON)[0])
    assert not same(whole, train(net(), tmp_path / "other", settings, teacher, on=ON, seed=1)[0])


def test_statistics_are_those_of_the_last_batches_at_the_largest_t(tmp_path: Path) -> None:
    settings = [training({"kind": "ce"}, {**ANY, "recalibrate": count}) for count in (0, 1)]
    left, anew = (train(net(), tmp_path, each, on=ON)[0] for each in settings)
    changed = {name for name in left if not torch.equal(left[name], anew[name])}
    assert changed and all(name.rpartition(".")[2] in ("running_mean", "running_var", "num_batches_tracked")
                           for name in changed)  # fmt: skip
    assert all(anew[name] == 1 for name in anew if name.endswith("num_batches_tracked"))
    # Of the first convolution by hand: what it makes of one batch of four recordings, in all steps together.
    student = net()
    student.load_state_dict(anew)
    frames = torch.from_numpy(ON[0])[epoch_order(10, 0, 3)[:4]].transpose(0, 1).float()
    out = student.layers.conv1(frames).flatten(0, 1)
    torch.testing.assert_close(anew["layers.bn1.running_mean"], out.mean((0, 2, 3)))
    torch.testing.assert_close(anew["layers.bn1.running_var"], out.var((0, 2, 3)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"steps": []}, "steps: .* at least 1 item"), ({"steps": [1, 1]}, "steps: listed twice: 1"),
        ({"steps": [0, 2]}, "greater than or equal to 1"), ({"draws": 0}, "draws: .* greater than or equal to 1"),
        ({"scale": "sum"}, "scale: .* 'none' or 'mean'"), ({"step": [1]}, "no option 'step'; did you mean 'steps'"),
    ],
)  # fmt: skip
def test_what_cannot_be_drawn(options: dict, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        training(gradient={**ANY, **options})
    assert list(training(gradient=ANY).gradient.views(4)) == [1, 2] and training(gradient=ANY).gradient.varies_steps
