"""Whether a grid can be run: refused before anything runs, with the list, the name and what to do."""

from __future__ import annotations

from pipeline.config import probe
from pipeline.config.base import Group
from pipeline.config.catalogues import FOLDER, Params
from pipeline.config.grid import Grid
from pipeline.config.names import nearest
from pipeline.config.resolve import Resolved, Snn
from pipeline.config.selections import order_seen, room
from pipeline.config.training import Training
from pipeline.errors import ConfigError
from pipeline.pieces import module_of

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
        if problem := probe.problem_of_loss(loss.model_dump_json(), loss.kind):
            raise ConfigError(f"{where}: loss {loss.kind}: {problem}; see docs/adding.md")


def _check_frames(resolved: Resolved, snn: Snn) -> None:
    settings, recipe = resolved.params.dataset(snn.dataset), resolved.params.recipe(snn.recipe, snn.dataset)
    steps, order = resolved.steps(snn.dataset, snn.recipe, snn.ann), resolved.order(snn.dataset, snn.ann)
    if recipe.order not in (None, order):
        raise ConfigError(
            f"{FOLDER}/recipes.yaml: {snn.recipe}: order: it takes an ANN whose order is {recipe.order}; that of "
            f"{snn.ann} is {order}: run it with another of {FOLDER}/anns.yaml (grid.more), or set order: null"
        )
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
            probe.check_built(resolved.ann_network(dataset, ann or "").model_dump_json(), height, width, ())
            return
        wanted = params.recipe(recipe, dataset)
        if wanted.attention is not None and not getattr(params.network(name), "attention", None):
            raise ValueError("it has attention, and the network names no activation behind which it goes (attention)")
        probe.check_built(
            resolved.snn_network(dataset, recipe, ann).model_dump_json(), height, width, tuple(wanted.feature_layers)
        )
    except ValueError as error:
        where = f"{FOLDER}/networks.yaml: {name}, for {recipe or ann} on {dataset}"
        raise ConfigError(f"{where}: {error}{probe.line_of(error)}") from error
