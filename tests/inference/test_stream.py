"""The live classifier against whole recordings: the same answers, in as many packets as one likes."""

from __future__ import annotations

import gc
import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from pipeline.errors import ConfigError, PipelineError
from pipeline.evaluation.accuracy import predict
from pipeline.evaluation.exits import confidence, entropy
from pipeline.events.types import Events
from pipeline.frames.integrate import integrate
from pipeline.inference.answer import Answer, Exit
from pipeline.inference.framing import Framing
from pipeline.inference.model import Model, load_model
from pipeline.inference.rule import rule_of, rule_of_recording
from pipeline.inference.sources import Packet, played
from pipeline.inference.stream import LiveClassifier, Step
from tests import standins
from tests.inference.small import SIDE, framing, recording, write_weights
from tests.systems.test_systems import CLASSES, answering, each, seen, side
from tests.training.small import CPU


def live(model: Model, events: Events, packet_us: int = 700, **options) -> list[Step]:
    """Return what is said of a recording that is played."""
    rule = rule_of_recording(model.framing, events, options.get("at_once", False))
    return list(LiveClassifier(model, rule, **options).run(played(events, packet_us)))


def same(said: list[Step], answer: Answer) -> None:
    """Compare the steps of one recording with the answer to it whole."""
    assert [step.step for step in said] == list(range(1, len(answer.logits) + 1))
    assert [step.final for step in said] == [False] * (len(said) - 1) + [True]
    logits = np.stack([step.logits for step in said])
    # Another order of sums may move a membrane over a threshold.
    assert np.abs(logits - answer.logits).max() <= 1e-4 * max(1.0, float(np.abs(answer.logits).max()))
    assert [step.name for step in said] == answer.names
    np.testing.assert_allclose([step.confidence for step in said], answer.confidence, atol=1e-3)
    np.testing.assert_allclose([step.ms for step in said], answer.time_ms, rtol=1e-6)


@each
def test_every_recipe_answers_a_stream_as_it_does_a_recording_or_says_why_not(recipe: str) -> None:
    net, _ = answering(recipe)
    height, width = side(recipe)
    how = Framing(sensor=[height, width], extent="sensor", orientation=[], resize="nearest", selection=seen(recipe))
    about = {"run": {"dataset": "d", "ann": None, "recipe": recipe, "seed": 0}}
    model = Model(net, [f"c{index}" for index in range(CLASSES)], how, about, CPU)
    file = how.selection.file
    count = height * width * file.steps
    events = standins.events(np.random.default_rng(1), height, width, count, 10_000 * file.steps, start=77)
    if not how.selection.causal:
        with pytest.raises(PipelineError, match=f"d none {recipe} seed 0: .* needs all .* frames before it answers"):
            live(model, events)
        return
    if how.selection.clip is None:
        same(live(model, events, 5000), model.classify(events))
        return
    # One clip after the other, in place of the mean of clips that are spread over a recording.
    said, steps = live(model, events, 5000), how.selection.steps
    frames = integrate(events, steps, (height, width), (height, width), file.slice_by).astype(np.uint8)
    logits = predict(net, frames[None], 1, CPU)
    np.testing.assert_allclose(np.stack([step.logits for step in said[:steps]]), logits[:, 0], atol=1e-4)


def test_in_8_bits_a_stream_answers_as_the_recording_does(tmp_path: Path) -> None:
    path = write_weights(tmp_path / "small.safetensors", framing())
    exact, rounded = (load_model(path, replace(CPU, precision=name)) for name in ("fp32", "int8"))
    same(live(rounded, recording()), rounded.classify(recording()))
    logits, wanted = rounded.classify(recording()).logits, exact.classify(recording()).logits
    # Weights of 8 bits were used, and mean the same.
    assert not np.array_equal(logits, wanted)
    assert np.corrcoef(logits.ravel(), wanted.ravel())[0, 1] > 0.9


ACTIVATIONS = {"ann": {"kind": "qcfs", "levels": 4, "threshold": 1.0}, "snn": None}
SELECTIONS = {
    "all": {},
    "halves": {"first": 2, "stop": 4},
    "interleaved": {"first": 1, "stop": 4, "stride": 2},
}


@pytest.mark.parametrize("slice_by", ["number", "time", "20ms"])
@pytest.mark.parametrize("selection", SELECTIONS)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_it_steps_on_the_frames_of_its_run(activation: str, selection: str, slice_by: str, tmp_path: Path) -> None:
    how = framing(4, slice_by, **SELECTIONS[selection])
    model = load_model(write_weights(tmp_path / "w.safetensors", how, ACTIVATIONS[activation]), CPU)
    answers = set()
    for seed in range(3):
        events = recording(seed, end=75_000)
        for packet_us in (1, 500, 10**6) if seed == 0 else (2000,):
            same(live(model, events, packet_us), model.classify(events))
        answers.add(model.classify(events).logits.tobytes())
    assert len(answers) == 3


