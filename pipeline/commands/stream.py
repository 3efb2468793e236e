"""Point a trained network at events as they come: a recording that is played, a pipe, or a socket of this machine."""

from __future__ import annotations

import json
import re
from argparse import Namespace
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.commands.classify import MODEL, add_exit, exit_of
from pipeline.commands.numbers import positive
from pipeline.events.read import read_events

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from pipeline.inference.sources import Packet

PORT = re.compile(r"tcp:(\d{1,5})")


def add(commands: Any) -> None:
    """Add the command to those of `python -m pipeline`."""
    parser = commands.add_parser("stream", help="answer frame by frame to events as they come")
    parser.add_argument("model", help=MODEL)
    parser.add_argument("source", help="a recording that is played, - for a pipe, or tcp:<port> to listen at")
    rule = parser.add_argument_group("when a frame ends (one; default: as a recording that is played has it)")
    one = rule.add_mutually_exclusive_group()
    one.add_argument("--events", type=int, help="a recording has so many events, cut as integration cuts them")
    one.add_argument("--events-per-frame", type=int, help="a frame has so many")
    one.add_argument("--duration-ms", type=float, help="a recording takes so long, cut as integration cuts it")
    one.add_argument("--frame-ms", type=float, help="a frame takes so long")
    parser.add_argument("--at-once", action="store_true", help="step on every frame, not on the run's own alone")
    parser.add_argument("--sensor", type=int, nargs=2, metavar=("HEIGHT", "WIDTH"), help="what frames show, px")
    parser.add_argument("--format", help="format of a pipe's events, whose files the model turns", default="bin")
    parser.add_argument("--speed", type=positive, help="play as fast as so many times real time (default: at once)")
    parser.add_argument("--packet-ms", type=positive, default=1.0, help="play in packets of (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="a JSON object a line, with the logits of the step")
    add_exit(parser, None, 0.9)
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> int:
    """Answer until the stream ends.

    Raises:
        PipelineError: the network or the stream cannot be used.
    """
    # Not above: it brings torch, which no other command waits for.
    from pipeline.inference.model import load_model
    from pipeline.inference.rule import rule_of, rule_of_recording
    from pipeline.inference.sources import listening, played, standard_input
    from pipeline.inference.stream import LiveClassifier

    model = load_model(arguments.model)
    port = PORT.fullmatch(arguments.source)
    file = None if port or arguments.source == "-" else Path(arguments.source)
    events = None if file is None else read_events(file)
    own = [arguments.events, arguments.events_per_frame, arguments.duration_ms, arguments.frame_ms]
    sensor, suffix = arguments.sensor, f".{arguments.format}"
    if events is not None and file is not None:
        suffix = file.suffix
        if model.framing.extent == "recording" and sensor is None:
            sensor = int(events["y"].max()) + 1, int(events["x"].max()) + 1
    if events is not None and own == [None] * len(own):
        rule = rule_of_recording(model.framing, events, arguments.at_once)
    else:
        duration = None if arguments.duration_ms is None else round(1000 * arguments.duration_ms)
        rule = rule_of(
            model.framing, arguments.at_once, arguments.events, duration, arguments.events_per_frame, arguments.frame_ms
        )
    live = LiveClassifier(model, rule, exit_of(arguments), arguments.at_once, suffix, sensor and tuple(sensor))
    opened: AbstractContextManager[Iterator[Packet]]
    if port:
        opened = listening(int(port[1]))
    elif events is None:
        opened = nullcontext(standard_input())
    else:
        opened = nullcontext(played(events, round(1000 * arguments.packet_ms), arguments.speed))
    # Ctrl-C is how a person ends a stream.
    with suppress(KeyboardInterrupt), opened as packets:
        for said in live.run(packets):
            if arguments.json:
                print(json.dumps(said.as_json()), flush=True)
            else:
                mark = "answer" if said.final else ""
                line = f"{said.recording:>5}  t={said.step:<3} {said.ms:8.1f} ms  {said.confidence:.2f}  {said.name}"
                print(f"{line}  {mark}".rstrip(), flush=True)
    return 0
