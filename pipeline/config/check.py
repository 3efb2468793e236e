"""Whether a grid can be run: refused before anything runs, with the list, the name and what to do."""

from __future__ import annotations

import traceback
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.config.base import Group
from pipeline.config.catalogues import FOLDER, Params
from pipeline.config.grid import Grid
from pipeline.config.names import nearest
from pipeline.config.network import Network
from pipeline.config.resolve import Resolved, Snn
from pipeline.config.selections import order_seen, room
from pipeline.config.training import Training
from pipeline.errors import ConfigError
from pipeline.pieces import find, module_of

if TYPE_CHECKING:
    from torch import nn

# Of the networks that are built to be checked: as many as nothing else here, so that no other axis passes for them.
CLASSES = 7
# What each list of a grid takes.
MEANING = {
    False: "need no ANN (init: random, a loss without a teacher)",
    True: "need an ANN (init: converted, or a loss with a teacher)",
}


def check(params: Params, name: str, grid: Grid) -> None:
    """Refuse a grid that cannot be run: names that are nothing's, recipes in the wrong list, frames that are not there.

    Raises:
        ConfigError: the list, the name and what to do.
    """
    where = f"params.yaml: {name}"
    for key, group in (("datasets", "datasets"), ("anns", "anns"), ("more_anns", "anns")):
        for entry in getattr(grid, key):
            known = getattr(params, group)
            if entry not in known:
                raise ConfigError(
                    f"{where}.{key}: {FOLDER}/{group}.yaml has no entry {entry!r}; {nearest(entry, known)}"
                )
    for key, needs_ann in (("baselines", False), ("recipes", True), ("sweep", True), ("more", True)):
        for reference in getattr(grid, key):
            try:
                found = params.recipe(reference).needs_ann
            except ConfigError as error:
                raise ConfigError(f"{where}.{key}: {error}") from error
            if found != needs_ann:
                raise ConfigError(
                    f"{where}.{key} takes recipes that {MEANING[needs_ann]}; {reference!r} is of those that "
                    f"{MEANING[found]}"
                )
    resolved = Resolved(params, grid)
    for dataset in grid.datasets:
        for ann in grid.all_anns:
            _check_pieces(f"{FOLDER}/datasets.yaml: {dataset}.ann", resolved.ann_training(dataset, ann))
            _check_network(resolved, dataset, None, ann)
    for snn in resolved.snns:
        _check_frames(resolved, snn)
        _check_gradient(resolved, snn)
        _check_augmentation(resolved, snn)
        _check_pieces(f"{FOLDER}/recipes.yaml: {snn.recipe}", resolved.training(snn.dataset, snn.recipe))
        _check_network(resolved, snn.dataset, snn.recipe, snn.ann)


def _check_pieces(where: str, training: Training) -> None:
    """Refuse a piece whose file lacks what its group asks for, and a loss that does not return its parts."""
    pieces: list[tuple[str, Group, str]] = [("training.losses", loss, "build") for loss in training.losses]
    pieces += [("training.augmentations", varied, "augment") for varied in training.augmentations]
    pieces.append(("training.gradients", training.gradient, "backward"))
    for group, options, function in pieces:
        module = module_of(group, options)
        if not callable(getattr(module, function, None)):
            raise ConfigError(f"{where}: {module.__file__} has no function {function}; see docs/adding.md")
    for loss in training.losses:
        if problem := _problem_of_loss(loss.model_dump_json(), loss.kind):
            raise ConfigError(f"{where}: loss {loss.kind}: {problem}; see docs/adding.md")


@cache
def _problem_of_loss(options: str, kind: str) -> str:
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


