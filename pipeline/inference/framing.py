"""How a recording becomes the frames that a network sees, as its weights file says it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.config.base import Group, Pair
from pipeline.config.frames import FrameSelection, Integrate, window_us
from pipeline.errors import RecordingError
from pipeline.events.listing import Recording
from pipeline.events.read import read_events
from pipeline.events.types import Events
from pipeline.frames.clips import clip_starts, cut, real_windows
from pipeline.frames.latency import input_latency
from pipeline.frames.sample import as_shown, slices_of


@dataclass(frozen=True)
class Shown:
    """What a network is shown of a recording: its clips uint8 [K, T, 2, H, W], one where it sees no clips.

    `share` of its events, 0 to 1, that has come when step t can answer, and `time_ms` since the first, both float32
    [T]; of several clips, those of the last.
    """

    clips: NDArray[np.uint8]
    share: NDArray[np.float32]
    time_ms: NDArray[np.float32]


class Framing(Group):
    """`frames` of a weights file: sensor and orientation of the recordings, resizing, and which frames are seen."""

    sensor: Pair
    extent: Literal["sensor", "recording"]
    orientation: list[str]
    resize: Literal["nearest", "area", "bin"]
    selection: FrameSelection

    @property
    def size(self) -> tuple[int, int]:
        """Return height and width of the frames, px."""
        height, width = self.selection.file.frame_size
        return height, width

    @cached_property
    def settings(self) -> Integrate:
        """Return what `slices_of` asks for, alone: sensor, extent, and each format's turns."""
        turned = (entry.partition(": ") for entry in self.orientation)
        turns = {name: words.split() for name, _, words in turned}
        known: dict[str, Any] = {"sensor": self.sensor, "extent": self.extent, "orientation": turns}
        return Integrate.model_construct(**known)

    def show(self, recording: Recording, events: Events | None = None) -> Shown:
        """Return a recording as the network is shown it.

        Args:
            events: those of its file; None reads it.

        Raises:
            RecordingError: it cannot be read, has no event, or one is off the sensor.
        """
        seen, file = self.selection, self.selection.file
        slices = slices_of(recording, read_events(recording.path) if events is None else events, self.settings)
        try:
            counts = slices.frames(file.steps, self.size, file.slice_by, self.resize)
        except ValueError as error:
            raise RecordingError(recording.path, str(error)) from error
        frames = as_shown(counts)[seen.frames]
        until, time_us = (values[None] for values in slices.ends(file.steps, file.slice_by))
        clips, ends = frames[None], np.arange(file.steps)[seen.frames]
        if seen.clip is not None:
            windows = real_windows(time_us[:, -1], window_us(file.slice_by) or 1)
            starts = clip_starts(windows, seen.steps, seen.clip.test)
            clips = np.concatenate([cut(frames[None], first, seen.steps) for first in starts.T])
            ends = starts[:, -1:] + np.arange(seen.steps)
        latency = input_latency(np.array([len(slices)]), until, time_us, ends, seen.causal)
        return Shown(clips, latency.share[:, 0], latency.time_ms[:, 0])

    def try_show(self, recording: Recording) -> Shown | RecordingError:
        """Return a recording as `show`, or what is wrong with it."""
        try:
            return self.show(recording)
        except RecordingError as error:
            return error


def stacked(shown: Sequence[Shown]) -> NDArray[np.uint8]:
    """Return the clips of recordings, uint8 [K, N, T, 2, H, W]."""
    return np.stack([one.clips for one in shown], axis=1)
