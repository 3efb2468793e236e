"""A recipe of clips from recordings to results: a clip is drawn in training, and the test averages over several."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pipeline.evaluation.accuracy import predict
from pipeline.evaluation.operations import Layer
from pipeline.frames.store import load
from pipeline.nets.build import build
from pipeline.nets.weights import load_weights
from pipeline.results import paths
from pipeline.results.paths import RunName
from pipeline.runtime.hardware import Hardware
from stages import train_snn
from stages._training import total
from tests import tiny
from tests.stages.conftest import DATASET, TEST, arrays, call, metrics, one, seen, weights
from tests.stages.test_integrate import prepare
from tests.stages.test_integrate import raw as raw

CLIPS = {"init": "random", "frames": "full", "steps": 3, "clips": {"window_ms": 100, "windows": 9, "test": 2}}


@pytest.fixture
def clips(raw: tiny.Documents) -> tiny.Documents:
    tiny.change(raw, "recipes.clips", CLIPS)
    return raw


def test_clips_are_learned_and_their_mean_is_the_answer(clips: tiny.Documents) -> None:
    params = one(clips, "clips", None)
    prepare(params)
    file = paths.frames(DATASET) / "t9-18x18-100ms.h5"
    train_snn.main(call(params, "train_snn"))
    settings, test, first = call(params, "train_snn").settings, seen("clips"), weights("clips")
    assert [(piece.kind, piece.steps) for piece in settings.training.augmentations] == [("clip", 3)]
    net = load_weights(build(settings.network, 3, (18, 18)), RunName(DATASET, None, "clips", 0).weights)
    cpu = Hardware(torch.device("cpu"), "fp32")
    said = [predict(net, view, 8, cpu) for view in test.views()]
    assert len(said) == 2 and said[0].shape == (3, TEST, 3)
    found = arrays("clips")
    np.testing.assert_allclose(found["logits"], np.mean(said, axis=0), rtol=1e-5, atol=1e-5)
    whole = load(file, 1)
    ends = test.starts[:, -1:] + np.arange(3)
    np.testing.assert_allclose(
        found["share"].T, np.take_along_axis(whole.events_until, ends, 1) / whole.events[:, None], rtol=1e-6
    )
    assert metrics("clips")["n_padded"] == test.padded == 0 and arrays("clips", name="maps")["spikes"].shape[0] == 3
    # Again, from a stage that starts anew: the same bits.
    train_snn.main(call(params, "train_snn"))
    assert weights("clips") == first


def test_recordings_shorter_than_a_clip_are_counted(clips: tiny.Documents, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.change(clips, "recipes.clips", {**CLIPS, "steps": 40, "clips": {**CLIPS["clips"], "windows": 50}})
    params = one(clips, "clips", None)
    prepare(params)
    train_snn.main(call(params, "train_snn"))
    test = seen("clips")
    assert metrics("clips")["n_padded"] == test.padded == TEST
    assert f"{TEST} of {TEST} recordings end before 40 windows" in capsys.readouterr().out


def test_what_the_clips_of_a_recording_cost_is_added() -> None:
    counted = [[Layer("a", 1.0, 2.0, 0.5), Layer("b", 3.0)], [Layer("a", 1.0, 4.0, 0.25), Layer("b", 3.0)]]
    assert total(counted) == [Layer("a", 2.0, 6.0, 0.375), Layer("b", 6.0)]
    assert total(counted[:1]) == counted[0]
