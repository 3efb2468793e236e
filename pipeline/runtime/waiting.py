"""How the threads of a training wait for one another: spinning, or asleep where other processes want the cores.

OpenMP's threads spin at the end of each parallel region. Where another process has a core, the others spin for as long
as that core is away, and a training beside other work slows down thirtyfold. Asleep (OMP_WAIT_POLICY=PASSIVE) they cost
a training its share of the cores, but an idle machine about a quarter. OpenMP reads the policy once, when torch is
loaded. So it is chosen by the load then, and a training that meets other work later pauses between two epochs and
starts again with the other policy; its results are the same to the bit. Whoever sets OMP_WAIT_POLICY or GOMP_SPINCOUNT
decides.
"""

from __future__ import annotations

import os
import time

import psutil

PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}
CHOSEN_BY_USER = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
# Seconds over which the load is looked at before torch is loaded.
LOOK = 0.15
# Cores that other processes must take of those our threads want, for it to count: noise stays below.
MUCH = 0.3


class Paused(Exception):  # noqa: N818
    """A training was let go between two epochs to be started again; its state is saved."""


class Contention:
    """Answers, called now and then, whether since the last call other processes took cores that ours wanted.

    Never true where the policy is set already.
    """

    def __init__(self) -> None:
        self._mark = _Mark()

    def __call__(self) -> bool:
        before, self._mark = self._mark, _Mark()
        return not decided() and self._mark.taken_since(before) > MUCH


def decided() -> bool:
    """Return whether there is nothing to choose: the policy is set, or there is one thread alone."""
    return any(os.environ.get(name) for name in CHOSEN_BY_USER) or _threads() == 1


def choose() -> None:
    """Set the policy by the machine's present load; to be called before torch is loaded."""
    if decided():
        return
    before = _Mark()
    time.sleep(LOOK)
    if _Mark().taken_since(before) > MUCH:
        os.environ.update(PASSIVE)


def _threads() -> int | None:
    """Return how many threads a training has, if the environment says so; what is no number `hardware` refuses."""
    text = os.environ.get("HSD_THREADS") or os.environ.get("OMP_NUM_THREADS") or ""
    return int(text) if text.isdecimal() else None


class _Mark:
    """The machine's and this process's processor seconds at a moment."""

    def __init__(self) -> None:
        self.wall = time.monotonic()
        machine = psutil.cpu_times()
        self.busy = sum(machine) - machine.idle - getattr(machine, "iowait", 0.0) - getattr(machine, "guest", 0.0)
        own = psutil.Process().cpu_times()
        self.own = own.user + own.system

    def taken_since(self, before: _Mark) -> float:
        """Return how many of the cores that this process may want other processes have used."""
        wall = max(self.wall - before.wall, 1e-9)
        others = max(0.0, (self.busy - before.busy - (self.own - before.own)) / wall)
        cores = psutil.cpu_count() or 1
        return others - max(0, cores - (_threads() or cores))
