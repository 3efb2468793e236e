"""Rows of stages in clones: stand-ins for dvc and python say what ran where."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from benchmarks import repro
from benchmarks.core import Context
from benchmarks.report import REPORT
from pipeline.errors import PipelineError

LOG = 'echo "$(basename $0) $* $(cat number) ${OMP_WAIT_POLICY:-unset} ${GOMP_SPINCOUNT:-unset}" >> "$RAN"\n'


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A git repository of two commits is the source; what `dvc` and `python` would do is written to this file."""
    project, programs, log = tmp_path / "project", tmp_path / "programs", tmp_path / "ran"
    (project / "params").mkdir(parents=True)
    programs.mkdir()
    for name in ("dvc", "python"):
        (programs / name).write_text(f"#!/bin/sh\n{LOG}")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("RAN", str(log))
    monkeypatch.setattr(repro.sys, "executable", str(programs / "python"))
    monkeypatch.setattr(repro, "SOURCE", project)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "--quiet"], cwd=project, check=True)
    (project / "params/schedules.yaml").write_text("short: {epochs: 15, batch_size: 32}\nshort-random: {epochs: 30}\n")
    (project / "params/datasets.yaml").write_text("mnist-dvs-sim: {recordings: {per_class: 130, seed: 1}}\n")
    for number in ("1", "2"):
        (project / "number").write_text(number)
        subprocess.run([*git, "add", "."], cwd=project, check=True)
        subprocess.run([*git, "commit", "--quiet", "-m", number], cwd=project, check=True)
    return log


def lines(ran: Path) -> list[str]:
    return [line.removesuffix(" unset unset") for line in ran.read_text().splitlines()]