def test_turned_files_and_frames_as_large_as_the_recording(tmp_path: Path) -> None:
    how = framing(4).model_copy(update={"extent": "recording", "orientation": ["bin: transpose invert", "npz: flip_y"]})
    how = how.model_copy(update={"sensor": [SIDE + 8, SIDE + 4]})
    model = load_model(write_weights(tmp_path / "w.safetensors", how), CPU)
    events = standins.events(np.random.default_rng(0), SIDE + 2, SIDE + 6, 2000)
    for suffix, sensor in ((".bin", (SIDE + 6, SIDE + 2)), (".npz", (SIDE + 2, SIDE + 6))):
        wide = how.model_copy(update={"sensor": [SIDE + 9, SIDE + 9]})
        model = Model(model.network, model.classes, wide, model.about, CPU)
        same(live(model, events, suffix=suffix, sensor=sensor), model.classify(events, suffix))
    with pytest.raises(ConfigError, match="up to its own largest x and y"):
        live(model, events)
    with pytest.raises(PipelineError, match="the stream: an event at x"):
        live(model, events, sensor=(5, 5))


@pytest.mark.parametrize("rule", [confidence.Options(), entropy.Options()])
def test_it_exits_when_it_is_sure(rule, tmp_path: Path) -> None:
    model = load_model(write_weights(tmp_path / "w.safetensors", framing(4)), CPU)
    whole = [model.classify(recording(seed)) for seed in range(6)]
    middle = float(np.median([Exit(rule, 0.5).sureness(one.logits[:1, None].astype(float))[0, 0] for one in whole]))
    when = Exit(rule, middle)
    steps = [one.exit_step(when) for one in whole]
    assert min(steps) == 1 and max(steps) > 1
    # One recording after the other in one stream, each as many events.
    live = LiveClassifier(model, rule_of(model.framing, events=2003), when)
    packets = []
    for number in range(6):
        events = recording(number)
        events["t"] += number * 100_000
        packets.append(Packet(events))
    said = list(live.run(packets))
    final = [step for step in said if step.final]
    assert [(step.recording, step.step) for step in final] == list(enumerate(steps, start=1))
    assert [step.name for step in final] == [one.names[step - 1] for one, step in zip(whole, steps, strict=True)]
    assert len(said) == sum(steps)


def test_at_once_it_begins_with_the_first_frame_and_again_after_an_answer(tmp_path: Path) -> None:
    model = load_model(write_weights(tmp_path / "w.safetensors", framing(10, first=5)), CPU)
    events = recording()
    rule = rule_of(model.framing, at_once=True, per_frame=100)
    said = list(LiveClassifier(model, rule, at_once=True).run(played(events, 5000)))
    # 20 frames of 100 events and three events, which are answered as they are.
    assert [step.step for step in said] == [1, 2, 3, 4, 5] * 4 + [1, 1]
    assert [step.recording for step in said if step.final] == [1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="made for at_once"):
        LiveClassifier(model, rule)
    sure = Exit(confidence.Options(), 0.0)
    said = list(LiveClassifier(model, rule, sure, at_once=True).run(played(events, 5000)))
    assert [(step.recording, step.step) for step in said] == [(number, 1) for number in range(1, 22)]
    # Each begins anew: the same frame is answered the same, whatever came before.
    twice = LiveClassifier(model, rule, sure, at_once=True)
    (first,), (second,) = (twice.feed(events[:100]) for _ in range(2))
    np.testing.assert_array_equal(first.logits, second.logits)


def test_a_stream_that_ends_early_is_answered_as_it_is(tmp_path: Path) -> None:
    model = load_model(write_weights(tmp_path / "w.safetensors", framing(4)), CPU)
    events, rule = recording(), rule_of(model.framing, events=2000)
    said = list(LiveClassifier(model, rule).run([Packet(events[:1000])]))
    assert [(step.step, step.final) for step in said] == [(1, False), (2, False), (2, True)]
    assert list(LiveClassifier(model, rule).run([])) == []


def test_memory_is_constant(tmp_path: Path) -> None:
    """An hour of events at 10,000 a second, scaled down to 200 recordings."""
    model = load_model(write_weights(tmp_path / "w.safetensors", framing(4, first=1)), CPU)
    live = LiveClassifier(model, rule_of(model.framing, per_frame=100), Exit(confidence.Options(), 0.6))
    process, events, heap, resident = psutil.Process(), recording(count=1000, end=10_000), [], []
    tracemalloc.start()
    try:
        for packet in range(81):
            moved = events.copy()
            moved["t"] += packet * 10_000
            said = live.feed(moved)
            if packet % 20 == 0:
                gc.collect()
                heap.append(tracemalloc.get_traced_memory()[0])
                resident.append(process.memory_info().rss)
    finally:
        tracemalloc.stop()
    assert said and live._recording > 180
    # The events alone are 1 MB between the two; what Python keeps for itself settles at some 20 kB more.
    assert heap[-1] - heap[1] < 100_000 and resident[-1] - resident[1] < 1_000_000
