"""A trained network read from its weights file, which says all that is needed to use it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError
from torch import nn

from pipeline.config.names import nearest
from pipeline.config.network import Network
from pipeline.errors import RecordingError, WeightsError
from pipeline.evaluation.accuracy import Logits, predict
from pipeline.events.listing import Recording
from pipeline.events.types import Events
from pipeline.inference.answer import Answer
from pipeline.inference.framing import Framing, Shown, stacked
from pipeline.inference.prepare import ready
from pipeline.nets.build import build
from pipeline.nets.convert import convert
from pipeline.nets.weights import load_weights, read_about
from pipeline.results import paths
from pipeline.runtime.hardware import Hardware, hardware, workers
from pipeline.runtime.pool import in_parallel

ENDING = ".safetensors"
# Recordings answered at once where the weights file does not say how many its run did.
BATCH = 32


@dataclass(frozen=True)
class Model:
    """A network with its classes, how a recording becomes its frames, and all that its weights file says.

    `network` is multi-step, in eval mode, on the device of `hardware`; its batch norms are not folded.
    """

    network: nn.Module
    classes: list[str]
    framing: Framing
    about: dict[str, Any]
    hardware: Hardware

    @property
    def title(self) -> str:
        """Return the run's name."""
        run = self.about["run"]
        return str(paths.RunName(run["dataset"], run["ann"], run["recipe"], run["seed"]))

    @property
    def batch_size(self) -> int:
        """Return how many recordings the run answered at once: with as many, its results come back to the bit."""
        return int(self.about.get("training", {}).get("schedule", {}).get("batch_size", BATCH))

    def classify(self, source: str | Path | Events, suffix: str = "") -> Answer:
        """Return the answer to one recording.

        Args:
            source: its file, of any format that `events.read` knows, or its events, as `read_events` gives them.
            suffix: of events, the format that they were read from (.aedat), if its files need to be turned.

        Raises:
            RecordingError: it cannot be read, has no event, or one is off the sensor.
        """
        path, events = (Path(source), None) if isinstance(source, str | Path) else (Path(f"events{suffix}"), source)
        recording = Recording(path.name, path, -1)
        (answer,) = self._answers([recording], [self.framing.show(recording, events)])
        return answer

    def classify_all(self, recordings: Sequence[Recording]) -> Iterator[Answer | RecordingError]:
        """Yield the answer to each recording, or what is wrong with it, in order; they are read by all cores."""
        shown = in_parallel(self.framing.try_show, recordings, workers(), "classify", "recordings")
        for group in grouped(zip(recordings, shown, strict=True), self.batch_size):
            good = [(recording, found) for recording, found in group if isinstance(found, Shown)]
            answers = self._answers(*map(list, zip(*good, strict=True))) if good else iter(())
            for _, found in group:
                yield found if isinstance(found, RecordingError) else next(answers)

    def _answers(self, recordings: Sequence[Recording], shown: Sequence[Shown]) -> Iterator[Answer]:
        said = [
            predict(self.network, frames, self.batch_size, self.hardware, prepare=ready) for frames in stacked(shown)
        ]
        logits: Logits = said[0] if len(said) == 1 else np.mean(said, axis=0, dtype=np.float32)
        for index, (recording, one) in enumerate(zip(recordings, shown, strict=True)):
            yield Answer(recording.name, self.classes, logits[:, index], one.share, one.time_ms)


def grouped(items: Iterable[Any], count: int) -> Iterator[list[Any]]:
    """Yield lists of `count` items in a row, the last shorter (itertools.batched, which Python 3.11 lacks)."""
    yield from iter(partial(lambda rest: list(islice(rest, count)), iter(items)), [])


def load_model(source: str | Path, machine: Hardware | None = None) -> Model:
    """Read a trained network: an ANN, a converted or a fine-tuned spiking network.

    Args:
        source: a weights file, or a run of this folder by its name, such as mnist-dvs-sim/l8/hsd-0.
        machine: where it computes; None: as HSD_DEVICE, HSD_PRECISION and HSD_THREADS say.

    Raises:
        WeightsError: no such file, or it is damaged, or does not say enough to be used alone.
    """
    path = weights_file(source)
    about = read_about(path)
    try:
        framing, classes = Framing.model_validate(about["frames"]), list(about["classes"])
        shape = _shape(about, len(classes), framing.size)
    except (KeyError, TypeError, ValidationError) as error:
        raise WeightsError(
            path, f"does not say what is needed to use it alone ({error}); train it again with this version"
        ) from error
    machine = machine or hardware(trains=False)
    network = load_weights(shape, path).to(machine.device).eval()
    return Model(network, classes, framing, about, machine)


def weights_file(source: str | Path) -> Path:
    """Return the weights file that a path or a run's name means.

    Raises:
        WeightsError: there is none, and the nearest run is named; or it is another file.
    """
    models = paths.DATA / "models"
    for path in (Path(source), models / f"{source}{ENDING}"):
        if path.is_file() and path.suffix != ENDING:
            raise WeightsError(path, f"is no weights file (*{ENDING}); the network comes first, then the recording")
        if path.is_file():
            return path
    found = [path.relative_to(models).as_posix().removesuffix(ENDING) for path in models.rglob(f"*{ENDING}")]
    raise WeightsError(source, f"neither a weights file nor a run of {models}; {nearest(str(source), found)}")


def _shape(about: dict[str, Any], classes: int, size: tuple[int, int]) -> nn.Module:
    """Return a network of the shape that a weights file says, as the stage that wrote it made it."""
    network = Network.model_validate(about["network"])
    if about["run"]["recipe"] == "converted":
        return convert(build(network, classes, size))
    if about.get("init") == "converted":
        return convert(build(Network.model_validate(about["ann"]), classes, size), network.activation)
    return build(network, classes, size)
