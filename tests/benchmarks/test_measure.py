from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.measure import Candidate, Spread, alternate, ratios, spread
from benchmarks.result import MET, REPORT, UNMEASURED, UNMET, Goal, sized, timed, unmeasured


class Clock:
    """Time that goes on only while a candidate runs."""

    def __init__(self) -> None:
        self.now = 0.0
        self.order: list[str] = []

    def __call__(self) -> float:
        return self.now

    def taking(self, name: str, seconds: list[float]) -> Candidate:
        left: Iterator[float] = iter(seconds)

        def run() -> None:
            self.order.append(name)
            self.now += next(left)

        def prepare() -> None:
            self.order.append(f"before {name}")
            self.now += 1000.0

        return Candidate(name, run, prepare)


def test_candidates_take_turns_and_preparation_and_warmup_are_not_counted() -> None:
    clock = Clock()
    candidates = [clock.taking("a", [9.0, 1.0, 2.0]), clock.taking("b", [9.0, 3.0, 8.0])]
    times = alternate(candidates, rounds=2, warmup=1, clock=clock)
    assert times == {"a": [1.0, 2.0], "b": [3.0, 8.0]}
    assert clock.order == ["before a", "a", "before b", "b"] * 3
    assert ratios(times["b"], times["a"]) == [3.0, 4.0]


def test_a_turn_of_several_calls_gives_the_time_of_one() -> None:
    clock = Clock()
    assert alternate([clock.taking("a", [1.0, 3.0])], 1, warmup=0, repeats=2, clock=clock) == {"a": [2.0]}
    assert clock.order == ["before a", "a", "a"]


def test_what_cannot_be_measured_is_refused() -> None:
    clock = Clock()
    with pytest.raises(ValueError, match="at least 1"):
        alternate([clock.taking("a", [])], 0)
    with pytest.raises(ValueError, match="different names"):
        alternate([clock.taking("a", [1.0]), clock.taking("a", [1.0])], 1)
    with pytest.raises(ValueError, match="found 2 and 1"):
        ratios([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_spread_by_hand() -> None:
    assert spread([4.0, 1.0, 2.0, 3.0, 10.0]) == Spread(median=3.0, low=1.0, q1=2.0, q3=4.0, high=10.0)


@pytest.mark.parametrize(("seconds", "verdict"), [(3.0, MET), (2.999, UNMET)])
def test_a_time_meets_its_goal_from_the_bound_on(seconds: float, verdict: str) -> None:
    result = timed("row", "case", "peer", Goal(">=", 3), {"ours": [1.0] * 3, "peer": [seconds] * 3})
    assert result.verdict == verdict
    assert result.ratio == Spread(*[seconds] * 5)
    assert (result.ours, result.theirs, result.turns) == (1.0, seconds, 3)


@pytest.mark.parametrize(("size", "verdict"), [(6.0, MET), (6.001, UNMET)])
def test_a_size_is_ours_over_the_peers(size: float, verdict: str) -> None:
    result = sized("row", "case", "peer", "MiB", Goal("<=", 0.6), [size], [10.0])
    assert result.ratio is not None and result.ratio.median == pytest.approx(size / 10)
    assert result.verdict == verdict


def test_without_a_goal_or_a_number_nothing_is_met() -> None:
    assert timed("row", "case", "peer", None, {"ours": [1.0], "peer": [9.0]}).verdict == REPORT
    nothing = unmeasured("row", "case", "peer", Goal(">=", 3), "why")
    assert nothing.verdict == UNMEASURED
    assert nothing.plain()["goal"] == "≥ 3×"
