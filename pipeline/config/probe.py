"""What building a piece and running it on nothing shows, before a grid is run."""

from __future__ import annotations

import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.network import Network
from pipeline.pieces import find, module_of

if TYPE_CHECKING:
    from torch import nn

# Of the networks that are built to be checked: as many as nothing else here, so that no other axis passes for them.
CLASSES = 7


@cache
def problem_of_loss(options: str, kind: str) -> str:
    """Return what is wrong with the parts that a loss returns for two recordings; features need a network to ask."""
    import torch

    from pipeline.training.losses import Targets, TeacherOutput
    from pipeline.training.objective import PARTS

    module = find("training.losses", kind)
    made = module.Options.model_validate_json(options)
    if made.feature_layers:
        return ""
    logits = torch.zeros(2, 2, 3, requires_grad=True)
    parts = module.build(made)(logits, Targets(torch.tensor([0, 1])), {}, TeacherOutput(logits.detach(), {}))
    if not isinstance(parts, dict) or not parts or not set(parts) <= set(PARTS):
        found = sorted(map(str, parts)) if isinstance(parts, dict) else type(parts).__name__
        return f"it must return a dict of its parts, of {', '.join(PARTS)}, found {found}"
    if any(not isinstance(part, torch.Tensor) or part.dim() for part in parts.values()):
        return "each part must be a scalar tensor, the mean over the batch"
    if not any(part.requires_grad for part in parts.values()):
        return "no gradient comes back from it to the logits; it must not detach them"
    return ""


@cache
def check_built(network: str, height: int, width: int, layers: tuple[str, ...]) -> None:
    """Build a network and run it, without memory for weights and maps: what cannot be done is a ValueError."""
    import torch

    from pipeline.nets.build import build
    from pipeline.nets.forward import named

    wanted = Network.model_validate_json(network)
    if wanted.attention is not None:
        made = module_of("nets.layers", wanted.attention).build(wanted.attention, 64, wanted.steps)
        if not callable(getattr(made, "operations", None)):
            raise ValueError(
                f"attention: {wanted.attention.kind} is no attention, which says what it costs (operations)"
            )
    fewer = wanted
    # Shapes alone are asked for, and a step more costs time; a model that shrinks its steps has so many.
    if wanted.steps is not None and getattr(wanted.model, "causal", True):
        fewer = wanted.model_copy(update={"steps": min(wanted.steps, 2)})
    bound = wanted.attention is not None or getattr(module_of("nets.layers", wanted.activation), "BOUND", False)
    # What has numbers of its own for each step is built with all of them.
    if fewer != wanted and bound:
        with torch.device("meta"):
            build(wanted, CLASSES, (height, width))
    named(_passed(fewer.model_dump_json(), height, width), layers)


@cache
def _passed(network: str, height: int, width: int) -> nn.Module:
    """Return a network that frames can pass, and that gives a number for each class."""
    import torch

    from pipeline.nets.build import build
    from pipeline.nets.forward import forward

    wanted = Network.model_validate_json(network)
    with torch.device("meta"), torch.no_grad():
        # In eval mode nothing is drawn, which needs memory.
        net = build(wanted, CLASSES, (height, width)).eval()
        frames = torch.zeros(wanted.steps or 2, 2, 2, height, width)
        try:
            logits = forward(net, frames)
        # What torch's layers raise of shapes that don't fit.
        except (RuntimeError, TypeError, IndexError, AttributeError) as error:
            raise ValueError(f"frames {list(frames.shape)} cannot pass it: {error}") from error
    if logits.shape[2] != CLASSES:
        raise ValueError(f"it gives {logits.shape[2]} logits for {CLASSES} classes")
    return net


def line_of(error: ValueError) -> str:
    """Return in which line of a piece an error came up that no `raise` says, or nothing."""
    found = traceback.extract_tb((error.__cause__ or error).__traceback__)
    pieces = [frame for frame in found if Path(frame.filename).parent.name in ("layers", "models")]
    if not pieces or (found[-1].line or "").startswith("raise "):
        return ""
    return f" ({Path(*Path(pieces[-1].filename).parts[-4:])}, line {pieces[-1].lineno})"
