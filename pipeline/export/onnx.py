"""A network as an ONNX file: one step, with its states as inputs and outputs."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from pipeline.errors import PipelineError
from pipeline.export.step import Step
from pipeline.runtime.files import replacing

FRAME, LOGITS, NEXT = "frame", "logits", "next."
# Of ONNX's operators. The exporter writes this one without translating it; onnxruntime has it since 1.14 (2023).
OPSET = 18


def export_onnx(net: nn.Module, size: tuple[int, int], about: Mapping[str, Any], path: str | Path) -> list[str]:
    """Write one step of a network as ONNX, and return the names of its states.

    Inputs are `frame`, float32 [N, 2, H, W] counts of events, and a tensor for each state; outputs are `logits`,
    float32 [N, C], and for a state `act1.v` its next value, `next.act1.v`. N is free. The answer after a step is the
    class whose mean logit so far is the largest. Metadata: each key of `about` as JSON, and `states`, the one number
    that each state has everywhere before the first step. Equal to ours up to rounding.

    Args:
        net: an ANN or a spiking network; it is left as it is.
        size: height and width of the frames, px.
        about: JSON-able, what the network is.

    Raises:
        PipelineError: the network has no single steps, a layer cannot be followed, or a package is missing.
    """
    try:
        step = Step(net, size)
        made = _traced(step)
    except ImportError as error:
        raise PipelineError(f"ONNX needs onnxscript ({error}); pip install 'hsd-pipeline[export]'") from error
    except (ValueError, torch.onnx.OnnxExporterError) as error:
        raise PipelineError(f"no ONNX of this network: {error}") from error
    said = {**about, "states": {state.name: state.start for state in step.states}}
    made.model.metadata_props.update({key: json.dumps(value) for key, value in sorted(said.items())})
    # Where in which file of this machine each operation comes from.
    for node in made.model.graph:
        node.metadata_props.clear()
    with replacing(path) as partial:
        made.save(partial)
    return [state.name for state in step.states]


def _traced(step: Step) -> torch.onnx.ONNXProgram:
    names = [state.name for state in step.states]
    batch = {0: torch.export.Dim.DYNAMIC}
    with _quiet(), torch.no_grad():
        made = torch.onnx.export(
            step,
            (step.frame, [state.first for state in step.states]),
            input_names=[FRAME, *names],
            output_names=[LOGITS, *(NEXT + name for name in names)],
            dynamic_shapes=(batch, [batch if state.batched else None for state in step.states]),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert made is not None
    return made


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep back what the exporter says of its own parts: what is deprecated, that there is no Triton."""
    logger = logging.getLogger("torch._library.triton")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
