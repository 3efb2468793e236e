"""`python -m pipeline run`: what `dvc repro` would run, as many stages at a time as there are workers."""

from __future__ import annotations

import heapq
import os
import shlex
from collections.abc import Sequence
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from distributed import Client, wait

from pipeline.errors import PipelineError
from pipeline.jobs import workers
from pipeline.jobs.book import Book, Found
from pipeline.jobs.show import DONE, FAILED, RESTORED, STOPPED, UNCHANGED, Board, last_lines, tail
from pipeline.jobs.workers import Slot
from pipeline.runtime import lock
from pipeline.runtime.guard import Interrupt

LOGS = Path("data/runs/logs")
# Seconds between two looks at the running stages.
LOOK = 0.5
# Lines of a failed stage's log that are shown at the end.
SHOWN = 8
INTERRUPTED = 130


def run(targets: Sequence[str], jobs: int | None, gpus: str | None, per_gpu: int, cluster: Path | None) -> int:
    """Run what some targets need and return the exit status: 0 all is there, 1 some failed, 130 interrupted.

    Args:
        targets: as `dvc repro` takes them; none: all.
        jobs: stages at once; None: one a place on the GPUs, or one.
        gpus, per_gpu: the GPUs of this machine to use, and runs on each.
        cluster: a file that says what a cluster's jobs are; see docs/parallel.md.
    """
    if not lock.readable(Path(lock.LOCK)) and Path(lock.LOCK).exists():
        print(lock.mend())
    book = Book(targets)
    named = workers.visible_gpus(gpus) if gpus else []
    count = jobs or len(named) * per_gpu or 1
    if cluster:
        pool, shares = workers.there(workers.read_cluster(cluster), count, cluster)
    else:
        shares = workers.slots(count, named, per_gpu)
        pool = workers.here(shares)
    with pool, Client(pool) as client:
        threads = shares[0].environment[workers.THREADS]
        print(
            f"{len(book.needs)} stages, {count} at a time, {threads} thread(s) each, as `{workers.THREADS}={threads} "
            f"dvc repro` computes; dashboard: {client.dashboard_link}",
            flush=True,
        )
        return Runs(book, client, shares, count).all()


class Runs:
    """All stages of a book, on the workers of a client."""

    def __init__(self, book: Book, client: Client, shares: Sequence[Slot], count: int) -> None:
        self.book, self.client, self.shares, self.count = book, client, shares, count
        self.board = Board(count)
        self.sorter = TopologicalSorter(book.needs)
        self.order = {name: place for place, name in enumerate(book.needs)}
        self.ready: list[tuple[int, int, str]] = []
        self.running: dict[Any, str] = {}
        self.waiting = dict.fromkeys(book.needs)
        self.failed: dict[str, str] = {}
        self.stopped: list[str] = []

    def all(self) -> int:
        """Run them, and say at the end what failed."""
        self.sorter.prepare()
        self._note_ready()
        (self.book.root / LOGS).mkdir(parents=True, exist_ok=True)
        with Interrupt() as asked, self.board:
            told = False
            try:
                while self.ready or self.running:
                    if asked.requested and not told:
                        told = True
                        self.board.say("interrupted: trainings save where they stand; Ctrl-C again ends at once")
                        self.ready.clear()
                        self.client.run(workers.interrupt)
                    while self.ready and len(self.running) < self.count:
                        self._begin(heapq.heappop(self.ready)[2])
                    self.book.write()
                    self.board.look(self.waiting)
                    self._await(told)
            finally:
                self.book.close()
        self._report(told)
        return INTERRUPTED if told else 1 if self.failed else 0

    def _note_ready(self) -> None:
        for name in self.sorter.get_ready():
            # Those first that most others wait for; then in the order of dvc repro.
            heapq.heappush(self.ready, (-self.book.above[name], self.order[name], name))

    def _begin(self, name: str) -> None:
        del self.waiting[name]
        try:
            found = self.book.begin(name)
        except PipelineError as error:
            self._fail(name, str(error))
            return
        if found is not Found.MUST_RUN:
            self._done(name, RESTORED if found is Found.RESTORED else UNCHANGED)
            return
        log = self._log(name)
        alone = not self.running and not self.ready
        future = self.client.submit(
            workers.execute, name, self.book.commands(name), str(self.book.root), str(log), self.shares, alone,
            key=f"{name}-{os.urandom(4).hex()}", pure=False,
        )  # fmt: skip
        self.running[future] = name
        self.board.start(name, log)

    def _await(self, told: bool) -> None:
        """Wait a moment for stages to end, and take down those that did; what else is ready begins first."""
        if not self.running:
            return
        try:
            ended = wait(list(self.running), timeout=LOOK, return_when="FIRST_COMPLETED").done
        except TimeoutError:
            return
        over = [(self.running.pop(future), future) for future in ended]
        for name, _ in over:
            self.board.stop(name)
        while not told and self.ready and len(self.running) < self.count:
            self._begin(heapq.heappop(self.ready)[2])
        for name, future in over:
            error = future.exception()
            status = future.result() if error is None else None
            try:
                self.book.end(name, status == 0)
            except PipelineError as problem:
                self._fail(name, str(problem))
            else:
                if status == 0:
                    self._done(name, DONE)
                elif told:
                    self.stopped.append(name)
                    self.board.end(name, STOPPED)
                else:
                    self._fail(name, _said(status) if error is None else f"its worker was lost: {error}")

    def _done(self, name: str, became: str) -> None:
        self.board.end(name, became)
        self.sorter.done(name)
        self._note_ready()

    def _fail(self, name: str, problem: str) -> None:
        self.failed[name] = problem
        self.board.end(name, FAILED)

    def _log(self, name: str) -> Path:
        return self.book.root / LOGS / f"{name.replace('/', '_')}.log"

    def _report(self, told: bool) -> None:
        counts = ", ".join(f"{count} {what}" for what, count in sorted(self.board.counts.items()))
        self.board.say(f"{counts or 'nothing to do'}" + (f", {len(self.waiting)} not begun" if self.waiting else ""))
        for name, problem in self.failed.items():
            self.board.say(f"\n{name} failed: {problem}")
            log = self._log(name)
            for line in last_lines(tail(log), SHOWN):
                self.board.say(f"    {line}")
            threads = self.shares[0].environment.get(workers.THREADS, "")
            self.board.say(f"    {log.relative_to(self.book.root)} has all of it")
            self.board.say(f"  again: {workers.THREADS}={threads} dvc repro --single-item {shlex.quote(name)}")
        if told:
            self.board.say("the same command goes on from here")


def _said(status: int | None) -> str:
    if status is not None and (status < 0 or status > 128):
        return f"killed by signal {-status if status < 0 else status - 128}; was the memory full?"
    return f"exit status {status}"
