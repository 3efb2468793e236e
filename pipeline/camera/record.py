"""A data set recorded by the simulated camera: one AEDAT 2.0 file a picture, in class folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.camera.images import images_of
from pipeline.camera.simulator import recording_seed, simulate
from pipeline.config.camera import Recordings
from pipeline.errors import FileError
from pipeline.events import aedat2
from pipeline.events.read import FORMATS
from pipeline.runtime.files import replacing
from pipeline.runtime.pool import in_parallel


@dataclass(frozen=True)
class _Shot:
    image: NDArray[np.float32]
    name: str
    root: Path
    settings: Recordings


def record(settings: Recordings, source: str | Path, target: str | Path, workers: int) -> int:
    """Record `per_class` pictures of each class to `target/<class>/<class>_<index>.aedat`; it is replaced whole.

    Same pictures and settings, same bytes, whatever the number of workers.

    Args:
        source: the folder of the pictures, `<class>/<image>`, read where the settings say `images: folder`.
        target: the folder of the recordings.

    Returns:
        The number of events of all recordings.

    Raises:
        FileError: pictures are missing or unreadable, or none of its own are asked for where recordings lie.
    """
    placed = () if settings.images == "folder" else Path(source).glob("**/*")
    if own := next((path for path in sorted(placed) if path.suffix in FORMATS), None):
        raise FileError(
            own, "is a recording, but the camera is asked for pictures (recordings.images); set recordings: null"
        )
    images = images_of(settings, source)
    with replacing(target) as partial:
        for name in images:
            (partial / name).mkdir(parents=True)
        shots = [
            _Shot(image, f"{name}/{name}_{index}.aedat", partial, settings)
            for name in sorted(images)
            for index, image in enumerate(images[name], start=settings.skip)
        ]
        return sum(in_parallel(_record_one, shots, workers, "recordings", "recordings"))


def _record_one(shot: _Shot) -> int:
    events = simulate(shot.image, shot.settings, recording_seed(shot.settings.seed, shot.name))
    aedat2.write(shot.root / shot.name, events)
    return len(events)
