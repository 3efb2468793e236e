"""Point a trained network at recordings: their classes, how sure it is after each step, when it would have exited."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.numbers import share
from pipeline.errors import RecordingError
from pipeline.events.listing import LAYOUTS, Recording, files_in, list_recordings
from pipeline.pieces import checked, kinds

if TYPE_CHECKING:
    from pipeline.inference.answer import Answer, Exit

MODEL = "a weights file, or a run of this folder: mnist-dvs-sim/l8/hsd-0"


def add(commands: Any) -> None:
    """Add the command to those of `python -m pipeline`."""
    parser = commands.add_parser("classify", help="say what a trained network sees in recordings")
    parser.add_argument("model", help=MODEL)
    parser.add_argument("source", type=Path, help="a recording, or a folder of recordings or of folders of classes")
    parser.add_argument("--layout", choices=sorted(LAYOUTS), help="how a folder's recordings lie (default: it is seen)")
    parser.add_argument("--json", action="store_true", help="for programs, with the logits of every step")
    add_exit(parser, "confidence", 0.9)
    parser.set_defaults(run=run)


def add_exit(parser: ArgumentParser, rule: str | None, threshold: float) -> None:
    """Add the options that say when a recording is answered early."""
    default = "none: at the last step" if rule is None else "%(default)s"
    known = kinds("evaluation.exits")
    parser.add_argument("--exit", choices=known, default=rule, help=f"rule of early exit (default: {default})")
    parser.add_argument(
        "--threshold", type=share, default=threshold, help="how sure is sure enough, 0 to 1 (default: %(default)s)"
    )


def exit_of(arguments: Namespace) -> Exit | None:
    """Return the early exit that the options say."""
    from pipeline.inference.answer import Exit

    return Exit(checked("evaluation.exits", {"kind": arguments.exit}), arguments.threshold) if arguments.exit else None


def run(arguments: Namespace) -> int:
    """Classify and print; exit status 1: a recording could not be read.

    Raises:
        PipelineError: no such model or folder.
    """
    # Not above: it brings torch, which no other command waits for.
    from pipeline.inference.model import load_model

    recordings, classes = found(arguments.source, arguments.layout)
    when = exit_of(arguments)
    assert when is not None
    model = load_model(arguments.model)
    answers: list[Answer] = []
    truths: list[str | None] = []
    problems: list[RecordingError] = []
    for recording, said in zip(recordings, model.classify_all(recordings), strict=True):
        if isinstance(said, RecordingError):
            problems.append(said)
        else:
            answers.append(said)
            truths.append(classes[recording.label] if classes else None)
    known = [said.name == truth for said, truth in zip(answers, truths, strict=True) if truth in model.classes]
    if arguments.json:
        rows = [{**said.as_json(when), "true": truth} for said, truth in zip(answers, truths, strict=True)]
        report = {"model": model.title, "classes": model.classes, "recordings": rows}
        print(json.dumps({**report, "right": sum(known), "labelled": len(known), "problems": list(map(str, problems))}))
    else:
        print("\n".join(table(answers, when)))
        print(f"{model.title}: {len(answers)} recordings", end="")
        print(f", {sum(known)} of {len(known)} in the folder of their class" if known else "")
    for problem in problems:
        print(f"error: {problem}", file=sys.stderr)
    return 1 if problems else 0


def found(source: Path, layout: str | None) -> tuple[list[Recording], list[str]]:
    """Return the recordings of a file or folder, sorted, and the classes that their labels index, if any are known.

    Raises:
        FileError: a folder holds no recordings of the layout.
    """
    if not source.is_dir():
        return [Recording(source.name, source, -1)], []
    flat = files_in(source)
    if flat and layout is None:
        return [Recording(path.name, path, -1) for path in flat], []
    listing = list_recordings(source, layout or "classes")
    return listing.recordings, listing.classes


def table(answers: Sequence[Answer], when: Exit) -> list[str]:
    """Return a line for each recording: class, confidence after each step, and the early exit."""
    if not answers:
        return []
    steps = range(1, len(answers[0].logits) + 1)
    head = ["recording", "class", *(f"t={step}" for step in steps), "exit", "as", "ms"]
    rows = [head]
    for said in answers:
        step = said.exit_step(when)
        early = [f"t={step}", said.names[step - 1], f"{said.time_ms[step - 1]:.0f}"]
        rows.append([said.recording, said.name, *(f"{sure:.2f}" for sure in said.confidence), *early])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
