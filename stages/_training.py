"""What the training stages share: a run's frames, checkpoint, measurements, results and record."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from torch import nn

from pipeline.config.run import Convert, Identity, TrainAnn, TrainSnn
from pipeline.config.training import EvalEvery
from pipeline.evaluation.accuracy import Logits, predict
from pipeline.evaluation.maps import spikes
from pipeline.evaluation.operations import DEAD_RATE, Layer, count_operations
from pipeline.events.sides import TEST, VALIDATION
from pipeline.frames.selection import LabelledFrames, load, read_pointer
from pipeline.frames.store import file_sha256
from pipeline.results import paths
from pipeline.results.answers import correct_after
from pipeline.results.paths import RunName
from pipeline.results.write import Grouped, Maps, write_run
from pipeline.runtime.hardware import Hardware, hardware
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.curves import Curves
from pipeline.training.gradients import GradientOptions
from pipeline.training.loop import EpochCallback
from stages._cli import Call


@dataclass(frozen=True)
class TrainingRun:
    """One run of a training stage: what it was called with, its name, the machine, and when it began."""

    call: Call[Any]
    name: RunName
    machine: Hardware
    began: float

    @classmethod
    def start(cls, call: Call[TrainAnn] | Call[Convert] | Call[TrainSnn]) -> TrainingRun:
        return cls(call, name_of(call.settings.run), hardware(), time.monotonic())

    @property
    def title(self) -> str:
        return str(self.name)

    def ann_weights(self, recipe: str) -> RunName:
        """Return the name of the ANN that this run takes, or of the network converted from it."""
        return RunName(self.name.dataset, self.name.ann, recipe, self.name.seed)

    def selection(self, name: str) -> str:
        """Return the place of a selection of frames: that of the recipe, or one of its ANN's."""
        return paths.selected_name(self.name.ann, name)

    def about(self, train: LabelledFrames, selection: str) -> dict[str, Any]:
        """Return what a weights file says of its network, enough to use it alone.

        Settings, classes, digest of the split, and how a recording becomes the frames of a selection, those on which
        the network is tested.
        """
        said = self.call.settings.model_dump(mode="json", exclude={"eval_every", "batch_size"})
        header = train.header
        seen = read_pointer(paths.selected(self.name.dataset, selection)).selection.model_dump(mode="json")
        made = {key: getattr(header, key) for key in ("sensor", "extent", "orientation", "resize")}
        return {**said, "classes": header.classes, "split": header.manifest, "frames": {**made, "selection": seen}}

    def load(self, selection: str, side: int) -> LabelledFrames:
        """Read the recordings of one side, the frames of a selection."""
        found = load(paths.selected(self.name.dataset, selection), side)
        if found.padded:
            count = len(found.labels)
            print(f"{self.title}: {found.padded} of {count} recordings end before {found.steps} windows: padded, empty")
        return found

    def predict(self, net: nn.Module, seen: LabelledFrames, batch_size: int, title: str | None = None) -> Logits:
        """Return the logits of recordings, float32 [T, N, C]; of several clips of each, their mean."""
        said = [predict(net, frames, batch_size, self.machine, title) for frames in seen.views()]
        return said[0] if len(said) == 1 else np.mean(said, axis=0, dtype=np.float32)

    def checkpoint(self, inputs: list[RunName], *selections: str) -> Checkpoint:
        """Open the scratch file that belongs to exactly this run on this kind of machine."""
        files = [
            *(paths.selected(self.name.dataset, selection) for selection in selections),
            *(n.weights for n in inputs),
        ]
        settings = {"settings": self.call.settings.model_dump(mode="json"), "machine": self.machine.describe()}
        code = hashlib.sha256(json.dumps(self.call.code, sort_keys=True).encode()).hexdigest()
        return Checkpoint(settings, {path.as_posix(): file_sha256(path) for path in files}, code)

    def measuring(self, selection: str, every: EvalEvery, batch_size: int, epochs: int) -> EpochCallback:
        """Return what measures a network after an epoch, on the sides and as often as the settings say."""
        often = {VALIDATION: every.validation, TEST: every.test}
        names = {VALIDATION: "val_accuracy", TEST: "test_accuracy"}
        pointer = read_pointer(paths.selected(self.name.dataset, selection))
        count = {VALIDATION: pointer.n_validation, TEST: pointer.n_test}
        sides = {side: self.load(selection, side) for side, n in often.items() if n and count[side]}

        def measure(net: nn.Module, epoch: int) -> dict[str, float]:
            found = {}
            for side, seen in sides.items():
                if epoch % often[side] and epoch != epochs:
                    continue
                logits = self.predict(net, seen, batch_size)
                found[names[side]] = correct_after(logits, seen.labels)[-1] / len(seen.labels)
            return found

        return measure

    def finish(
        self,
        net: nn.Module,
        selection: str,
        train_count: int,
        batch_size: int,
        facts: dict[str, Any],
        curves: Curves | None = None,
        gradient: GradientOptions | None = None,
    ) -> None:
        """Look at the test recordings, at the end of the run, and write its results and record.

        With a gradient that learned on several numbers of steps, at each of these: the same frames, grouped.
        """
        test = self.load(selection, TEST)
        logits = self.predict(net, test, batch_size, f"{self.title}: test")
        title = f"{self.title}: operations"
        layers = total([count_operations(net, frames, batch_size, self.machine, title) for frames in test.views()])
        self._warn_of_silence(layers)
        first = next(test.views())[0]
        sent = next(iter(spikes(net, first, self.machine, 1).values()), None)
        maps = None if sent is None else Maps(sent.astype(np.uint8, order="C"), first, test.names[0])
        grouped = self._grouped(net, test, batch_size, gradient)
        facts = {
            "n_train": train_count, "n_skipped": len(test.header.skipped), "seed": self.name.seed,
            "split": test.header.manifest, **({} if test.starts is None else {"n_padded": test.padded}), **facts,
            **self._selected(net, test, batch_size, curves),
        }  # fmt: skip
        metrics = write_run(
            self.name, logits, test.labels, test.latency.share, test.latency.time_ms, test.header.classes, layers,
            (curves.header, curves.rows) if curves else None, maps, facts,
            {**self.machine.describe(), "seed": self.name.seed, "wall_s": round(time.monotonic() - self.began, 1)},
            grouped=grouped,
        )  # fmt: skip
        print(f"{self.title}: {100 * metrics['accuracy']:.2f} % of {metrics['n_test']} test recordings")

    def _grouped(
        self, net: nn.Module, test: LabelledFrames, batch_size: int, gradient: GradientOptions | None
    ) -> list[Grouped]:
        """Return what a network says at each other T that its gradient learned on."""
        found = []
        for steps, view in (gradient.views(test.steps) if gradient else {}).items():
            logits = predict(net, test.frames, batch_size, self.machine, f"{self.title}: test, T = {steps}", view)
            # A group has come when the last of its frames has.
            ends = np.arange(1, steps + 1) * test.steps // steps - 1
            found.append(Grouped(logits, test.latency.share[ends], test.latency.time_ms[ends]))
        return found

    def _selected(self, net: nn.Module, test: LabelledFrames, batch_size: int, curves: Curves | None) -> dict[str, Any]:
        """Return what other epochs than the last would have given on the test recordings; the network is changed."""
        keys = ("best_val_epoch", "best_val_accuracy", "best_test_epoch", "best_test_accuracy")
        facts: dict[str, Any] = dict.fromkeys(keys)
        if curves is None:
            return facts
        if curves.best is not None:
            net.load_state_dict(curves.best["net"])
            logits = self.predict(net, test, batch_size, f"{self.title}: best on validation")
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
            settings, where = self.call.settings, ""
            if getattr(settings, "init", "converted") == "converted":
                where = "a lower datasets.yaml: ann.threshold or "
            elif hasattr(settings.network.activation, "threshold"):
                where = "a lower recipes.yaml: neuron.threshold or "
            print(
                f"warning: {self.title}: neurons behind {', '.join(dead)} fire in less than {DEAD_RATE:.0%} of steps; "
                f"{where}longer training may help"
            )


def total(clips: Sequence[list[Layer]]) -> list[Layer]:
    """Return what all clips of a recording cost together, and how often neurons fire in them on the mean."""
    found = []
    for same in zip(*clips, strict=True):
        rates = [layer.firing_rate for layer in same if layer.firing_rate is not None]
        whole = replace(same[0], macs=sum(layer.macs for layer in same), synops=sum(layer.synops for layer in same))
        found.append(replace(whole, firing_rate=sum(rates) / len(rates) if rates else None))
    return found


def size_of(frames: LabelledFrames) -> tuple[int, int]:
    """Return height and width of frames, px."""
    height, width = frames.header.size
    return height, width


def name_of(run: Identity) -> RunName:
    return RunName(run.dataset, run.ann, run.recipe, run.seed)
