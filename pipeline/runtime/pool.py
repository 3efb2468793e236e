"""Work spread over processes that end with the one that started them."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from pipeline.runtime import guard
from pipeline.runtime.memory import keep_freed_memory
from pipeline.runtime.progress import progress

Item = TypeVar("Item")
Result = TypeVar("Result")
# Items handed over at once: amortises the hand-over.
CHUNK = 8
# Chunks under way per worker: enough to keep it busy, few enough to bound the results that wait in memory.
AHEAD = 3


def in_parallel(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    title: str,
    unit: str,
    lost: Callable[[Item], Result] | None = None,
) -> Iterator[Result]:
    """Apply a function to each item and yield the results in the items' order, with a progress bar.

    Memory does not grow with the number of items, however slow the consumer is.

    Args:
        function: picklable; what it raises is raised here.
        workers: processes; 1 works in this one.
        lost: what stands in for the result of an item whose process ended (killed for its memory, say); the items about
            it are done again. Without it BrokenProcessPool is raised.
    """
    if workers == 1 or len(items) <= CHUNK:
        yield from progress(map(function, items), len(items), title, unit)
        return
    yield from progress(_surviving(function, items, workers, lost), len(items), title, unit)


def _surviving(
    function: Callable[[Item], Result], items: Sequence[Item], workers: int, lost: Callable[[Item], Result] | None
) -> Iterator[Result]:
    done = 0
    while done < len(items):
        try:
            with _pool(workers) as pool:
                for result in _windowed(pool, function, items[done:], workers * AHEAD):
                    done += 1
                    yield result
        except BrokenProcessPool:
            if lost is None:
                raise
            # Any of those under way may be to blame: the oldest chunk goes one by one, then all workers go on.
            for result in _one_by_one(function, items[done : done + CHUNK], lost):
                done += 1
                yield result


def _one_by_one(
    function: Callable[[Item], Result], items: Sequence[Item], lost: Callable[[Item], Result]
) -> Iterator[Result]:
    rest = list(items)
    while rest:
        with _pool(1) as pool:
            try:
                while rest:
                    result = pool.submit(function, rest[0]).result()
                    del rest[0]
                    yield result
            except BrokenProcessPool:
                yield lost(rest.pop(0))


def _pool(workers: int) -> ProcessPoolExecutor:
    # Spawned, not forked: forking a process that has threads (torch, eventcv) can deadlock.
    return ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), initializer=_prepare)


def _windowed(
    pool: ProcessPoolExecutor, function: Callable[[Item], Result], items: Sequence[Item], window: int
) -> Iterator[Result]:
    under_way: deque[Future[list[Result]]] = deque()
    try:
        for start in range(0, len(items), CHUNK):
            under_way.append(pool.submit(_each, function, items[start : start + CHUNK]))
            if len(under_way) > window:
                yield from under_way.popleft().result()
        while under_way:
            yield from under_way.popleft().result()
    finally:
        for future in under_way:
            future.cancel()


def _each(function: Callable[[Item], Result], items: Sequence[Item]) -> list[Result]:
    return [function(item) for item in items]


def _prepare() -> None:
    guard.die_with_parent()
    keep_freed_memory()
    # eventcv's own threads would compete with the other workers.
    os.environ.setdefault("RAYON_NUM_THREADS", "1")
