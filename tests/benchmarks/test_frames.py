"""Decoding, disk and epochs: the peers read, store and vary what ours does."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import data, nets, peers
from benchmarks.core import OURS, PHASE, STEPS, Context
from benchmarks.report import UNMEASURED
from pipeline.frames import selection
from pipeline.training.augmentations._maps import Movement
from pipeline.training.augmentations.nda import Options

FORMS = list(data.FORMATS)


def recording(folder: Path, form: str) -> tuple[Path, tuple[int, int]]:
    writer, sensor, _ = data.FORMATS[form]
    path = folder / f"{form}.{'bin' if form == 'ATIS' else 'aedat'}"
    writer(path, data.moving_blob(2_000, sensor, seed=1))
    return path, sensor


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("peer", [peers.TONIC, peers.JELLY])
def test_both_libraries_give_our_frames(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, peer: str) -> None:
    path, sensor = recording(tmp_path, form)
    assert data.READERS[OURS](path, form, STEPS, sensor).sum() == 2_000
    assert data.differs(peer, path, form, sensor) == ""
    right = data.READERS[peer]

    def wrong(*asked: object) -> object:
        counts = right(*asked).copy()
        counts[3, 0, 5, 7] += 1
        return counts

    monkeypatch.setitem(data.READERS, peer, wrong)
    assert data.differs(peer, path, form, sensor) == f"{peer} gives other frames"


def test_spikingjelly_turns_aedat_2(tmp_path: Path) -> None:
    path, sensor = recording(tmp_path, "AEDAT 2.0")
    own, theirs = (data.READERS[name](path, "AEDAT 2.0", STEPS, sensor) for name in (OURS, peers.JELLY))
    assert not np.array_equal(own, theirs)


def test_decode_measures_every_format_against_both(context: Context) -> None:
    results = data.decode(context)
    assert [result.peer for result in results] == [peers.TONIC, peers.JELLY] * 3
    assert all(result.ratio is not None and "same frames" in result.note for result in results)
    assert [result.goal for result in results if result.peer == peers.JELLY] == ["≥ 1.5×", "≥ 50×", "≥ 1.5×"]
    # Tonic's reader of ATIS needs no excuse.
    assert "fail in" in results[0].note and results[4].note == "same frames"


def test_a_peer_that_cannot_read_is_told(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise ValueError("too many values to unpack")

    monkeypatch.setitem(data.READERS, peers.TONIC, fails)
    results = [result for result in data.decode(context) if result.peer == peers.TONIC]
    assert [result.verdict for result in results] == [UNMEASURED] * 3
    assert results[0].note == "Tonic cannot read it: ValueError: too many values to unpack"


@pytest.mark.slow
def test_disk_weighs_what_is_written(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    apart, large, small = data.disk(context)
    assert apart.ours == small.ours and apart.theirs == large.theirs and apart.turns == data.PARTS
    assert small.theirs is not None and large.theirs is not None and small.theirs < large.theirs
    monkeypatch.setattr(data, "SCALED", 2 * data.SCALED)
    assert data.disk(context)[0].theirs == pytest.approx(2 * large.theirs)


def still(frames: np.ndarray) -> torch.Tensor:
    """Not varied at all."""
    return torch.from_numpy(frames[:PHASE]).float()


def test_all_loaders_give_the_same_samples(tmp_path: Path) -> None:
    frames, labels = nets.random_frames(24, STEPS, [data.SIDE] * 2, seed=0)
    pointer, files = data.write_sets(tmp_path, frames, labels.tolist())
    expected = dict.fromkeys(range(10), 0.0)
    for sample, label in zip(frames, labels.tolist(), strict=True):
        expected[label] += float(sample[:PHASE].sum())
    # Moves everything, loses nothing.
    rolled = Options(roll_px=5)
    held = selection.load(pointer, 0)
    found = dict.fromkeys(range(10), 0.0)
    for floats, answers in data.own(held, 8, rolled):
        assert floats.dtype == torch.float32 and floats.shape == (PHASE, 8, 2, 48, 48)
        for sample, label in zip(floats.transpose(0, 1), answers.tolist(), strict=True):
            found[label] += float(sample.sum())
    assert found == expected
    samples = list(zip(files, labels.tolist(), strict=True))
    for cache in (None, tmp_path / "tonic"):
        batches = list(peers.loader(samples, still, cache, 8, 0, seed=0))
        assert [batch.shape for batch, _ in batches] == [(8, PHASE, 2, 48, 48)] * 3
        seen = {(float(sample.sum()), int(label)) for batch, answers in batches
                for sample, label in zip(batch, answers, strict=True)}  # fmt: skip
        assert seen == {(float(sample[:PHASE].sum()), int(label)) for sample, label in zip(frames, labels, strict=True)}


@pytest.mark.parametrize(("rotate", "degrees"), [(True, 17.0), (False, -23.0)])
def test_the_peers_augmentation_is_ours_of_one_sample(rotate: bool, degrees: float) -> None:
    frames, angle = torch.rand(1, 3, 2, 48, 48), torch.deg2rad(torch.tensor([degrees], dtype=torch.float64))
    movement = Movement(turn=angle) if rotate else Movement(lean=angle.tan())
    own = movement.map(frames).applied(frames)[0]
    # Some pixels lie on an edge, where float32 and float64 round apart.
    assert (own == peers.turned(frames[0], rotate, degrees)).float().mean() > 0.99


def test_a_sample_is_varied_in_one_of_three_ways_within_bounds() -> None:
    frames = np.zeros((STEPS, 2, 48, 48), np.uint8)
    frames[:, :, 24, 24] = 1
    vary = partial(peers.varied, PHASE, Options(roll_px=3, rotate_deg=1.0, shear_deg=1.0))
    torch.manual_seed(0)
    places = [tuple(vary(frames).nonzero()[0, 2:].tolist()) for _ in range(600)]
    assert all(max(abs(row - 24), abs(column - 24)) <= 3 for row, column in places)
    # A third is rolled, but for one in 49 by nothing; the others turn the middle about itself.
    assert sum(place != (24, 24) for place in places) / len(places) == pytest.approx(48 / 49 / 3, abs=0.06)


@pytest.mark.slow
def test_epoch_compares_with_both(context: Context) -> None:
    results = data.epoch(context)
    assert [result.peer for result in results] == [data.NPZ] * 2 + [data.CACHED] * 2
    assert [result.goal for result in results] == ["≥ 10×", ""] * 2
    settled, first = results[:2]
    assert settled.ours is not None and first.ours is not None and first.ours > settled.ours
