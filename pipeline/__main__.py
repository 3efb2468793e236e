"""python -m pipeline fetch, check, preview, classify, stream, show, export, why, run, doctor, tidy: by hand."""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from pipeline.commands import classify, export, show, stream
from pipeline.commands.check import as_text, check
from pipeline.commands.fetch import fetch
from pipeline.commands.numbers import count
from pipeline.commands.preview import preview
from pipeline.config.catalogues import Params, load
from pipeline.config.dataset import Dataset
from pipeline.config.plan import plan
from pipeline.config.why import why
from pipeline.errors import PipelineError
from pipeline.results import paths
from pipeline.runtime import lock, scratch
from pipeline.runtime.hardware import workers
from pipeline.runtime.progress import prepare_output

NAMED = "an entry of params/datasets.yaml"


def main(words: list[str] | None = None) -> int:
    """Run a command; exit status 0: good, 1: the data set has problems or cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    looking = commands.add_parser("check", help="examine every recording and the split")
    looking.add_argument("--json", action="store_true", help="for programs")
    looking.set_defaults(run=_check)
    drawing = commands.add_parser("preview", help="draw a contact sheet")
    drawing.add_argument("--per-class", type=int, default=2, help="recordings of each class")
    drawing.add_argument("--out", type=Path, help="PNG to write (default: data/previews/<dataset>.png)")
    drawing.set_defaults(run=_preview)
    getting = commands.add_parser("fetch", help="download, check and unpack a public data set")
    getting.set_defaults(run=_fetch)
    for command in (looking, drawing, getting):
        command.add_argument(
            "dataset", help="cifar10dvs, ncaltech101, dvsgesture-tonic, nmnist" if command is getting else NAMED
        )
        command.add_argument(
            "--folder",
            type=Path,
            help="where it lies (default: data/raw/<dataset>, of simulated ones data/recordings/<dataset>)",
        )
    asking = commands.add_parser("why", help="say why `dvc repro` would run a stage again")
    asking.add_argument("stage", help="as DVC names it: train_snn@mnist-dvs-sim-ht-0")
    asking.set_defaults(run=_why)
    running = commands.add_parser("run", help="what `dvc repro` runs, many stages at once (docs/parallel.md)")
    running.add_argument("targets", nargs="*", help="stages, as `dvc repro` takes them (default: all)")
    running.add_argument("--jobs", type=count, help="stages at once (default: one, or as many as the GPUs take)")
    running.add_argument("--gpus", help="GPUs to compute on: all, or numbers such as 0,1")
    running.add_argument("--per-gpu", type=count, default=1, help="runs on each GPU (default: 1)")
    running.add_argument("--cluster", type=Path, metavar="FILE", help="compute on a cluster, which this YAML file says")
    running.set_defaults(run=_run)
    mending = commands.add_parser("doctor", help="put back a dvc.lock that a kill has left empty or cut")
    mending.set_defaults(run=_doctor)
    tidying = commands.add_parser("tidy", help="remove checkpoints of trainings that were given up")
    tidying.add_argument("--days", type=float, default=7.0, help="not written for so many days (default: 7)")
    tidying.set_defaults(run=_tidy)
    for module in (classify, stream, show, export):
        module.add(commands)
    prepare_output()
    asked = parser.parse_args(words)
    try:
        status: int = asked.run(asked)
        sys.stdout.flush()
    except BrokenPipeError:
        # Who read this has gone (`| head`); what is left is not to be said at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return status


def _fetch(asked: argparse.Namespace) -> int:
    folder = asked.folder or paths.raw(asked.dataset)
    fetch(asked.dataset, folder)
    print(f"{folder}: fetched; now `python -m pipeline check {asked.dataset}`")
    return 0


def _looked_at(asked: argparse.Namespace) -> tuple[Params, Dataset, Path]:
    """Return all settings, those of a data set, and where its recordings lie."""
    params = load()
    settings = params.dataset(asked.dataset)
    own = paths.raw if settings.recordings is None else paths.recordings
    return params, settings, asked.folder or own(asked.dataset)


def _preview(asked: argparse.Namespace) -> int:
    params, settings, folder = _looked_at(asked)
    path = asked.out or Path("data/previews") / f"{asked.dataset}.png"
    drawn = preview(folder, settings.integrate, settings.phases, asked.per_class, path, params.report.dpi)
    print(f"{path}: {drawn} recordings")
    return 0


def _check(asked: argparse.Namespace) -> int:
    _, settings, folder = _looked_at(asked)
    report = check(asked.dataset, folder, settings.integrate, workers())
    print(json.dumps(report, indent=2) if asked.json else as_text(report))
    return 1 if report["problems"] else 0


def _doctor(_: argparse.Namespace) -> int:
    print(lock.mend())
    return 0


def _tidy(asked: argparse.Namespace) -> int:
    print(scratch.tidy(asked.days))
    return 0


def _run(asked: argparse.Namespace) -> int:
    """Run stages; exit status 0: all that was asked for is there."""
    try:
        # Not above: Dask and DVC take a second to import, and Dask is an extra.
        from pipeline.jobs.run import run
    except ModuleNotFoundError as error:
        print(f"error: {error}; `pip install 'hsd-pipeline[cluster]'` brings what `run` needs", file=sys.stderr)
        return 1
    return run(asked.targets, asked.jobs, asked.gpus, asked.per_gpu, asked.cluster)


def _why(asked: argparse.Namespace) -> int:
    """Print the reasons for which a stage would run; exit status 0: there are none, 1: there are, or an error."""
    reasons = why(asked.stage, plan(load()))
    print("\n".join(reasons) or f"{asked.stage}: up to date")
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
