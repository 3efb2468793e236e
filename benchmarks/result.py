"""One row of the report: ours against one peer."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.measure import Spread, ratios, spread

MET, UNMET, REPORT, UNMEASURED = "met", "not met", "report", "not measured"
COMPARE = {">=": operator.ge, "<=": operator.le}


@dataclass(frozen=True)
class Goal:
    """What the ratio should be: "at least" (>=) or "at most" (<=) a bound."""

    sign: str
    bound: float

    def __str__(self) -> str:
        return f"{'≥' if self.sign == '>=' else '≤'} {self.bound:g}×"


@dataclass(frozen=True)
class Result:
    """A row.

    `ours` and `theirs` are the medians in `unit`; `ratio` says how many times as much the peer takes, or where smaller
    is the goal (memory, disk), ours over the peer's. None where nothing was measured, then `note` says why. `load`:
    cores that others used when it began.
    """

    row: str
    case: str
    peer: str
    unit: str
    goal: Goal | None
    ours: float | None = None
    theirs: float | None = None
    ratio: Spread | None = None
    turns: int = 0
    load: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        if self.ratio is None and self.ours is None:
            return UNMEASURED
        if self.goal is None or self.ratio is None:
            return REPORT
        return MET if COMPARE[self.goal.sign](self.ratio.median, self.goal.bound) else UNMET

    def plain(self) -> dict[str, Any]:
        """Give the row as JSON-able values."""
        values = asdict(self)
        values["goal"] = str(self.goal) if self.goal else ""
        return values | {"verdict": self.verdict}


def timed(
    row: str,
    case: str,
    peer: str,
    goal: Goal | None,
    times: dict[str, list[float]],
    ours: str = "ours",
    load: float | None = None,
    note: str = "",
) -> Result:
    """Make a row of the seconds of each turn: ratio = peer / ours, turn by turn."""
    own, theirs = times[ours], times[peer]
    return Result(
        row=row,
        case=case,
        peer=peer,
        unit="s",
        goal=goal,
        ours=spread(own).median,
        theirs=spread(theirs).median,
        ratio=spread(ratios(theirs, own)),
        turns=len(own),
        load=load,
        note=note,
    )


def sized(
    row: str, case: str, peer: str, unit: str, goal: Goal | None, ours: Sequence[float], theirs: Sequence[float],
    note: str = "",
) -> Result:  # fmt: skip
    """Make a row of sizes, smaller being better: ratio = ours / peer, pair by pair."""
    return Result(
        row=row,
        case=case,
        peer=peer,
        unit=unit,
        goal=goal,
        ours=spread(ours).median,
        theirs=spread(theirs).median,
        ratio=spread(ratios(ours, theirs)),
        turns=len(ours),
        note=note,
    )


def unmeasured(row: str, case: str, peer: str, goal: Goal | None, note: str) -> Result:
    """Make a row that says why there is no number."""
    return Result(row=row, case=case, peer=peer, unit="", goal=goal, note=note)
