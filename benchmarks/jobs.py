"""Rows of many stages at once: against one after the other, against the ideal, and what engine and DVC cost."""

import shutil
import time
from contextlib import redirect_stdout
from functools import partial
from graphlib import TopologicalSorter
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import yaml
from distributed import Client

from benchmarks.core import Context, candidates
from benchmarks.report import Row
from benchmarks.repro import REPRO, SMALL, cloned, run
from pipeline.jobs import workers
from pipeline.jobs.book import Book, Found
from pipeline.jobs.run import LOGS, Runs
from pipeline.jobs.workers import THREADS, Slot

WORKERS = (1, 2, 4, 8, 16)
# The goal holds up to so many: beyond, the longest chain of the grid decides.
GOAL_UP_TO = 8
# What a stage that trains nothing takes of one that does, in the simulated fleet.
SHORT = 0.1
# Stages that do nothing, for the overhead: DVC writes the whole dvc.lock for each.
IDLE = "stages:\n  idle:\n    matrix: {{number: {numbers}}}\n    cmd: echo ${{item.number}} > made/${{item.number}}\n"
IDLE += "    deps: [given]\n    outs: ['made/${{item.number}}']\n"


def parallel(context: Context) -> list[Row]:
    """Time the default grid, cold: two stages at once, one thread each, against `dvc repro` with two threads."""
    found = []
    for command, threads in ((("python", "-m", "pipeline", "run", "--jobs", "2"), 1), (REPRO, 2)):
        folder = cloned(context, changes=SMALL if context.quick else {})
        found.append(run(command, folder, HSD_THREADS=str(threads))[1])
    row = Row("parallel", "default grid, cold: run --jobs 2, one thread each", "dvc repro, two threads", "≥ 1.3×")
    return [row.compared([found[0]], [found[1]], "wall seconds of all stages, one turn")]


def parallel_gpu(context: Context) -> list[Row]:
    """Time the default grid on a GPU: three runs on the card against one after the other."""
    row = Row("parallel_gpu", "default grid, cold: run --gpus 0 --per-gpu 3", "dvc repro", "≥ 2.4×")
    if not context.device.startswith("cuda"):
        return [Row(row.row, row.case, row.peer, row.goal, note="not run: no CUDA device")]
    command = ("python", "-m", "pipeline", "run", "--gpus", "0", "--per-gpu", "3")
    both = [run(words, cloned(context), HSD_THREADS="1")[1] for words in (command, REPRO)]
    return [row.compared(both[:1], both[1:], "wall seconds of all stages, one turn; 0.8 of three runs' sum is 2.4")]


def fleet(context: Context) -> list[Row]:
    """Time stages that sleep, in the graph of the paper's grid, on more and more workers, against the ideal."""
    needs, above = graph(context, context.pick("paper", "one"))
    drawn, unit = np.random.default_rng(context.seed), context.pick(1.0, 0.2)
    length = {
        name: round(unit * drawn.uniform(0.5, 1.5) * (1.0 if name.rpartition(":")[2].startswith("train") else SHORT), 3)
        for name in needs
    }
    rows = []
    for count in context.pick(WORKERS, WORKERS[:2]):
        goal = "≥ 0.9×" if count <= GOAL_UP_TO else ""
        row = Row(
            "fleet", f"{len(needs)} stages that sleep, one seed of the paper's grid, {count} at a time", "ideal", goal
        )
        took = asleep(context.folder, needs, above, length, count)
        best = ideal(needs, length, count)
        rows.append(row.compared([took], [best], "ideal: the work shared out, or the longest chain; DVC left out"))
    return rows


def overhead(context: Context) -> list[Row]:
    """Measure what a stage costs beside its own work: in the engine, and with DVC's record against `dvc repro`."""
    count = context.pick(100, 5)
    names = [f"stage{number}" for number in range(count)]
    nothing, flat = dict.fromkeys(names, 0.0), {name: list[str]() for name in names}
    engine = asleep(context.folder, flat, dict.fromkeys(names, 0), nothing, 1) / count
    times = []
    for command in (("python", "-m", "pipeline", "run"), REPRO):
        folder = idle_project(context, count, command[0])
        times.append(run(command, folder)[1] / count)
    case = f"a stage that does nothing, of {count}"
    with_dvc = Row("overhead", f"{case}, with DVC's record and the start", "dvc repro")
    return [
        Row("overhead", f"{case}, engine alone", ours=engine, turns=1, note="a shell for each command is in it"),
        with_dvc.compared(times[:1], times[1:], "wall seconds a stage, one at a time"),
    ]


