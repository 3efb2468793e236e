"""Write a trained network for other programs: one step as ONNX, a spiking network as NIR."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

from pipeline.commands.classify import MODEL
from pipeline.errors import PipelineError


def add(commands: Any) -> None:
    """Add the command to those of `python -m pipeline`."""
    parser = commands.add_parser("export", help="write a trained network as ONNX or NIR")
    parser.add_argument("model", help=MODEL)
    parser.add_argument("--onnx", type=Path, metavar="FILE", help="one step, its states as inputs and outputs")
    parser.add_argument("--nir", type=Path, metavar="FILE", help="a graph for simulators and chips")
    parser.add_argument(
        "--approximate", action="store_true", help="NIR with plain IF and LIF alone: soft resets become hard ones"
    )
    parser.set_defaults(run=run)


def run(arguments: Namespace) -> int:
    """Write the files that are asked for, and say what they are not; exit status 0.

    Raises:
        PipelineError: no such model, no file is asked for, or a format lacks what the network has.
    """
    if arguments.onnx is None and arguments.nir is None:
        raise PipelineError("nothing to write; name --onnx FILE, --nir FILE or both")
    # Not above: they bring torch, which no other command waits for.
    from pipeline.export.nir import export_nir
    from pipeline.export.onnx import export_onnx
    from pipeline.inference.model import load_model

    model = load_model(arguments.model)
    given = model.network, model.framing.size, model.about
    if arguments.onnx is not None:
        states = export_onnx(*given, arguments.onnx)
        print(f"{arguments.onnx}: one step of {model.title}, with {len(states)} states")
    if arguments.nir is not None:
        differences = export_nir(*given, arguments.nir, arguments.approximate)
        what = f"{model.title} but for {len(differences)} differences" if differences else f"exactly {model.title}"
        print(f"{arguments.nir}: {what}")
        print("".join(f"  {difference}\n" for difference in differences), end="")
    return 0
