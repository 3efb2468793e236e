"""Many stages at once end as `dvc repro` ends, whatever fails or is killed meanwhile."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from pipeline.__main__ import main
from pipeline.jobs.run import LOGS, run
from pipeline.runtime import lock
from tests.jobs.conftest import RUNS, epochs, made, run_cache, write_params
from tests.repro.conftest import Clone

COMMAND = (sys.executable, "-m", "pipeline", "run", "--jobs", "2")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
two_cores = pytest.mark.skipif(CORES < 2, reason="two runs at once need two cores")


def start(clone: Clone) -> subprocess.Popen[bytes]:
    return clone.start(*COMMAND)


@two_cores
def test_same_bytes_lock_and_run_cache_as_repro(toy: Clone, wanted: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([], 2, None, 1, None) == 0
    assert "10 done" in capsys.readouterr().out
    assert made(toy) == made(wanted) and run_cache(toy) == run_cache(wanted)
    assert toy.files("dvc.lock") == wanted.files("dvc.lock")
    assert len(epochs(toy)) == 16
    assert toy.repro() == []
    # Each of the two had a core of its own and one thread.
    had = {line.split(" ", 3)[3] for line in (toy.root / "log").read_text().splitlines()}
    assert had == {f"1 [{core}]" for core in sorted(os.sched_getaffinity(0))[:2]}
    # Nothing is left to do, and what the run cache has is not computed again.
    assert run([], 2, None, 1, None) == 0
    assert "10 unchanged" in capsys.readouterr().out
    for name in ("models", "results", "tuned", "dvc.lock"):
        shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink()
    assert run([], 2, None, 1, None) == 0
    said = capsys.readouterr().out
    assert "9 from the run cache" in said and len(epochs(toy)) == 16
    assert made(toy) == made(wanted) and toy.repro() == []


@two_cores
def test_a_failure_stops_only_what_needs_it(toy: Clone, wanted: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(toy.root, b="train", c="tune")
    assert main(["run", "--jobs", "2"]) == 1
    said = capsys.readouterr().out
    assert "train@b failed: exit status 3\n" in said and "tune@c failed: exit status 3\n" in said
    assert said.count("    the loss is no longer finite\n") == 2
    assert "again: HSD_THREADS=1 dvc repro --single-item train@b\n" in said
    assert "6 done, 2 failed, 2 not begun" in said
    assert (toy.root / LOGS / "train@b.log").read_text().startswith("# HSD_THREADS=1 python stage.py train b\n")
    assert toy.run("dvc", "repro", "--single-item", "train@b", check=False).returncode != 0
    write_params(toy.root)
    before = len(epochs(toy))
    assert main(["run", "--jobs", "2"]) == 0
    # Of c, the training's own settings have changed too: it has no key that fails any more.
    assert {line.split()[1] for line in epochs(toy)[before:]} == {"b", "c"}
    assert made(toy) == made(wanted)


def test_targets_are_those_of_repro(toy: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "tune@a"]) == 0
    assert sorted({line.rpartition(" ")[0] for line in epochs(toy)}) == ["train a", "tune a"]
    assert toy.repro("tune@a") == []
    capsys.readouterr()
    assert main(["run", "tune@z"]) == 1
    assert "tune@z" in capsys.readouterr().err


def test_an_output_that_is_not_written_is_a_failure(toy: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    toy.edit("stage.py", 'write_text(f"tuned/{run}.txt", state)', "pass")
    assert main(["run", "tune@a"]) == 1
    assert "tune@a failed: " in (said := capsys.readouterr().out) and "tuned/a.txt" in said
    assert "2 done, 1 failed" in said


@two_cores
def test_what_another_dvc_works_on_is_not_touched(toy: Clone, capsys: pytest.CaptureFixture[str]) -> None:
    write_params(toy.root, epochs=40)
    other = start(toy)
    try:
        wait_for(toy, 4)
        assert main(["run", "train@a"]) == 1
        assert "is busy, it is being blocked by" in capsys.readouterr().out
    finally:
        end(other)


@two_cores
def test_an_interrupt_lets_trainings_end_and_the_next_call_goes_on(toy: Clone, wanted: Clone) -> None:
    write_params(toy.root, epochs=2, seconds=1.0)
    running = start(toy)
    wait_for(toy, 1)
    running.send_signal(signal.SIGINT)
    assert running.wait(120) == 130
    assert not survivors(toy)
    write_params(toy.root)
    assert main(["run", "--jobs", "2"]) == 0
    assert made(toy) == made(wanted)


@two_cores
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [2, pytest.param(20, marks=pytest.mark.slow)])
def test_kills_at_random_moments_end_with_the_same_bytes(toy: Clone, wanted: Clone, kills: int) -> None:
    drawn = random.Random(kills)
    for number in range(kills):
        running = start(toy)
        time.sleep(drawn.uniform(2, 8))
        if number % 2 and (below := psutil.Process(running.pid).children()):
            # A stage alone: it is said to be killed, the others go on.
            os.killpg(drawn.choice(below).pid, signal.SIGKILL)
            assert running.wait(200) in (0, 1)
        else:
            end(running)
        assert not lock_is_damaged(toy)
    assert run([], 2, None, 1, None) == 0
    assert made(toy) == made(wanted) and run_cache(toy).keys() >= run_cache(wanted).keys()
    assert toy.repro() == []


@two_cores
def test_stages_end_with_a_killed_scheduler_and_only_their_epoch_is_lost(toy: Clone) -> None:
    write_params(toy.root, epochs=8, seconds=0.3)
    running = start(toy)
    wait_for(toy, 8)
    end(running)
    deadline = time.monotonic() + 60
    while survivors(toy) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not survivors(toy)
    before = epochs(toy)
    assert run(["train"], 2, None, 1, None) == 0
    assert len(set(before)) == len(before)
    assert sorted(epochs(toy)) == sorted(f"train {run} {epoch}" for run in RUNS for epoch in range(1, 9))


def wait_for(toy: Clone, count: int) -> None:
    """Wait until so many epochs were computed."""
    deadline = time.monotonic() + 120
    while len(epochs(toy)) < count:
        assert time.monotonic() < deadline, "no epoch was computed"
        time.sleep(0.02)


def end(running: subprocess.Popen[bytes]) -> None:
    """Kill a scheduler, and nothing else: the stages must see it themselves."""
    running.kill()
    running.wait()


def survivors(toy: Clone) -> list[int]:
    """Return the stages that still run in a toy."""
    found = [(one.pid, one.info) for one in psutil.process_iter(["cwd", "cmdline"])]
    return [pid for pid, info in found if info["cwd"] == str(toy.root) and "stage.py" in (info["cmdline"] or [])]


def lock_is_damaged(toy: Clone) -> bool:
    path = toy.root / "dvc.lock"
    return path.exists() and not lock.readable(path)