def scheduler(context: Context) -> list[Row]:
    """Measure by how much the scheduler's process grows, MiB, with few stages and with many."""
    rows = []
    for count in context.pick((1, 5000), (1, 50)):
        with candidates({"scheduler": partial(memory, context.folder, count)}) as running:
            grown = running["scheduler"].call("run")
        case = f"scheduler, its 8 workers and client, {count} stages"
        rows.append(
            Row("scheduler", case, ours=grown, unit="MiB", turns=1, note="by how much the resident memory grew")
        )
    return rows


def memory(folder: Path, count: int) -> dict[str, Any]:
    """Return what the process of row scheduler does."""
    names = [f"stage{number}" for number in range(count)]
    # Each four wait for one of the four before.
    needs = {name: names[index - 4 : index - 3] if index >= 4 else [] for index, name in enumerate(names)}
    length = dict.fromkeys(names, 0.0)

    def measure() -> float:
        before = psutil.Process().memory_info().rss
        asleep(folder, needs, dict.fromkeys(names, 0), length, 8)
        return (psutil.Process().memory_info().rss - before) / 2**20

    return {"run": measure}


class Sleeping(Book):
    """Stages that sleep, of which DVC knows nothing."""

    def __init__(
        self, root: Path, needs: dict[str, list[str]], above: dict[str, int], length: dict[str, float]
    ) -> None:
        self.root, self.needs, self.above, self.length = root, needs, above, length

    def commands(self, name: str) -> list[str]:
        return [f"sleep {self.length[name]}" if self.length[name] else ":"]

    def begin(self, name: str) -> Found:  # noqa: ARG002
        return Found.MUST_RUN

    def end(self, name: str, good: bool) -> None:
        pass

    def write(self, last: bool = False) -> None:
        pass

    def close(self) -> None:
        pass


def asleep(
    folder: Path, needs: dict[str, list[str]], above: dict[str, int], length: dict[str, float], count: int
) -> float:
    """Return the wall seconds of stages that sleep, `count` at a time."""
    (folder / LOGS).mkdir(parents=True, exist_ok=True)
    shares = [Slot({THREADS: "1"})] * count
    with workers.here(shares) as pool, Client(pool) as client, redirect_stdout(StringIO()):
        start = time.perf_counter()
        status = Runs(Sleeping(folder, needs, above, length), client, shares, count).all()
        took = time.perf_counter() - start
    assert status == 0
    return took


def ideal(needs: dict[str, list[str]], length: dict[str, float], count: int) -> float:
    """Return the seconds below which no order of the stages gets: the work shared out, or the longest chain."""
    done: dict[str, float] = {}
    for name in TopologicalSorter(needs).static_order():
        done[name] = length[name] + max((done[before] for before in needs[name]), default=0.0)
    return max(sum(length.values()) / count, *done.values())


def graph(context: Context, grid: str) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Return what each stage of a grid of one seed needs, and how many stages wait for it."""
    folder = cloned(context)
    path = folder / "params.yaml"
    said = yaml.safe_load(path.read_text(encoding="utf-8"))
    path.write_text(yaml.safe_dump({**said, "grid": {**said[grid], "seeds": [0]}}), encoding="utf-8")
    book = Book(root=folder)
    return book.needs, book.above


def idle_project(context: Context, count: int, name: str) -> Path:
    """Return the folder of a project of its own, with stages that do nothing."""
    folder = context.folder / f"idle-{name}"
    (folder / "made").mkdir(parents=True)
    (folder / "given").write_text("")
    (folder / "dvc.yaml").write_text(IDLE.format(numbers=list(range(count))))
    shutil.copytree("pipeline", folder / "pipeline")
    run(("git", "init", "--quiet"), folder)
    run(("dvc", "init", "--quiet"), folder)
    return folder
