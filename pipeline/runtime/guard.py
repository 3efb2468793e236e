"""A stage ends when the `dvc` that started it ends, and an interrupt is a request, not a crash."""

from __future__ import annotations

import os
import signal
import threading
import time
from types import FrameType

import psutil

POLL_SECONDS = 0.5
# Where it is set, the id of the process that started a stage in place of `dvc`.
STARTED_BY = "HSD_STARTED_BY"


def die_with_dvc() -> None:
    """End this process soon after the `dvc` above it (or who works in its place) has gone; without one, do nothing.

    DVC leaves its command running when it is killed. The kernel's parent-death signal would not do: the parent is
    the shell between DVC and the stage. What is unsaved is lost, as with any kill; checkpoints are written whole.
    """
    above, named = psutil.Process().parents(), os.environ.get(STARTED_BY)
    dvc = next((index for index, one in enumerate(above) if str(one.pid) == named or _is_dvc(one)), None)
    if dvc is not None:
        _watch(above[: dvc + 1])


def die_with_parent() -> None:
    """End this process soon after its parent has gone (for workers of a pool)."""
    parent = psutil.Process().parent()
    if parent is not None:
        _watch([parent])


def _is_dvc(process: psutil.Process) -> bool:
    try:
        words = process.cmdline()[:4]
    except psutil.Error:
        return False
    # .venv/bin/dvc, `python -m dvc`, or dvc/__main__.py
    return any(os.path.basename(word.removesuffix("/__main__.py")) in ("dvc", "dvc.exe") for word in words)


def _watch(processes: list[psutil.Process]) -> None:
    def poll() -> None:
        while all(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes):
            time.sleep(POLL_SECONDS)
        os._exit(1)

    def safe_poll() -> None:
        try:
            poll()
        except psutil.Error:
            os._exit(1)

    threading.Thread(target=safe_poll, name="guard", daemon=True).start()


class Interrupt:
    """Turns the first SIGINT or SIGTERM into a flag, so that a loop can save and leave; a second one ends at once."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, object] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _note(self, _: int, __: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
