from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks import data, loading, recordings
from benchmarks.context import Context
from benchmarks.peers import jelly_frames, tonic_frames
from benchmarks.peers.loader import NpzFolder, Transform, loader, rotate, shear
from benchmarks.peers.stand_ins import standing_in
from benchmarks.peers.tonic_frames import cached
from benchmarks.result import UNMEASURED
from pipeline.config import Augment
from pipeline.training.augment import Draws, source_pixels


@pytest.mark.parametrize("form", recordings.FORMATS)
def test_both_libraries_give_our_frames(context: Context, form: str) -> None:
    path, sensor = recordings.write_recording(context.folder, form, 2_000, seed=1)
    own = data.ours(path, form, 10, sensor)
    assert own.sum() == 2_000
    assert data.agree(form, own, data.TONIC, tonic_frames.frames(path, form, 10, sensor))
    theirs = jelly_frames.frames(path, form, 10, sensor)
    assert data.agree(form, own, data.JELLY, theirs)
    theirs[3, 0, 5, 7] += 1
    assert not data.agree(form, own, data.JELLY, theirs)


def test_spikingjelly_turns_aedat_2(context: Context) -> None:
    path, sensor = recordings.write_recording(context.folder, "AEDAT 2.0", 2_000, seed=1)
    own = data.ours(path, "AEDAT 2.0", 10, sensor)
    assert not np.array_equal(own, jelly_frames.frames(path, "AEDAT 2.0", 10, sensor))


def test_decode_measures_every_format_against_both(context: Context) -> None:
    results = data.decode(context)
    assert len(results) == 6
    assert all(result.ratio is not None and "same frames" in result.note for result in results)


def test_a_peer_that_cannot_read_is_told(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("too many values to unpack")

    monkeypatch.setattr(tonic_frames, "frames", fails)
    results = [result for result in data.decode(context) if result.peer == data.TONIC]
    assert [result.verdict for result in results] == [UNMEASURED] * 3
    assert "Tonic cannot read it: ValueError: too many values to unpack" in results[0].note


def test_a_peer_with_other_frames_is_not_compared(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    right = jelly_frames.frames
    monkeypatch.setattr(jelly_frames, "frames", lambda *arguments: right(*arguments) + 1)
    results = [result for result in data.decode(context) if result.peer == data.JELLY]
    assert [result.verdict for result in results] == [UNMEASURED] * 3
    assert "other frames" in results[0].note


def test_disk_weighs_what_is_written(context: Context) -> None:
    apart, large, small = data.disk(replace(context, sizes=replace(context.sizes, scaled=1_000)))
    assert all(result.ours and result.theirs for result in (apart, large, small))
    assert apart.ours == small.ours and apart.theirs == large.theirs
    assert small.theirs is not None and large.theirs is not None and small.theirs < large.theirs


def test_all_loaders_give_the_same_samples(context: Context) -> None:
    frames = recordings.random_frames(24, 10, loading.SIZE, seed=0)
    labels = recordings.random_labels(24, 10, seed=0).tolist()
    still = Augment(flip=False, roll_px=0, rotate_deg=0.0, shear_deg=0.0)
    path, files = loading.write_sets(context, frames, labels)
    own = loading.InMemory(path, 5, 8, still)
    assert loading.consume(own.batches()) == 24
    expected = dict.fromkeys(range(10), 0.0)
    for sample, label in zip(frames, labels, strict=True):
        expected[label] += float(sample[:5].sum())
    found = dict.fromkeys(range(10), 0.0)
    for floats, answers in own.batches():
        assert floats.dtype == torch.float32
        for sample, label in zip(floats.unflatten(0, (5, -1)).transpose(0, 1), answers.tolist(), strict=True):
            found[label] += float(sample.sum())
    assert found == expected
    samples = list(zip(frames.astype(np.int16), labels, strict=True))
    transform = Transform(5, still)
    for dataset in (NpzFolder(files, labels, transform), cached(samples, context.folder / "tonic", transform)):
        sample, label = dataset[7]
        assert label == labels[7] and torch.equal(sample, torch.from_numpy(frames[7, :5]).float())
        batches = list(loader(dataset, 8, workers=0, seed=0))
        assert sum(len(answers) for _, answers in batches) == 24 and batches[0][0].shape == (8, 5, 2, 48, 48)


def test_the_peers_augmentation_is_ours_of_one_sample() -> None:
    frames = torch.rand(3, 2, 48, 48)
    zero = torch.zeros(1)
    for kind, change, drawn in ((1, rotate, {"degrees": 17.0}), (2, shear, {"shear": -23.0})):
        amounts = {name: torch.tensor([drawn.get(name, 0.0)], dtype=torch.float64) for name in ("degrees", "shear")}
        draws = Draws(kind=torch.tensor([kind]), rows=zero.long(), columns=zero.long(), flip=zero.bool(), **amounts)
        index, inside = source_pixels(draws, 48, 48)
        own = frames.flatten(2)[..., index.flatten()].unflatten(-1, (48, 48)) * inside
        theirs = change(frames, next(iter(drawn.values())))
        # Some pixels lie on an edge, where float32 and float64 round apart.
        assert (own == theirs).float().mean() > 0.99


def test_epoch_compares_with_both(context: Context) -> None:
    results = loading.epoch(context)
    assert {result.peer for result in results} == {loading.JELLY, loading.TONIC}
    settled, first = results[:2]
    assert settled.ours is not None and first.ours is not None and first.ours > settled.ours


def test_stand_ins_are_gone_afterwards_and_refuse_to_work() -> None:
    name = "no_such_package_at_all"
    with standing_in(name, "json") as missing:
        assert missing == [name] and name in sys.modules
    assert name not in sys.modules and "json" in sys.modules
