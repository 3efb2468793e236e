"""Workers that are processes of their own, on this machine and as a real SLURM's jobs; lost ones are replaced."""

from __future__ import annotations

import sys
from pathlib import Path

import psutil
import pytest

from pipeline.runtime import guard
from tests.jobs import slurm
from tests.jobs.conftest import epochs, made, run_cache, write_params
from tests.jobs.test_run import survivors, two_cores, wait_for
from tests.repro.conftest import Clone

SLURM = """
kind: slurm
cores: 1
memory: 500MB
options:
  walltime: "00:30:00"
  scheduler_options: {host: 127.0.0.1}
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pipeline", "run", *arguments]


@two_cores
def test_a_killed_worker_is_replaced_and_its_training_goes_on(toy: Clone, wanted: Clone) -> None:
    (toy.root / "here.yaml").write_text("{kind: local, cores: 1}")
    write_params(toy.root, epochs=4, seconds=0.5)
    running = toy.start(*command("--jobs", "2", "--cluster", "here.yaml", "train"))
    wait_for(toy, 3)
    killed = {int(psutil.Process(stage).environ()[guard.STARTED_BY]) for stage in survivors(toy)}
    assert killed and running.pid not in killed
    for worker in killed:
        psutil.Process(worker).kill()
    assert running.wait(200) == 0
    # No more than the epoch that each was in was computed again.
    assert len(epochs(toy)) <= 16 + len(killed)
    assert toy.repro("train") == []


@pytest.mark.slow
@pytest.mark.skipif(bool(slurm.why_not()), reason=slurm.why_not())
def test_slurm_ends_as_repro_does_and_a_cancelled_job_is_replaced(toy: Clone, wanted: Clone, tmp_path: Path) -> None:
    (toy.root / "slurm.yaml").write_text(SLURM)
    with slurm.one_node(tmp_path / "slurm") as environment:
        there = Clone(toy.root, {**toy.environment, **environment})
        write_params(toy.root, epochs=4, seconds=0.5)
        running = there.start(*command("--jobs", "2", "--cluster", "slurm.yaml"))
        wait_for(toy, 2)
        jobs = there.run("squeue", "--noheader", "--states=RUNNING", "--format=%i").stdout.split()
        there.run("scancel", "--signal=KILL", "--full", jobs[0])
        assert running.wait(250) == 0
        assert not there.run("squeue", "--noheader", "--states=RUNNING").stdout.strip()
        write_params(toy.root)
        there.run(*command("--jobs", "2", "--cluster", "slurm.yaml"))
    assert made(toy) == made(wanted) and run_cache(toy).keys() >= run_cache(wanted).keys()
    assert toy.repro() == []
