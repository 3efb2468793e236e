"""What the training stages share: frames of a phase, a run's identity, its results and record."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Augment, Dataset, Params
from pipeline.errors import FramesError
from pipeline.evaluation.accuracy import correct_after, predict
from pipeline.evaluation.maps import first_spikes
from pipeline.evaluation.operations import DEAD_RATE, Layer, count_operations
from pipeline.evaluation.results import Arrival, Maps, write_results, write_run_record
from pipeline.events.splits import TEST, VALIDATION
from pipeline.frames.store import Header, load, read_header
from pipeline.nets import FrameNet
from pipeline.nets.build import build_ann
from pipeline.nets.weights import load_weights
from pipeline.runtime.hardware import Hardware, hardware
from pipeline.training.checkpoint import Checkpoint, file_digest
from pipeline.training.loop import Curves, Watch
from stages import _paths


@dataclass(frozen=True)
class View:
    """Which frames a network sees: of the file at `path`, which has `of` frames a recording, those of a slice.

    `causal`: whether its answer at a step depends on the frames up to it alone.
    """

    path: Path
    of: int
    frames: slice
    causal: bool = True

    @property
    def steps(self) -> int:
        return self.frames.stop - self.frames.start


@dataclass(frozen=True)
class Seen:
    """Recordings of one side as a network sees them: frames uint8 [N, t, 2, H, W], and what had come at each step."""

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: list[str]
    header: Header
    arrival: Arrival


@dataclass(frozen=True)
class Job:
    """One run of a training stage: its names, its settings, the machine, and when it began."""

    params: Params
    dataset: str
    ann: str
    run: str
    seed: int
    machine: Hardware
    began: float

    @classmethod
    def start(cls, params: Params, dataset: str, ann: str, run: str, seed: int) -> Job:
        return cls(params, dataset, ann, run, seed, hardware(), time.monotonic())

    @property
    def settings(self) -> Dataset:
        return self.params.dataset(self.dataset)

    @property
    def title(self) -> str:
        return f"{self.dataset} {self.ann} {self.run} seed {self.seed}"

    def view(self, phase: int = 2, steps: int | None = None) -> View:
        """Say which frames are seen: E1, or of E2 the first `steps` (all, if None)."""
        phases = self.settings.phases
        middle = phases.offset + phases.t1
        frames = slice(phases.offset, middle) if phase == 1 else slice(middle, middle + (steps or phases.t2))
        return View(_paths.frames(self.dataset), self.settings.integrate.steps, frames)

    def view_of(self, name: str) -> View:
        """Say which frames a recipe sees."""
        recipe, steps = self.params.recipe(name), self.params.steps_of(self.dataset, name)
        causal = recipe.attention is None
        if recipe.frames == "phase2":
            return replace(self.view(2, steps), causal=causal)
        return View(_paths.whole(self.dataset, steps), steps, slice(0, steps), causal)

    def load(self, view: View, side: int) -> Seen:
        """Read the recordings of one side, checked against the settings, and keep the frames that are seen."""
        found = load(view.path, side)
        expected = self.settings.integrate
        if (found.header.steps, found.header.size) != (view.of, list(expected.frame_size)):
            raise FramesError(
                view.path,
                f"holds {found.header.steps} frames of {found.header.size} px, params.yaml asks for "
                f"{view.of} of {expected.frame_size}; run `dvc repro`",
            )
        return Seen(
            np.ascontiguousarray(found.frames[:, view.frames]),
            found.labels,
            found.names,
            found.header,
            Arrival.of(found.ended, found.ended_us, view.frames, view.causal),
        )

    @property
    def augmentation(self) -> Augment | None:
        return self.settings.augment if self.settings.augment.active else None

    def new_ann(self, classes: int, generator: Any = None) -> FrameNet:
        settings = self.settings
        size = (settings.integrate.frame_size[0], settings.integrate.frame_size[1])
        network, levels = self.params.network_of(self.dataset), self.params.levels(self.dataset, self.ann)
        return build_ann(network, classes, size, levels, settings.train_ann, generator)

    def load_ann(self, classes: int) -> FrameNet:
        return load_weights(self.new_ann(classes), _paths.weights(self.dataset, self.ann, "ann", self.seed))

    def checkpoint(self, settings: dict[str, Any], inputs: list[Any]) -> Checkpoint:
        """Open the scratch file that belongs to exactly this run on this kind of machine."""
        return Checkpoint(
            {
                "run": [self.dataset, self.ann, self.run, self.seed],
                "settings": settings,
                "network": self.params.network_of(self.dataset).model_dump(),
                "phases": self.settings.phases.model_dump(),
                "augment": self.settings.augment.model_dump(),
                # Decides nothing in the training, but what is measured beside it.
                "monitor": self.settings.monitor.model_dump(),
                "inputs": [file_digest(path) for path in inputs],
                "machine": self.machine.describe(),
            }
        )

    def watch(self, view: View, batch_size: int, epochs: int) -> Watch:
        """Give what measures a network after an epoch, on the sides and as often as the settings say."""
        every = {VALIDATION: self.settings.monitor.validation, TEST: self.settings.monitor.test}
        names = {VALIDATION: "val_accuracy", TEST: "test_accuracy"}
        sides = {side: self.load(view, side) for side, often in every.items() if often and self._has(view, side)}

        def measure(net: FrameNet, epoch: int) -> dict[str, float]:
            found = {}
            for side, seen in sides.items():
                if epoch % every[side] and epoch != epochs:
                    continue
                logits = predict(net, seen.frames, batch_size, self.machine)
                found[names[side]] = correct_after(logits, seen.labels)[-1] / len(seen.labels)
            return found

        return measure

    def _has(self, view: View, side: int) -> bool:
        return side != VALIDATION or bool(read_header(view.path).validation)

    def finish(
        self,
        net: FrameNet,
        view: View,
        train_count: int,
        batch_size: int,
        facts: dict[str, Any],
        curves: Curves | None = None,
    ) -> None:
        """Look at the test recordings, at the end of the run, and write its results and record."""
        test = self.load(view, TEST)
        logits = predict(net, test.frames, batch_size, self.machine, f"{self.title}: test")
        layers = count_operations(net, test.frames, batch_size, self.machine, f"{self.title}: operations")
        self._warn_of_silence(layers)
        spikes = first_spikes(net, test.frames[0], self.machine)
        maps = None if spikes is None else Maps(spikes, test.frames[0], test.names[0])
        folder = _paths.results(self.dataset, self.ann, self.run, self.seed)
        rows = None
        if curves:
            rows = curves.header, [["" if value is None else value for value in row] for row in curves.rows]
        facts = {
            "n_train": train_count, "n_skipped": len(test.header.skipped), "seed": self.seed, **facts,
            **self._selected(net, test, batch_size, curves),
        }  # fmt: skip
        metrics = write_results(
            folder, logits, test.labels, test.arrival, test.header.classes, layers, rows, maps, facts
        )
        write_run_record(
            _paths.record(self.dataset, self.ann, self.run, self.seed),
            {**self.machine.describe(), "seed": self.seed, "wall_s": round(time.monotonic() - self.began, 1)},
        )
        print(f"{self.title}: {100 * metrics['accuracy']:.2f} % of {metrics['n_test']} test recordings")

    def _selected(self, net: FrameNet, test: Seen, batch_size: int, curves: Curves | None) -> dict[str, Any]:
        """Say what other epochs than the last would have given on the test recordings; the network is changed."""
        keys = ("best_val_epoch", "best_val_accuracy", "best_test_epoch", "best_test_accuracy")
        facts: dict[str, Any] = dict.fromkeys(keys)
        if curves is None:
            return facts
        if curves.best is not None:
            net.load_state_dict(curves.best["net"])
            logits = predict(net, test.frames, batch_size, self.machine, f"{self.title}: best on validation")
            facts["best_val_epoch"] = curves.best["epoch"]
            facts["best_val_accuracy"] = correct_after(logits, test.labels)[-1] / len(test.labels)
        epoch, column = curves.header.index("epoch"), curves.header.index("test_accuracy")
        measured = {row[epoch]: row[column] for row in curves.rows if row[column] is not None}
        if measured:
            # The first of equals.
            facts["best_test_epoch"] = max(measured, key=lambda number: measured[number] or 0.0)
            facts["best_test_accuracy"] = measured[facts["best_test_epoch"]]
        return facts

    def _warn_of_silence(self, layers: list[Layer]) -> None:
        dead = [layer.name for layer in layers if layer.firing_rate is not None and layer.firing_rate < DEAD_RATE]
        if dead:
            where = "recipes.*.threshold" if self.ann == _paths.NO_ANN else "train_ann.threshold"
            print(
                f"warning: {self.title}: neurons behind {', '.join(dead)} fire in less than {DEAD_RATE:.0%} of steps; "
                f"a lower {where} or longer training may help"
            )