def test_both_revisions_run_cold_and_again(context: Context, ran: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    walls = iter([30.0, 1.0, 60.0, 3.0])
    real = repro.run

    def timed(command: tuple[str, ...], folder: Path, **environment: str) -> tuple[str, float, float]:
        said, wall, spent = real(command, folder, **environment)
        return said, next(walls) if command == repro.REPRO else wall, spent

    monkeypatch.setattr(repro, "run", timed)
    cold, again = repro.repro(replace(context, before="HEAD~1"))
    assert lines(ran) == ["dvc repro 2"] * 2 + ["dvc repro 1"] * 2
    assert (cold.ours, cold.theirs, again.ours, again.theirs) == (30.0, 60.0, 1.0, 3.0)
    assert cold.ratio is not None and cold.ratio["median"] == 2.0 and cold.verdict == REPORT
    assert "before: HEAD~1" in cold.note


def test_without_a_revision_before_there_is_no_ratio(context: Context, ran: Path) -> None:
    cold, again = repro.repro(context)
    assert cold.ratio is None and cold.ours is not None and again.ours is not None and "--before" in cold.note


def test_what_fails_is_told(context: Context, ran: Path) -> None:
    with pytest.raises(PipelineError, match="git rev-parse --verify failed: .*"):
        repro.repro(replace(context, before="no-such-revision"))


def test_idle_runs_once_and_then_measures_nothing_to_do(context: Context, ran: Path) -> None:
    nothing, status = repro.idle(context)
    assert lines(ran) == ["dvc repro 2", "dvc repro 2", "dvc status 2"]
    assert (nothing.case, status.case) == ("dvc repro, nothing to do", "dvc status, nothing to do")
    assert nothing.ours is not None and nothing.ours >= 0 and "user and system seconds" in nothing.note


def test_a_clone_is_made_small_and_the_source_left_alone(context: Context, ran: Path) -> None:
    folder = repro.cloned(context, changes=repro.SMALL)
    schedules = yaml.safe_load((folder / "params/schedules.yaml").read_text())
    assert schedules == {"short": {"epochs": 1, "batch_size": 32}, "short-random": {"epochs": 1}}
    assert yaml.safe_load((folder / "params/datasets.yaml").read_text()) == {
        "mnist-dvs-sim": {"recordings": {"per_class": 34, "seed": 1}}
    }
    assert "epochs: 15" in (repro.SOURCE / "params/schedules.yaml").read_text()


def test_what_makes_a_clone_small_is_in_the_projects_settings(context: Context) -> None:
    dataset = context.params.dataset(repro.SIMULATED)
    assert dataset.recordings is not None and dataset.recordings.per_class > 34
    assert all(context.params.schedule(name).epochs > 1 for name in repro.SMALL["schedules"])


def test_processor_seconds_are_the_commands(tmp_path: Path) -> None:
    loop = "import time\nwhile time.process_time() < 0.3: pass\nprint('done')"
    said, wall, spent = repro.run((sys.executable, "-c", loop), tmp_path)
    assert said == "done\n" and spent >= 0.3 and wall > 0
    assert repro.run((sys.executable, "-c", "import time; time.sleep(0.3)"), tmp_path)[2] < spent


def test_busy_runs_alone_beside_another_and_spinning(
    context: Context, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    others: list[int] = []
    popen = subprocess.Popen

    class Other:
        """The process that keeps a core busy: noted, not started."""

        def __init__(self, command: list[str]) -> None:
            assert command[1:] == ["-c", "while True: pass"]
            self.pid = os.getpid()
            others.append(len(lines(ran)))

        def __enter__(self) -> "Other":
            return self

        def __exit__(self, *_: object) -> None: ...

        def kill(self) -> None:
            others.append(len(lines(ran)))

    def started(command: list[str], **how: object) -> object:
        return popen(command, **how) if how else Other(command)

    monkeypatch.setattr(repro.subprocess, "Popen", started)
    monkeypatch.setattr(repro.subprocess, "run", lambda command, **how: finished(popen, command, how))
    monkeypatch.setattr(repro.os, "sched_setaffinity", lambda *_: None, raising=False)
    beside, alone = repro.busy(context)
    plan = "data/plan/{0}/mnist-dvs-sim.json"
    made = [f"python -m stages.{stage} {plan.format(stage)} 2" for stage in ("recordings", "integrate", "select")]
    train = f"python -m stages.train_snn {repro.TRAINING} 2"
    # The policy of the caller is not handed on; the last runs with OpenMP's default, spelled out.
    assert lines(ran) == ["python -m stages.plan 2", *made, train, train, f"{train} unset 300000"]
    assert others == [5, 6]
    assert beside.goal == "≤ 2.5×" and alone.goal == "≤ 1.03×"
    for row in (beside, alone):
        assert row.ratio and row.ours and row.theirs and row.ratio["median"] == pytest.approx(row.ours / row.theirs)


def finished(popen: type, command: tuple[str, ...], how: dict[str, object]) -> subprocess.CompletedProcess[str]:
    process = popen(command, cwd=how["cwd"], env=how["env"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said, problem = process.communicate()
    return subprocess.CompletedProcess(command, process.returncode, said, problem)


def test_accuracies_of_both_precisions_are_paired_and_committed_ones_not_believed(
    context: Context, ran: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = {"bf16": {"ann": 85.0, "hsd": 84.0}, "fp32": {"ann": 80.0, "hsd": 84.0}}
    real = repro.cloned

    def cloned(context: Context) -> Path:
        folder = real(context)
        (folder / repro.METRICS).parent.mkdir(parents=True)
        (folder / repro.METRICS).write_text('{"ann": 99.0}')
        return folder

    def run(command: tuple[str, ...], folder: Path, **environment: str) -> tuple[str, float, float]:
        name = environment["HSD_PRECISION"]
        if name in wanted:
            (folder / repro.METRICS).write_text(json.dumps(wanted[name]))
        return "", 0.0, 0.0

    monkeypatch.setattr(repro, "cloned", cloned)
    original = repro.run
    monkeypatch.setattr(repro, "run", lambda c, f, **e: run(c, f, **e) if e else original(c, f))
    ann, hsd = repro.precision(context)
    assert (ann.ours, ann.theirs, ann.ratio and ann.ratio["median"]) == (85.0, 80.0, 85 / 80)
    assert (hsd.ours, hsd.theirs, hsd.ratio and hsd.ratio["median"]) == (84.0, 84.0, 1.0)
    del wanted["fp32"]
    with pytest.raises(FileNotFoundError):
        repro.precision(context)
