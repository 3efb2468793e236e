"""Rows of the stages as DVC or a user runs them, in clones of what is committed; what is not is not measured."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from benchmarks.core import SIMULATED, Context
from benchmarks.report import Row
from pipeline.config.merge import merged
from pipeline.errors import PipelineError

SOURCE, METRICS = Path(), Path("reports/default/metrics.json")
REPRO, STATUS = ("dvc", "repro"), ("dvc", "status")
TRAINING = f"data/plan/train_snn/{SIMULATED}/none/if-0.json"
# What a clone's default grid is made small by.
EPOCHS: dict[str, Any] = {"schedules": {name: {"epochs": 1} for name in ("short", "short-random")}}
SMALL: dict[str, Any] = {**EPOCHS, "datasets": {SIMULATED: {"recordings": {"per_class": 34}}}}
# Stages leave a policy of OpenMP's waiting that is set; this is what it does where nobody says: spin, then sleep.
POLICIES, SPINNING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"), {"GOMP_SPINCOUNT": "300000"}


def repro(context: Context) -> list[Row]:
    """Time the default `dvc repro`, wall seconds: cold, and with nothing to do; and of a revision before, if named."""
    found = []
    for revision in filter(None, ("HEAD", context.before)):
        folder = cloned(context, revision)
        found.append([run(REPRO, folder)[1] for _ in range(2)])
    rows = [Row("repro", case) for case in ("cold, nothing cached", "again, with nothing to do")]
    if context.before is None:
        note = "one run of what is committed; name a revision with --before to have both"
        return [replace(row, ours=now, turns=1, note=note) for row, now in zip(rows, *found, strict=True)]
    rows, note = [replace(row, peer="before") for row in rows], f"before: {context.before}, in this environment"
    return [row.compared([now], [then], note) for row, now, then in zip(rows, *found, strict=True)]


def idle(context: Context) -> list[Row]:
    """Measure the processor seconds of DVC with nothing to do, on the default grid, its trainings made short."""
    folder = cloned(context, changes=SMALL)
    run(REPRO, folder)
    note = "user and system seconds, all stages of the default grid"
    spent = {f"{' '.join(command)}, nothing to do": run(command, folder)[2] for command in (REPRO, STATUS)}
    return [Row("idle", case, ours=seconds, turns=1, note=note) for case, seconds in spent.items()]


def busy(context: Context) -> list[Row]:
    """Time the IF baseline's training alone, beside a process that keeps one core busy, and with threads that spin."""
    python = (sys.executable, "-m")
    train = (*python, "stages.train_snn", TRAINING)
    folder = cloned(context, changes=EPOCHS if context.quick else {})
    run((*python, "stages.plan"), folder)
    for stage in ("recordings", "integrate", "select"):
        run((*python, f"stages.{stage}", f"data/plan/{stage}/{SIMULATED}.json"), folder)
    alone, crowded, spinning = list[float](), list[float](), list[float]()
    for _ in range(context.pick(3, 1)):
        alone.append(run(train, folder)[1])
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
            try:
                os.sched_setaffinity(other.pid, {max(os.sched_getaffinity(0))})
                crowded.append(run(train, folder)[1])
            finally:
                other.kill()
        spinning.append(run(train, folder, **SPINNING)[1])
    case, note = "training of the IF baseline, default grid", "wall seconds of the whole stage"
    beside_one = Row("busy", f"{case}, beside a process that keeps one core busy", "alone", "≤ 2.5×")
    by_itself = Row("busy", f"{case}, alone", "threads that spin, OpenMP's default", "≤ 1.03×")
    return [beside_one.compared(crowded, alone, note, True), by_itself.compared(alone, spinning, note, True)]


def precision(context: Context) -> list[Row]:
    """Return the default grid's headline accuracies, %, of `dvc repro` in bfloat16 and in float32; one seed each."""
    found: list[dict[str, float]] = []
    for name in ("bf16", "fp32"):
        # The clone has committed ones: a run that writes none must not be believed.
        metrics = cloned(context) / METRICS
        metrics.unlink(missing_ok=True)
        run(REPRO, metrics.parents[2], HSD_PRECISION=name)
        found.append(json.loads(metrics.read_text(encoding="utf-8")))
    bf16, fp32 = found
    note = "accuracy of one seed, ratio bf16 / fp32; runs that differ in rounding differ as seeds do"
    rows = {name: Row("precision", f"accuracy of {name}, default grid, bf16", "in fp32", unit="%") for name in bf16}
    return [row.compared([bf16[name]], [fp32[name]], note, inverse=True) for name, row in rows.items()]


def cloned(context: Context, revision: str = "HEAD", changes: dict[str, Any] | None = None) -> Path:
    """Clone a revision to a folder of the row's, change the catalogues of its params/, and return the folder."""
    folder = Path(tempfile.mkdtemp(dir=context.folder))
    commit = run(("git", "rev-parse", "--verify", f"{revision}^{{commit}}"), SOURCE)[0].strip()
    run(("git", "clone", "--quiet", "--shared", str(SOURCE.resolve()), str(folder)), SOURCE)
    run(("git", "checkout", "--quiet", "--detach", commit), folder)
    for name, entries in (changes or {}).items():
        path = folder / f"params/{name}.yaml"
        path.write_text(yaml.safe_dump(merged(yaml.safe_load(path.read_text(encoding="utf-8")), entries)))
    return folder


def run(command: tuple[str, ...], folder: Path, **environment: str) -> tuple[str, float, float]:
    """Run a command of this environment in a folder; return what it prints, its wall and its processor seconds."""
    # The stages run this environment's python; how threads wait is theirs to choose.
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    inherited = {name: value for name, value in os.environ.items() if name not in POLICIES}
    whole = {**inherited, "PATH": path, "DVC_NO_ANALYTICS": "1", **environment}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=whole, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise PipelineError(f"{' '.join(command[:3])} failed: {' / '.join(done.stderr.strip().splitlines()[-3:])}")
    return done.stdout, wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
