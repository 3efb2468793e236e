"""Row of the default `dvc repro`: cold, and with nothing to do, in a clone; and of a revision before, if one is named.

A clone has what is committed: changes that are not are not measured.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import machine
from benchmarks.context import Context
from benchmarks.result import Result, timed
from pipeline.errors import PipelineError

Clock = Callable[[], float]


def repro(context: Context, source: Path = Path(), clock: Clock = time.perf_counter) -> list[Result]:
    """Time `dvc repro` in clones of this repository, wall seconds."""
    load = machine.load()
    now = seconds(source, "HEAD", context.folder / "now", clock)
    before = seconds(source, context.before, context.folder / "before", clock) if context.before else None
    results = []
    for index, case in enumerate(("cold, nothing cached", "again, with nothing to do")):
        if before is None:
            note = "one run of what is committed; name a revision with --before to have both"
            results.append(Result("repro", case, "", "s", None, ours=now[index], turns=1, load=load, note=note))
            continue
        times = {"ours": [now[index]], "before": [before[index]]}
        results.append(
            timed(
                "repro", case, "before", None, times, load=load, note=f"before: {context.before}, in this environment"
            )
        )
    return results


def seconds(source: Path, revision: str, folder: Path, clock: Clock) -> tuple[float, float]:
    """Clone a revision and give the seconds of `dvc repro` cold and again.

    Raises:
        PipelineError: git or dvc failed; its last lines are told.
    """
    with cloned(source, revision, folder):
        times = []
        for _ in range(2):
            start = clock()
            run(["dvc", "repro"], folder)
            times.append(clock() - start)
        return times[0], times[1]


@contextmanager
def cloned(source: Path, revision: str, folder: Path) -> Iterator[Path]:
    """Clone a revision to a folder that is gone afterwards."""
    run(["git", "clone", "--quiet", "--shared", str(source.resolve()), str(folder)], source)
    run(["git", "checkout", "--quiet", "--detach", _commit(source, revision)], folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _commit(source: Path, revision: str) -> str:
    return run(["git", "rev-parse", "--verify", f"{revision}^{{commit}}"], source).strip()


def run(command: list[str], folder: Path, **environment: str) -> str:
    """Run a command of this environment in a folder and give what it prints; PipelineError with its last lines."""
    # The stages run this environment's python; a shared cache elsewhere would make a cold run warm.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    whole = {**os.environ, "PATH": path, "DVC_NO_ANALYTICS": "1", **environment}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=whole, check=False)
    if done.returncode:
        raise PipelineError(f"{' '.join(command[:2])} failed: {' / '.join(done.stderr.strip().splitlines()[-3:])}")
    return done.stdout
