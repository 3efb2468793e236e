"""Rows of many stages at once: what is ideal, and that the rows run at small size."""

from __future__ import annotations

import pytest

from benchmarks import jobs
from benchmarks.core import Context
from benchmarks.report import UNMEASURED


def test_ideal_is_the_work_shared_out_or_the_longest_chain() -> None:
    needs = {"a": [], "b": ["a"], "c": ["a"], "d": ["b", "c"]}
    length = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 1.0}
    assert [jobs.ideal(needs, length, count) for count in (1, 2)] == [7.0, 5.0]


def test_fleet_and_overhead_at_small_size(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    needs, above = {"a": [], "train@b": ["a"], "c": ["train@b"]}, {"a": 2, "train@b": 1, "c": 0}
    monkeypatch.setattr(jobs, "graph", lambda *_: (needs, above))
    one, two = jobs.fleet(context)
    # A chain: two workers are no faster, and the ideal knows that.
    assert one.theirs == pytest.approx(two.theirs) and one.goal == two.goal == "≥ 0.9×"
    assert one.ratio and one.ours and one.theirs and one.ratio["median"] == pytest.approx(one.theirs / one.ours)


def test_throughput_compares_one_thread_each_with_two(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    walls, ran = iter([10.0, 15.0]), []

    def run(command: tuple[str, ...], folder: object, **environment: str) -> tuple[str, float, float]:
        ran.append((command[-2:], environment["HSD_THREADS"]))
        return "", next(walls), 0.0

    monkeypatch.setattr(jobs, "cloned", lambda *_, **__: context.folder)
    monkeypatch.setattr(jobs, "run", run)
    (row,) = jobs.parallel(context)
    assert ran == [(("--jobs", "2"), "1"), (("dvc", "repro"), "2")]
    assert row.ratio and row.ratio["median"] == 1.5 and row.verdict == "met"


def test_without_a_gpu_its_row_says_so(context: Context) -> None:
    (row,) = jobs.parallel_gpu(context)
    assert row.verdict == UNMEASURED and row.note == "not run: no CUDA device"
