"""The row of streams runs."""

from benchmarks import live
from benchmarks.core import Context


def test_a_stream_is_measured(context: Context) -> None:
    half, most, rate = live.stream(context)
    assert half.turns == most.turns == rate.turns == 5
    assert 0 < half.ours <= most.ours and rate.ours > 0 and rate.unit == "events/s"
