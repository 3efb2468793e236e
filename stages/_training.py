"""What the training stages share: a run's frames, checkpoint, measurements, results and record."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from torch import nn

from pipeline.config.run import Convert, Identity, TrainAnn, TrainSnn
from pipeline.config.training import EvalEvery
from pipeline.evaluation.accuracy import predict
from pipeline.evaluation.maps import first_spikes
from pipeline.evaluation.operations import DEAD_RATE, Layer, count_operations
from pipeline.events.sides import TEST, VALIDATION
from pipeline.frames.selection import LabelledFrames, load, read_pointer
from pipeline.results import paths
from pipeline.results.answers import correct_after
from pipeline.results.paths import RunName
from pipeline.results.write import Maps, write_run
from pipeline.runtime.hardware import Hardware, hardware
from pipeline.training.checkpoint import Checkpoint, file_digest
from pipeline.training.curves import Curves
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

    def about(self, train: LabelledFrames) -> dict[str, Any]:
        """Return what a weights file says of its network: settings, classes, size of frames, digest of the split."""
        said = self.call.settings.model_dump(mode="json", exclude={"eval_every", "batch_size"})
        header = train.header
        return {**said, "classes": header.classes, "frame_size": list(header.size), "split": header.manifest}

    def load(self, selection: str, side: int) -> LabelledFrames:
        """Read the recordings of one side, the frames of a selection."""
        return load(paths.selected(self.name.dataset, selection), side)

    def checkpoint(self, inputs: list[RunName], *selections: str) -> Checkpoint:
        """Open the scratch file that belongs to exactly this run on this kind of machine."""
        files = [
            *(paths.selected(self.name.dataset, selection) for selection in selections),
            *(n.weights for n in inputs),
        ]
        settings = {"settings": self.call.settings.model_dump(mode="json"), "machine": self.machine.describe()}
        code = hashlib.sha256(json.dumps(self.call.code, sort_keys=True).encode()).hexdigest()
        return Checkpoint(settings, {path.as_posix(): file_digest(path) for path in files}, code)

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
                logits = predict(net, seen.frames, batch_size, self.machine)
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
    ) -> None:
        """Look at the test recordings, at the end of the run, and write its results and record."""
        test = self.load(selection, TEST)
        logits = predict(net, test.frames, batch_size, self.machine, f"{self.title}: test")
        layers = count_operations(net, test.frames, batch_size, self.machine, f"{self.title}: operations")
        self._warn_of_silence(layers)
        spikes = first_spikes(net, test.frames[0], self.machine)
        maps = None if spikes is None else Maps(spikes, test.frames[0], test.names[0])
        facts = {
            "n_train": train_count, "n_skipped": len(test.header.skipped), "seed": self.name.seed,
            "split": test.header.manifest, **facts, **self._selected(net, test, batch_size, curves),
        }  # fmt: skip
        metrics = write_run(
            self.name, logits, test.labels, test.latency.share, test.latency.time_ms, test.header.classes, layers,
            (curves.header, curves.rows) if curves else None, maps, facts,
            {**self.machine.describe(), "seed": self.name.seed, "wall_s": round(time.monotonic() - self.began, 1)},
        )  # fmt: skip
        print(f"{self.title}: {100 * metrics['accuracy']:.2f} % of {metrics['n_test']} test recordings")

    def _selected(self, net: nn.Module, test: LabelledFrames, batch_size: int, curves: Curves | None) -> dict[str, Any]:
        """Return what other epochs than the last would have given on the test recordings; the network is changed."""
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
            settings, where = self.call.settings, ""
            if getattr(settings, "init", "converted") == "converted":
                where = "a lower datasets.yaml: ann.threshold or "
            elif hasattr(settings.network.activation, "threshold"):
                where = "a lower recipes.yaml: neuron.threshold or "
            print(
                f"warning: {self.title}: neurons behind {', '.join(dead)} fire in less than {DEAD_RATE:.0%} of steps; "
                f"{where}longer training may help"
            )


def size_of(frames: LabelledFrames) -> tuple[int, int]:
    """Return height and width of frames, px."""
    height, width = frames.header.size
    return height, width


def name_of(run: Identity) -> RunName:
    return RunName(run.dataset, run.ann, run.recipe, run.seed)
