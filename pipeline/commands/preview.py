"""A contact sheet: a few recordings of each class, so that a wrong axis or label is seen at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.config import Dataset
from pipeline.events.listing import Recording, list_recordings
from pipeline.events.read import read_events
from pipeline.frames import integrate
from pipeline.frames.build import turns_of
from pipeline.report.figures import recordings as report
from pipeline.report.figures.camera import camera
from pipeline.report.figures.style import drawing
from pipeline.runtime.files import replacing


def preview(root: Path, settings: Dataset, per_class: int, path: Path, dpi: int) -> int:
    """Draw the first recordings of each class, a row each, as the frames they will be.

    Args:
        root: the data set's folder. settings: layout and integration. per_class: rows a class. path: PNG to write.

    Returns:
        The number of recordings drawn.

    Raises:
        FileError: a recording cannot be read.
    """
    listing = list_recordings(root, settings.integrate.layout)
    chosen = [
        recording
        for label in range(len(listing.classes))
        for recording in [found for found in listing.recordings if found.label == label][:per_class]
    ]
    rows = [
        report.Recording(listing.classes[recording.label], recording.name, _frames(recording, settings))
        for recording in chosen
    ]
    with drawing(), replacing(path) as partial:
        camera(rows, settings.phases).savefig(partial, format="png", dpi=dpi)
    return len(rows)


def _frames(recording: Recording, settings: Dataset) -> np.typing.NDArray[np.uint8]:
    events = read_events(recording.path)
    if recording.window is not None:
        start, end = recording.window
        events = events[(events["t"] >= start) & (events["t"] < end)]
    made = settings.integrate
    sensor, size = (made.sensor[0], made.sensor[1]), (made.frame_size[0], made.frame_size[1])
    turns = turns_of(recording.path, made)
    counts = integrate(events, made.steps, sensor, size, made.split_by, made.resize, turns, made.extent)
    return np.minimum(counts, 255).astype(np.uint8)
