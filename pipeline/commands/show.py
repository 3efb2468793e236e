"""Show what one or two trained networks do with a recording, step by step, as one page for a browser."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from pipeline.commands.classify import MODEL, add_exit, exit_of
from pipeline.commands.numbers import count
from pipeline.errors import FileError
from pipeline.runtime.files import write_text


def add(commands: Any) -> None:
    """Add the command to those of `python -m pipeline`."""
    parser = commands.add_parser("show", help="make a page of what a network sees in a recording, step by step")
    parser.add_argument("model", help=MODEL)
    parser.add_argument("second", nargs="?", help="another, beside it")
    parser.add_argument("source", type=Path, help="a recording")
    parser.add_argument("--out", type=Path, default=Path("show.html"), help="HTML to write (default: %(default)s)")
    parser.add_argument("--layers", type=count, default=2, help="spiking layers shown (default: the first %(default)s)")
    parser.add_argument("--maps", type=count, default=32, help="channels of a layer, by spikes (default: %(default)s)")
    parser.add_argument("--bars", type=count, default=12, help="classes, by confidence (default: %(default)s)")
    add_exit(parser, "confidence", 0.9)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> int:
    """Write the page.

    Raises:
        PipelineError: no such model, the recording cannot be read, the page would be too large or cannot be written.
    """
    # Not above: it brings torch, which no other command waits for.
    from pipeline.inference.model import load_model
    from pipeline.inference.show import look, page
    from pipeline.report.figures.camera import colours
    from pipeline.report.style import OFF, ON

    when = exit_of(arguments)
    assert when is not None
    models = [load_model(source) for source in (arguments.model, arguments.second) if source is not None]
    looks = [look(model, arguments.source, arguments.layers, arguments.maps) for model in models]
    inks = {"brighter (ON)": ON, "darker (OFF)": OFF}
    text = page(looks, when, colours, inks, arguments.bars)
    try:
        write_text(arguments.out, text)
    except OSError as error:
        raise FileError(arguments.out, f"cannot be written: {error.strerror}") from error
    said = ", ".join(f"{seen.title}: {seen.answer.name}, exit at step {seen.answer.exit_step(when)}" for seen in looks)
    print(f"{arguments.out}: {said}")
    return 0
