"""What the training stages share: frames of a phase, a run's identity, its results and record."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.config import Augment, Dataset, Params
from pipeline.errors import FramesError
from pipeline.evaluation.accuracy import correct_after, predict
from pipeline.evaluation.operations import DEAD_RATE, Layer, count_operations
from pipeline.evaluation.results import write_results, write_run_record
from pipeline.events.splits import TEST, TRAIN, VALIDATION
from pipeline.frames.store import FrameSet, load
from pipeline.nets import FrameNet
from pipeline.nets.build import build_ann
from pipeline.nets.weights import load_weights
from pipeline.runtime.hardware import Hardware, hardware
from pipeline.training.checkpoint import Checkpoint, file_digest
from pipeline.training.loop import Curves
from stages import _paths


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

    def phase(self, number: int) -> slice:
        """Give the frames of a phase: E1 or E2."""
        phases = self.settings.phases
        middle = phases.offset + phases.t1
        return slice(phases.offset, middle) if number == 1 else slice(middle, middle + phases.t2)

    def load(self, side: int) -> FrameSet:
        """Read the recordings of one side, checked against the settings."""
        path = _paths.frames(self.dataset)
        found = load(path, side)
        expected = self.settings.integrate
        if (found.header.steps, found.header.size) != (expected.steps, list(expected.frame_size)):
            raise FramesError(
                path,
                f"holds {found.header.steps} frames of {found.header.size} px, params.yaml asks for "
                f"{expected.steps} of {expected.frame_size}; run `dvc repro`",
            )
        return found

    def train_frames(self, phase: int) -> tuple[NDArray[np.uint8], FrameSet]:
        """Read the training recordings: (frames of the phase alone [N, t, 2, H, W], the set)."""
        train = self.load(TRAIN)
        return np.ascontiguousarray(train.frames[:, self.phase(phase)]), train

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
                "inputs": [file_digest(path) for path in inputs],
                "machine": self.machine.describe(),
            }
        )

    def finish(
        self, net: FrameNet, train_count: int, batch_size: int, facts: dict[str, Any], curves: Curves | None = None
    ) -> None:
        """Look at the test recordings, at the end of the run, and write its results and record."""
        test = self.load(TEST)
        frames = np.ascontiguousarray(test.frames[:, self.phase(2)])
        logits = predict(net, frames, batch_size, self.machine, f"{self.title}: test")
        layers = count_operations(net, frames, batch_size, self.machine, f"{self.title}: operations")
        self._warn_of_silence(layers)
        folder = _paths.results(self.dataset, self.ann, self.run, self.seed)
        rows = (curves.header, curves.rows) if curves else None
        facts = {"n_train": train_count, "n_skipped": len(test.header.skipped), "seed": self.seed, **facts}
        if test.header.validation:
            facts |= self._validation(net, batch_size)
        metrics = write_results(folder, logits, test.labels, test.classes, layers, rows, facts)
        write_run_record(
            _paths.record(self.dataset, self.ann, self.run, self.seed),
            {**self.machine.describe(), "seed": self.seed, "wall_s": round(time.monotonic() - self.began, 1)},
        )
        print(f"{self.title}: {100 * metrics['accuracy']:.2f} % of {metrics['n_test']} test recordings")

    def _validation(self, net: FrameNet, batch_size: int) -> dict[str, Any]:
        """Say how the network does on the validation part that was cut from the training side."""
        part = self.load(VALIDATION)
        frames = np.ascontiguousarray(part.frames[:, self.phase(2)])
        logits = predict(net, frames, batch_size, self.machine, f"{self.title}: validation")
        return {"n_val": len(part.labels), "val_accuracy": correct_after(logits, part.labels)[-1] / len(part.labels)}

    def _warn_of_silence(self, layers: list[Layer]) -> None:
        dead = [layer.name for layer in layers if layer.firing_rate is not None and layer.firing_rate < DEAD_RATE]
        if dead:
            where = "recipes.*.threshold" if self.ann == _paths.NO_ANN else "train_ann.threshold"
            print(
                f"warning: {self.title}: neurons behind {', '.join(dead)} fire in less than {DEAD_RATE:.0%} of steps; "
                f"a lower {where} or longer training may help"
            )
