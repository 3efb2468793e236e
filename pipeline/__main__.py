"""python -m pipeline fetch|check|preview <dataset>: get a data set and look at it, by hand."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from pipeline.commands.check import as_text, check
from pipeline.commands.fetch import fetch
from pipeline.commands.preview import preview
from pipeline.config import load
from pipeline.errors import PipelineError
from pipeline.runtime.hardware import workers

NAMED = "name under datasets in params.yaml"


def main(words: list[str] | None = None) -> int:
    """Run a command; exit status 0: good, 1: the data set has problems or cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    looking = commands.add_parser("check", help="examine every recording and the split")
    looking.add_argument("--json", action="store_true", help="for programs")
    drawing = commands.add_parser("preview", help="draw a contact sheet")
    drawing.add_argument("--per-class", type=int, default=2, help="recordings of each class")
    drawing.add_argument("--out", type=Path, help="PNG to write (default: data/previews/<dataset>.png)")
    getting = commands.add_parser("fetch", help="download, check and unpack a public data set")
    for command in (looking, drawing, getting):
        command.add_argument(
            "dataset", help="cifar10dvs, ncaltech101, dvsgesture-tonic, nmnist" if command is getting else NAMED
        )
        command.add_argument("--folder", type=Path, help="where it lies (default: data/raw/<dataset>)")
    arguments = parser.parse_args(words)
    folder = arguments.folder or Path("data/raw") / arguments.dataset
    try:
        if arguments.command == "fetch":
            fetch(arguments.dataset, folder)
            print(f"{folder}: fetched; now `python -m pipeline check {arguments.dataset}`")
            return 0
        params = load()
        settings = params.dataset(arguments.dataset)
        if arguments.command == "preview":
            path = arguments.out or Path("data/previews") / f"{arguments.dataset}.png"
            count = preview(folder, settings, arguments.per_class, path, params.report.dpi)
            print(f"{path}: {count} recordings")
            return 0
        report = check(arguments.dataset, folder, settings, workers())
    except PipelineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(json.dumps(report, indent=2) if arguments.json else as_text(report))
    return 1 if report["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
