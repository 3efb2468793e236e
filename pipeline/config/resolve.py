"""From a grid's short lists of names to the complete settings of each of its runs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from pipeline.config.catalogues import FOLDER, Params
from pipeline.config.dataset import AnnOrder
from pipeline.config.frames import FrameFile, FrameSelection
from pipeline.config.grid import Grid
from pipeline.config.names import nearest
from pipeline.config.network import Network
from pipeline.config.run import Convert, Identity, TrainAnn, TrainSnn
from pipeline.config.selections import phase_selection, selection, steps_of
from pipeline.config.training import Training
from pipeline.errors import ConfigError
from pipeline.pieces import checked
from pipeline.results.paths import PHASES, selected_name


@dataclass(frozen=True)
class Snn:
    """One spiking network of a grid, but for its seed: `ann` is None where it takes none."""

    dataset: str
    ann: str | None
    recipe: str


@dataclass(frozen=True)
class Resolved:
    """A grid with all names looked up."""

    params: Params
    grid: Grid

    @cached_property
    def snns(self) -> list[Snn]:
        """Each spiking network once: baselines, recipes from the first ANN, the sweep from each, more with more."""
        grid, found = self.grid, []
        for dataset in grid.datasets:
            found += [Snn(dataset, None, recipe) for recipe in grid.baselines]
            found += [Snn(dataset, grid.anns[0], recipe) for recipe in grid.recipes]
            found += [Snn(dataset, ann, recipe) for recipe in grid.sweep for ann in grid.anns]
            found += [Snn(dataset, ann, recipe) for recipe in grid.more for ann in grid.more_anns]
        # A recipe may be listed under recipes and under sweep.
        return list(dict.fromkeys(found))

    def levels(self, dataset: str, ann: str) -> int:
        """Return L of an ANN on a data set: its own number, or the one the data set keeps under the ANN's word."""
        levels = self.params.ann(ann).levels
        if isinstance(levels, int):
            return levels
        kept = self.params.dataset(dataset).ann.levels
        if levels not in kept:
            raise ConfigError(
                f"{FOLDER}/anns.yaml: {ann}.levels: {FOLDER}/datasets.yaml: {dataset}.ann.levels has no entry "
                f"{levels!r}; {nearest(levels, kept)}"
            )
        return kept[levels]

    def order(self, dataset: str, ann: str | None = None) -> AnnOrder:
        """Return how the phases share the frames of a data set, with an ANN or without."""
        own = self.params.ann(ann).order if ann else None
        return own or self.params.dataset(dataset).phases.order

    def steps(self, dataset: str, recipe: str, ann: str | None = None) -> int:
        """Return T: the time steps in which a recipe learns and answers on a data set."""
        return steps_of(self.params.dataset(dataset), self.params.recipe(recipe, dataset), self.order(dataset, ann))

    def frame_size(self, dataset: str, recipe: str | None = None) -> list[int]:
        own = self.params.recipe(recipe, dataset).frame_size if recipe else None
        return list(own or self.params.dataset(dataset).integrate.frame_size)

    def network_name(self, dataset: str, recipe: str | None = None, ann: str | None = None) -> str:
        own = self.params.recipe(recipe, dataset).network if recipe else self.params.ann(ann).network if ann else None
        return own or self.params.dataset(dataset).network

    def model(self, dataset: str, recipe: str | None = None, ann: str | None = None) -> Any:
        """Return the options of a network's model, as wide as the data set has it; one without `width` as it is."""
        model, factor = self.params.network(self.network_name(dataset, recipe, ann)), self.params.dataset(dataset).width
        return model.model_copy(update={"width": model.width * factor}) if hasattr(model, "width") else model

    # --- selections of frames ---------------------------------------------------------------------------------------

    def selections(self, dataset: str) -> dict[str, FrameSelection]:
        """Return which frames each run of a data set sees, by their place below data/selected/<dataset>/."""
        settings, found = self.params.dataset(dataset), {}
        for ann in self.grid.all_anns:
            for phase, name in PHASES.items():
                found[selected_name(ann, name)] = phase_selection(settings, self.order(dataset, ann), phase)
        for snn in self.snns:
            if snn.dataset == dataset:
                found[selected_name(snn.ann, snn.recipe)] = self.selection(dataset, snn.recipe, snn.ann)
        return found

    def selection(self, dataset: str, recipe: str, ann: str | None = None) -> FrameSelection:
        """Return which frames a recipe sees on a data set, with an ANN or without."""
        settings, order = self.params.dataset(dataset), self.order(dataset, ann)
        return selection(settings, self.params.recipe(recipe, dataset), order, self.causal(dataset, recipe))

    def causal(self, dataset: str, recipe: str) -> bool:
        """Return whether the answer at a step needs no later frame: neither for the recipe's layers nor its network."""
        return self.params.recipe(recipe, dataset).causal and getattr(self.model(dataset, recipe), "causal", True)

    def files(self, dataset: str) -> list[FrameFile]:
        """Return the frames files that the runs of a data set need, the data set's own first."""
        own = self.params.dataset(dataset).integrate.file
        wanted = [own, *(selection.file for selection in self.selections(dataset).values())]
        return [file for index, file in enumerate(wanted) if file not in wanted[:index]]

    # --- runs -------------------------------------------------------------------------------------------------------

    def train_anns(self) -> Iterator[TrainAnn]:
        for dataset, ann, seed in self._anns():
            yield TrainAnn(
                run=Identity(dataset=dataset, ann=ann, recipe="ann", seed=seed),
                levels=self.levels(dataset, ann),
                network=self.ann_network(dataset, ann),
                training=self.ann_training(dataset, ann),
                eval_every=self.params.dataset(dataset).eval_every,
            )

    def converts(self) -> Iterator[Convert]:
        for dataset, ann, seed in self._anns():
            name = self.params.ann(ann).schedule or self.params.dataset(dataset).schedules.ann
            yield Convert(
                run=Identity(dataset=dataset, ann=ann, recipe="converted", seed=seed),
                levels=self.levels(dataset, ann),
                network=self.ann_network(dataset, ann),
                batch_size=self.params.schedule(name).batch_size,
            )

    def train_snns(self) -> Iterator[TrainSnn]:
        for snn in self.snns:
            recipe, settings = self.params.recipe(snn.recipe, snn.dataset), self.params.dataset(snn.dataset)
            training = self.training(snn.dataset, snn.recipe)
            for seed in self.grid.seeds:
                yield TrainSnn(
                    run=Identity(dataset=snn.dataset, ann=snn.ann, recipe=snn.recipe, seed=seed),
                    init=recipe.init,
                    network=self.snn_network(snn.dataset, snn.recipe, snn.ann),
                    ann=self.ann_network(snn.dataset, snn.ann) if snn.ann else None,
                    levels=self.levels(snn.dataset, snn.ann) if snn.ann else None,
                    training=training,
                    eval_every=settings.eval_every,
                )

    def snn_network(self, dataset: str, recipe: str, ann: str | None = None) -> Network:
        wanted = self.params.recipe(recipe, dataset)
        return Network(
            model=self.model(dataset, recipe),
            activation=wanted.neuron,
            attention=wanted.attention,
            steps=self.steps(dataset, recipe, ann),
        )

    def ann_network(self, dataset: str, ann: str) -> Network:
        phase1 = self.params.dataset(dataset).ann
        activation = {
            "kind": "qcfs",
            "levels": self.levels(dataset, ann),
            "threshold": self.params.ann(ann).threshold or phase1.threshold,
            "gradient": phase1.gradient,
        }
        return Network(
            model=self.model(dataset, ann=ann),
            activation=checked("nets.layers", activation),
            attention=None,
            steps=None,
        )

    def training(self, dataset: str, name: str) -> Training:
        """Return how a recipe learns on a data set; ConfigError where its parts don't fit together."""
        recipe, settings = self.params.recipe(name, dataset), self.params.dataset(dataset)
        schedule = recipe.schedule or getattr(settings.schedules, recipe.init)
        augmentations: list[Any] = settings.augmentation if recipe.augmentation is None else recipe.augmentation
        if recipe.clips is not None:
            clip = checked("training.augmentations", {"kind": "clip", "steps": self.steps(dataset, name)})
            augmentations = [clip, *augmentations]
        return self._training(f"recipes.yaml: {name}", recipe.loss, recipe.gradient, augmentations, schedule)

    def ann_training(self, dataset: str, name: str) -> Training:
        """Return how an ANN learns on a data set; errors as `training`."""
        settings = self.params.dataset(dataset)
        ann = self.params.ann(name)
        schedule = ann.schedule or settings.schedules.ann
        gradient = ann.gradient or checked("training.gradients", {"kind": "bptt"})
        where = f"datasets.yaml: {dataset}.ann"
        return self._training(where, settings.ann.loss, gradient, settings.augmentation, schedule)

    def _training(
        self, where: str, losses: list[Any], gradient: Any, augmentations: list[Any], schedule: str
    ) -> Training:
        try:
            return Training(
                losses=losses,
                gradient=gradient,
                augmentations=augmentations,
                schedule=self.params.schedule(schedule),
            )
        except ValidationError as error:
            problem = error.errors()[0]["msg"].removeprefix("Value error, ")
            raise ConfigError(f"{FOLDER}/{where}: {problem}") from error

    def _anns(self) -> Iterator[tuple[str, str, int]]:
        for dataset in self.grid.datasets:
            for ann in self.grid.all_anns:
                for seed in self.grid.seeds:
                    yield dataset, ann, seed
