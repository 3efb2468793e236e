"""A contact sheet: a few recordings of each class, so that a wrong axis or label is seen at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.config.dataset import Phases
from pipeline.config.frames import Integrate
from pipeline.events.listing import Recording, list_recordings
from pipeline.events.read import read_events
from pipeline.frames.sample import as_shown, slices_of
from pipeline.report.figures.camera import camera
from pipeline.report.style import drawing
from pipeline.runtime.files import replacing


def preview(folder: Path, settings: Integrate, phases: Phases, per_class: int, path: Path, dpi: int) -> int:
    """Draw the first recordings of each class, a row each, as the frames they will be.

    Args:
        folder: the data set's. settings: layout and integration. phases: marked above the frames. per_class: rows a
            class. path: PNG to write.

    Returns:
        The number of recordings drawn.

    Raises:
        FileError: a recording cannot be read.
    """
    listing = list_recordings(folder, settings.layout)
    chosen = [
        recording
        for label in range(len(listing.classes))
        for recording in [found for found in listing.recordings if found.label == label][:per_class]
    ]
    rows = [(listing.classes[recording.label], _frames(recording, settings)) for recording in chosen]
    with drawing(), replacing(path) as partial:
        middle = phases.offset + phases.t1
        camera(rows, (phases.offset, middle, middle + phases.t2)).savefig(partial, format="png", dpi=dpi)
    return len(rows)


def _frames(recording: Recording, settings: Integrate) -> NDArray[np.uint8]:
    counts = slices_of(recording, read_events(recording.path), settings).frames(
        settings.steps, (settings.frame_size[0], settings.frame_size[1]), settings.slice_by, settings.resize
    )
    return as_shown(counts)
