"""Rows of trained networks in use run."""

import pytest

from benchmarks import live
from benchmarks.core import Context
from pipeline.errors import PipelineError


def test_a_stream_is_measured(context: Context) -> None:
    half, most, rate = live.stream(context)
    assert half.turns == most.turns == rate.turns == 5
    assert 0 < half.ours <= most.ours and rate.ours > 0 and rate.unit == "events/s"


def test_accuracies_in_8_bits_need_weights(context: Context, tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PipelineError, match="no weights below data/models; `dvc repro` makes them"):
        live.int8_accuracy(context)