def _check_frames(resolved: Resolved, snn: Snn) -> None:
    settings, recipe = resolved.params.dataset(snn.dataset), resolved.params.recipe(snn.recipe, snn.dataset)
    steps, order = resolved.steps(snn.dataset, snn.recipe, snn.ann), resolved.order(snn.dataset, snn.ann)
    if recipe.frames == "full" and snn.ann is not None and order != "full":
        raise ConfigError(
            f"{FOLDER}/recipes.yaml: {snn.recipe}: frames: full takes no ANN that learns on other frames, as {snn.ann} "
            f"does (order: {order}); give it an ANN of {FOLDER}/anns.yaml with order: full, or set frames: phase2"
        )
    if (seen := order_seen(recipe, order)) != "full" and steps > (left := room(settings, seen)):
        where = "after" if seen == "halves" else "between those of"
        raise ConfigError(
            f"{FOLDER}/recipes.yaml: {snn.recipe}: T = {steps} frames {where} phase 1, {FOLDER}/datasets.yaml: "
            f"{snn.dataset} leaves {left} of its integrate.steps {settings.integrate.steps}"
        )
    size = resolved.frame_size(snn.dataset, snn.recipe)
    if recipe.needs_ann and size != list(settings.integrate.frame_size):
        raise ConfigError(
            f"{FOLDER}/recipes.yaml: {snn.recipe}.frame_size: a recipe with an ANN sees the ANN's frames, "
            f"{settings.integrate.frame_size} px on {snn.dataset}; found {size}"
        )
    if recipe.clips is not None and steps > recipe.clips.windows:
        raise ConfigError(
            f"{FOLDER}/recipes.yaml: {snn.recipe}: a clip of T = {steps} windows is longer than the "
            f"{recipe.clips.windows} of clips.windows"
        )
    if recipe.needs_ann and recipe.slice_by not in (None, settings.integrate.slice_by):
        raise ConfigError(
            f"{FOLDER}/recipes.yaml: {snn.recipe}.slice_by: a recipe with an ANN sees the ANN's frames, by "
            f"{settings.integrate.slice_by} on {snn.dataset}; found {recipe.slice_by}"
        )
    try:
        settings.integrate.check_size(size)
    except ValueError as error:
        raise ConfigError(f"{FOLDER}/recipes.yaml: {snn.recipe}.frame_size: {error}") from error


def _check_gradient(resolved: Resolved, snn: Snn) -> None:
    """Refuse a gradient that shows a network one frame at a time, or other numbers of them than it knows."""
    recipe, causal = resolved.params.recipe(snn.recipe, snn.dataset), resolved.causal(snn.dataset, snn.recipe)
    gradient = recipe.gradient
    where = f"{FOLDER}/recipes.yaml: {snn.recipe}.gradient: {gradient.kind}"
    if gradient.stepwise and not causal:
        name = resolved.network_name(snn.dataset, snn.recipe)
        raise ConfigError(
            f"{where} shows one time step at a time, the network {name!r} waits for all; set gradient: {{kind: bptt}}"
        )
    bound = getattr(module_of("nets.layers", recipe.neuron), "BOUND", False)
    if gradient.varies_steps and (not causal or recipe.attention is not None or recipe.clips is not None or bound):
        raise ConfigError(
            f"{where} shows other numbers of frames than T, which attention, a network that shrinks them, "
            "clips, and a neuron with a number for each step cannot do with; set gradient: {kind: bptt}"
        )


def _check_augmentation(resolved: Resolved, snn: Snn) -> None:
    """Refuse what a recipe has of its own; that of a data set was checked with it."""
    settings, recipe = resolved.params.dataset(snn.dataset), resolved.params.recipe(snn.recipe, snn.dataset)
    try:
        settings.refuse_mirrors(recipe.augmentation or [])
    except ValueError as error:
        raise ConfigError(f"{FOLDER}/recipes.yaml: {snn.recipe} on {snn.dataset}: {error}") from error


def _check_network(resolved: Resolved, dataset: str, recipe: str | None, ann: str | None) -> None:
    params = resolved.params
    name = resolved.network_name(dataset, recipe, None if recipe else ann)
    params.network(name)
    if recipe is not None and ann is not None and params.recipe(recipe, dataset).init == "converted":
        own = resolved.network_name(dataset, ann=ann)
        if name != own:
            raise ConfigError(
                f"{FOLDER}/recipes.yaml: {recipe}.network: a converted network is the ANN's, {own!r} of {ann}; "
                f"found {name!r}"
            )
    height, width = resolved.frame_size(dataset, recipe)
    try:
        if recipe is None:
            _check_built(resolved.ann_network(dataset, ann or "").model_dump_json(), height, width, ())
            return
        wanted = params.recipe(recipe, dataset)
        if wanted.attention is not None and not getattr(params.network(name), "attention", None):
            raise ValueError("it has attention, and the network names no activation behind which it goes (attention)")
        _check_built(
            resolved.snn_network(dataset, recipe, ann).model_dump_json(), height, width, tuple(wanted.feature_layers)
        )
    except ValueError as error:
        where = f"{FOLDER}/networks.yaml: {name}, for {recipe or ann} on {dataset}"
        raise ConfigError(f"{where}: {error}{_line_of(error)}") from error


def _line_of(error: ValueError) -> str:
    """Return in which line of a piece an error came up that no `raise` says, or nothing."""
    found = traceback.extract_tb((error.__cause__ or error).__traceback__)
    pieces = [frame for frame in found if Path(frame.filename).parent.name in ("layers", "models")]
    if (found[-1].line or "").startswith("raise ") or not pieces:
        return ""
    return f" ({Path(*Path(pieces[-1].filename).parts[-4:])}, line {pieces[-1].lineno})"


@cache
def _check_built(network: str, height: int, width: int, layers: tuple[str, ...]) -> None:
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
