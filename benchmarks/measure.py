"""Candidates in turn on the same input, A B A B, and what the ratios of each turn say."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

Clock = Callable[[], float]


@dataclass(frozen=True)
class Candidate:
    """Something to be timed.

    Args:
        name: of the candidate.
        run: what is timed; it must not return before its work is done (on CUDA: synchronise).
        prepare: runs before each turn, outside the time.
    """

    name: str
    run: Callable[[], object]
    prepare: Callable[[], object] = lambda: None


@dataclass(frozen=True)
class Spread:
    """Median, quartiles and extremes of some numbers."""

    median: float
    low: float
    q1: float
    q3: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Sum numbers up, quartiles interpolated linearly; ValueError for none."""
    if not values:
        raise ValueError("spread of no values")
    low, q1, median, q3, high = (
        float(value) for value in np.quantile(np.asarray(values, float), (0, 0.25, 0.5, 0.75, 1))
    )
    return Spread(median, low, q1, q3, high)


def alternate(
    candidates: Sequence[Candidate], rounds: int, warmup: int = 1, repeats: int = 1, clock: Clock = time.perf_counter
) -> dict[str, list[float]]:
    """Time candidates in turn: each once a round, after `warmup` rounds that are not counted.

    Args:
        candidates: with different names.
        rounds: turns of each, at least 1.
        repeats: calls in one turn; the time is the turn's, divided by them.
        clock: gives seconds.

    Returns:
        Seconds of one call, for each candidate one a round, in order.

    Raises:
        ValueError: no round, no call, or two candidates of one name.
    """
    if rounds < 1 or repeats < 1 or warmup < 0:
        raise ValueError(f"rounds and repeats must be at least 1, found {rounds} and {repeats}")
    times: dict[str, list[float]] = {candidate.name: [] for candidate in candidates}
    if len(times) != len(candidates):
        raise ValueError(f"candidates need different names, found {[candidate.name for candidate in candidates]}")
    # As timeit does: a collection in one candidate's time would be of another one's objects.
    gc.collect()
    collecting = gc.isenabled()
    gc.disable()
    try:
        for turn in range(warmup + rounds):
            for candidate in candidates:
                elapsed = _turn(candidate, repeats, clock)
                if turn >= warmup:
                    times[candidate.name].append(elapsed / repeats)
    finally:
        if collecting:
            gc.enable()
    return times


def _turn(candidate: Candidate, repeats: int, clock: Clock) -> float:
    candidate.prepare()
    start = clock()
    for _ in range(repeats):
        candidate.run()
    return clock() - start


def ratios(peer: Sequence[float], ours: Sequence[float]) -> list[float]:
    """Divide pair by pair: how many times as much the peer took in each turn.

    Raises:
        ValueError: not equally many, or none.
    """
    if len(peer) != len(ours) or not peer:
        raise ValueError(f"expected as many turns of both, found {len(peer)} and {len(ours)}")
    return [theirs / own for theirs, own in zip(peer, ours, strict=True)]
