"""What a bad day brings, on a tiny project: kills, a full disk, a read-only folder, two runs at once, a busy machine.

Small as a slow test; large by hand: `python -m tests.repro.test_soak --kills 30` prints the table of docs/soak.md.
After each, one `dvc repro` must end with the bytes of a project that nothing happened to.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from pipeline.runtime import lock
from tests import tiny
from tests.repro.conftest import Clone, make_clone

MADE = ("data/frames/*/*.h5", "data/models/**/*", "data/results/**/*", "reports/default/tables/*.csv")
TRAINING = f"train_ann@{tiny.DATASET}-l4-0"
BY_HAND = ("-m", "stages.train_ann", f"data/plan/train_ann/{tiny.DATASET}/l4/ann-0.json")
# A stage and the folder it writes to.
WRITERS = [
    (f"-m stages.recordings data/plan/recordings/{tiny.DATASET}.json", "data/recordings"),
    (f"-m stages.integrate data/plan/integrate/{tiny.DATASET}.json", "data/frames"),
    (f"-m stages.select data/plan/select/{tiny.DATASET}.json", "data/selected"),
    (" ".join(BY_HAND), "data/models"),
    (" ".join(BY_HAND), "data/results"),
]
# In mounts of its own: a small or read-only file system over a folder, then a command, then what it left half-written.
MOUNTED = (
    'mount -t tmpfs -o "$0" tmpfs "$1" || exit 77; folder=$1; shift; "$@"; code=$?; find "$folder" -name "*.partial"; '
    "exit $code"
)


class Row(NamedTuple):
    """What happened how often, how often it went well, and what went wrong."""

    what: str
    tries: int
    good: int
    wrong: str = ""


def made(clone: Clone) -> dict[str, bytes]:
    """Return all that trainings and tables left, to be compared byte by byte."""
    return {name: data for pattern in MADE for name, data in clone.files(pattern).items()}


def soak(clone: Clone, wanted: dict[str, bytes], kills: int, sizes: list[str], seed: int = 0) -> Iterator[Row]:
    """Do all of it to a fresh clone, and yield a row for each kind."""
    yield from _killed(clone, wanted, kills, random.Random(seed))
    yield from _aimed(clone, wanted, kills)
    for title, option in [*((f"full disk, {size} left", f"size={size}") for size in sizes), ("read-only folder", "ro")]:
        yield _tried(title, [partial(_refused, clone, option, folder, words) for words, folder in WRITERS])
    yield _tried("two trainings of one run at once", [partial(_twice, clone, wanted, sys.executable, *BY_HAND)] * 2)
    yield _tried("two `dvc repro` at once", [partial(_twice, clone, wanted, "dvc", "repro", "-f", "-s", TRAINING)])
    with _busy():
        yield _tried("busy machine", [partial(_once, clone, wanted, sys.executable, *BY_HAND)] * 2)


def _killed(clone: Clone, wanted: dict[str, bytes], kills: int, drawn: random.Random) -> Iterator[Row]:
    """Kill `dvc repro` with all below it at random moments, then let it end; one that ended too soon is begun anew."""
    killed, ended = 0, False
    while killed < kills:
        running = clone.start("dvc", "repro", *(["--force"] if ended else []))
        time.sleep(drawn.uniform(1, 20))
        ended = running.poll() is not None
        if not ended:
            os.killpg(running.pid, signal.SIGKILL)
            killed += 1
        running.wait()
        lock.mend(clone.root)
    _repro(clone)
    problems = _differences(clone, wanted)
    yield Row(f"`dvc repro` killed {killed} times at random, then run to its end", 1, 0 if problems else 1, *problems)


def _aimed(clone: Clone, wanted: dict[str, bytes], kills: int) -> Iterator[Row]:
    """Kill `dvc` in the moment in which it writes dvc.lock, mend it, and see that nothing is trained again."""
    good, damaged, path = 0, 0, clone.root / lock.LOCK
    for _ in range(kills):
        before = path.stat().st_mtime_ns
        running = clone.start("dvc", "repro", "-f", "-s", "tables")
        while running.poll() is None and path.stat().st_mtime_ns == before:
            time.sleep(0.0005)
        if running.poll() is None:
            os.killpg(running.pid, signal.SIGKILL)
        running.wait()
        damaged += not lock.readable(path)
        lock.mend(clone.root)
        again = _repro(clone)
        good += not [stage for stage in again if stage.startswith("train")] and not _differences(clone, wanted)
    problems = [] if damaged else ["no kill left it damaged: nothing was tried"]
    title = f"`dvc` killed while it writes dvc.lock ({damaged} left it damaged), nothing trained again"
    yield Row(title, kills, good if damaged else 0, *problems)


def _refused(clone: Clone, option: str, folder: str, words: str) -> str:
    """Run a stage whose folder has no room or is read-only: it must say so and leave nothing half-written."""
    done = clone.run(
        "unshare", "-rm", "sh", "-c", MOUNTED, option, folder, sys.executable, *words.split(), check=False
    )  # fmt: skip
    said = done.returncode == 1 and "error: " in done.stderr and "Traceback" not in done.stderr
    return "" if said and not done.stdout.count(".partial") else f"{words}: {done.returncode} {done.stderr[-300:]}"


def _once(clone: Clone, wanted: dict[str, bytes], *command: str) -> str:
    done = clone.run(*command, check=False)
    return "; ".join([done.stderr[-300:]] if done.returncode else _differences(clone, wanted))


def _twice(clone: Clone, wanted: dict[str, bytes], *command: str) -> str:
    """Start a command twice; of two `dvc` one may refuse, since the other works here."""
    both = [clone.start(*command) for _ in range(2)]
    codes = [running.wait(280) for running in both]
    allowed = [[0, 0]] if command[0] != "dvc" else [[0, 0], [0, 255]]
    return "; ".join([*([] if sorted(codes) in allowed else [f"exited with {codes}"]), *_differences(clone, wanted)])


def _tried(what: str, tries: list[Callable[[], str]]) -> Row:
    problems = [problem for one in tries if (problem := one())]
    return Row(what, len(tries), len(tries) - len(problems), " ".join(problems))


def _repro(clone: Clone) -> list[str]:
    """Reproduce, however long a busy machine takes, and name the stages that ran."""
    done = subprocess.run(
        ["dvc", "repro"], cwd=clone.root, env=clone.environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise AssertionError(f"dvc repro exited with {done.returncode}: {done.stderr}")
    return re.findall(r"Running stage '([^']+)'", done.stdout)


def _differences(clone: Clone, wanted: dict[str, bytes]) -> list[str]:
    found = made(clone)
    wrong = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
    return [f"{len(wrong)} files differ, first {wrong[0]}"] if wrong else []


@contextmanager
def _busy() -> Iterator[None]:
    """Keep every core busy with two processes that do nothing."""
    others = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def _can_mount() -> bool:
    return bool(shutil.which("unshare")) and not subprocess.run(["unshare", "-rm", "true"], check=False).returncode


@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.skipif(not _can_mount(), reason="mounts of a process's own are not allowed here")
def test_a_bad_day_leaves_the_same_bytes(reproduced: Clone, tmp_path: Path) -> None:
    rows = list(soak(make_clone(tmp_path / "soaked"), made(reproduced), kills=2, sizes=["16k"]))
    assert [row for row in rows if row.good < row.tries] == []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=30, help="kills of each kind (default: 30)")
    kills = parser.parse_args().kills
    with tempfile.TemporaryDirectory() as folder:
        whole, soaked = (make_clone(Path(folder) / name) for name in ("whole", "soaked"))
        _repro(whole)
        print("| what | tries | good | what went wrong |\n|:--|--:|--:|:--|")
        for row in soak(soaked, made(whole), kills, ["4k", "12k", "16k"]):
            print(f"| {row.what} | {row.tries} | {row.good} | {row.wrong or '–'} |", flush=True)


if __name__ == "__main__":
    main()
