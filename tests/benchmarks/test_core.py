"""Candidates, their turns, and what is made of them."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from benchmarks import core
from benchmarks.report import MET, REPORT, UNMEASURED, UNMET, Row

ISOLATED = core.Candidate


def calls(number: int) -> dict[str, Callable[[], Any]]:
    def fail() -> None:
        raise ValueError("no good")

    return {"number": lambda: number, "fail": fail}


def test_a_candidate_lives_in_a_process_of_its_own() -> None:
    with ISOLATED(partial(calls, 7)) as one:
        assert [one.call("number"), one.call("number")] == [7, 7]
        assert one.call("number", clocked=True) >= 0
        with pytest.raises(ValueError, match="no good"):
            one.call("fail")
    assert not core._calls


def test_candidates_take_turns_and_warmup_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    monkeypatch.setattr(core.time, "sleep", lambda _: order.append("pause"))

    class Fake:
        def __init__(self, name: str, seconds: list[float]) -> None:
            self.name, self.left = name, iter(seconds)
            self.left: Iterator[float]

        def call(self, call: str, clocked: bool) -> float:
            assert call == "run" and clocked
            order.append(self.name)
            return next(self.left)

    running: Any = {"a": Fake("a", [9.0, 1.0, 2.0]), "b": Fake("b", [9.0, 3.0, 8.0])}
    assert core.in_turn(running, "run", rounds=2) == {"a": [1.0, 2.0], "b": [3.0, 8.0]}
    assert order == ["pause", "a", "pause", "b"] * 3


def test_each_candidate_may_have_a_call_of_its_own() -> None:
    class Fake:
        def call(self, call: str, clocked: bool) -> float:
            assert clocked
            return {"step": 1.0, "other": 2.0}[call]

    running: Any = {"a": Fake(), "b": Fake()}
    assert core.in_turn(running, {"a": "step", "b": "other"}, rounds=1) == {"a": [1.0], "b": [2.0]}


def test_a_turns_ratio_is_theirs_over_ours_and_its_spread_by_hand() -> None:
    found = Row("row", "case", "peer").compared([1.0, 2.0, 1.0, 1.0, 1.0], [4.0, 2.0, 2.0, 3.0, 10.0], "why")
    assert found.ratio == {"median": 3.0, "low": 1.0, "q1": 2.0, "q3": 4.0, "high": 10.0}
    assert (found.ours, found.theirs, found.turns, found.note, found.verdict) == (1.0, 3.0, 5, "why", REPORT)
    with pytest.raises(ValueError, match="argument 2 is longer"):
        Row("row", "case").compared([1.0], [1.0, 2.0])


@pytest.mark.parametrize(("goal", "theirs", "verdict"), [("≥ 3×", 3.0, MET), ("≥ 3×", 2.999, UNMET)])
def test_a_time_meets_its_goal_from_the_bound_on(goal: str, theirs: float, verdict: str) -> None:
    assert Row("row", "case", "peer", goal).compared([1.0], [theirs]).verdict == verdict


@pytest.mark.parametrize(("ours", "verdict"), [(6.0, MET), (6.001, UNMET)])
def test_a_size_is_ours_over_the_peers(ours: float, verdict: str) -> None:
    found = Row("row", "case", "peer", "≤ 0.6×", "MiB").compared([ours], [10.0], inverse=True)
    assert found.ratio is not None and found.ratio["median"] == pytest.approx(ours / 10)
    assert found.verdict == verdict


def test_without_a_number_nothing_is_met() -> None:
    assert Row("row", "case", "peer", "≥ 3×", note="why").verdict == UNMEASURED
    assert Row("row", "case", ours=1.0).verdict == REPORT


def test_a_machine_is_described_without_its_name() -> None:
    facts = core.machine("cpu")
    assert facts["cores"] >= 1 and facts["versions"]["torch"] and facts["processor"]
    assert core.platform.node() not in str(facts)
