"""A toy project whose stages take moments: a plan, trainings that save after each epoch, and what reads all of them."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.repro.conftest import REPOSITORY, Clone, environment_of

RUNS = ("a", "b", "c", "d")
DVC_YAML = """
stages:
  plan:
    cmd: python stage.py plan
    deps: [params.yaml]
    outs: [data/plan]
  train:
    matrix: {run: [a, b, c, d]}
    cmd: python stage.py train ${item.run}
    deps: ["data/plan/${item.run}.json"]
    outs:
      - models/${item.run}.txt
      - results/${item.run}
  tune:
    matrix: {run: [a, b, c, d]}
    cmd: python stage.py tune ${item.run}
    deps: ["data/plan/${item.run}.json", "models/${item.run}.txt"]
    outs: ["tuned/${item.run}.txt"]
  results:
    cmd: python stage.py results
    deps: [results, tuned]
    outs:
      - report.csv: {cache: false}
"""
# Each epoch digests what the one before left. `log` counts the epochs that were computed, and is no output.
STAGE = """
import hashlib, json, os, sys, time, yaml
from pathlib import Path
from pipeline.runtime import guard
from pipeline.runtime.files import remove, replacing, write_text

guard.die_with_dvc()
verb, *rest = sys.argv[1:]
params = yaml.safe_load(Path("params.yaml").read_text())
if verb == "plan":
    with replacing("data/plan") as folder:
        folder.mkdir()
        for run in "abcd":
            (folder / f"{run}.json").write_text(json.dumps(params[run]))
elif verb == "results":
    found = sorted([*Path("results").rglob("*.txt"), *Path("tuned").glob("*.txt")])
    write_text("report.csv", "".join(f"{path},{path.read_text()}\\n" for path in found))
else:
    run = rest[0]
    said = json.loads(Path(f"data/plan/{run}.json").read_text())
    if said.get("fails") == verb:
        print("the loss is no longer finite")
        sys.exit(3)
    before = Path(f"models/{run}.txt").read_text() if verb == "tune" else run
    saved = Path(f".dvc/tmp/trainings/{verb}-{run}-{hashlib.md5(before.encode()).hexdigest()}-{said['epochs']}.json")
    epoch, state = json.loads(saved.read_text()) if saved.exists() else (0, before)
    while epoch < said["epochs"]:
        time.sleep(said["seconds"])
        epoch, state = epoch + 1, hashlib.sha256(state.encode()).hexdigest()
        with open("log", "a") as log:
            log.write(f"{verb} {run} {epoch} {os.environ.get('HSD_THREADS')} {sorted(os.sched_getaffinity(0))}\\n")
        write_text(saved, json.dumps([epoch, state]))
        left = 100 * epoch // said["epochs"]
        print(f"{run}: {left}%|###  | {epoch}/9 [00:01<00:02, 3.00 steps/s, epoch={epoch}, loss=0.5]\\r",
              end="", file=sys.stderr, flush=True)
    if verb == "train":
        write_text(f"models/{run}.txt", state)
        with replacing(f"results/{run}") as folder:
            folder.mkdir()
            (folder / "metrics.txt").write_text(state[:8])
    else:
        write_text(f"tuned/{run}.txt", state)
    remove(saved)
"""
MADE = ("data/**/*.json", "models/*.txt", "results/**/*.txt", "tuned/*.txt", "report.csv")


def made(clone: Clone) -> dict[str, Any]:
    """Return all that the toy's stages left, and what dvc.lock says of each; after a failure its order is another."""
    files: dict[str, Any] = {name: data for pattern in MADE for name, data in clone.files(pattern).items()}
    return {**files, "dvc.lock": yaml.safe_load((clone.root / "dvc.lock").read_bytes())}


def run_cache(clone: Clone) -> dict[str, bytes]:
    return clone.files(".dvc/cache/runs/**/*")


def epochs(clone: Clone) -> list[str]:
    """Return the epochs that were computed, in order."""
    log = clone.root / "log"
    return [line.partition(" 1 [")[0] for line in log.read_text().splitlines()] if log.exists() else []


def write_params(root: Path, epochs: int = 2, seconds: float = 0.05, **fails: str) -> None:
    said = {run: {"epochs": epochs, "seconds": seconds} for run in RUNS}
    for run, verb in fails.items():
        said[run]["fails"] = verb  # type: ignore[assignment]
    (root / "params.yaml").write_text(json.dumps(said))


def make_toy(root: Path) -> Clone:
    root.mkdir(parents=True)
    (root / "dvc.yaml").write_text(DVC_YAML)
    (root / "stage.py").write_text(STAGE)
    (root / ".gitignore").write_text("/data\n/log\n/models\n/results\n/tuned\n")
    write_params(root)
    # The toy lies elsewhere; the environment's own number of threads would decide how many may run.
    kept = {name: value for name, value in os.environ.items() if name not in ("HSD_THREADS", "HSD_STARTED_BY")}
    clone = Clone(root, {**kept, **environment_of(root), "PYTHONPATH": str(REPOSITORY), "HSD_THREADS": "1"})
    clone.run("git", "init", "--quiet")
    clone.run("dvc", "init", "--quiet")
    return clone


@pytest.fixture(scope="session")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """The toy after `dvc repro`; not to be changed."""
    clone = make_toy(tmp_path_factory.mktemp("wanted") / "toy")
    clone.repro()
    return clone


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Clone:
    """A fresh toy, whose folder and environment are the test's own."""
    clone = make_toy(tmp_path / "toy")
    monkeypatch.chdir(clone.root)
    for name, value in clone.environment.items():
        monkeypatch.setenv(name, value)
    return clone
