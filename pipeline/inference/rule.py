"""When the frames of a recording that is still coming end: after so many events, or after so much time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.config.frames import window_us
from pipeline.errors import ConfigError
from pipeline.events.types import Events
from pipeline.inference.framing import Framing


@dataclass(frozen=True)
class FrameRule:
    """Where each frame of a recording ends, int64 [T]: in events, or in us, from the recording's first event on.

    Frames of events end with their last event; frames of time are half-open, and end when an event or the clock is at
    or past their end. The next recording begins with the first event after the last frame.
    """

    by_events: bool
    ends: NDArray[np.int64]

    def __post_init__(self) -> None:
        if self.ends[-1] < 1:
            raise ConfigError("a frame ends before it has an event, or before a microsecond is over; give more of them")


def rule_of(
    framing: Framing,
    at_once: bool = False,
    events: int | None = None,
    duration_us: int | None = None,
    per_frame: int | None = None,
    frame_ms: float | None = None,
) -> FrameRule:
    """Return the rule by which a stream is cut into frames as a network has learned on.

    A recording is as many frames as its frames file has; of clips, and where the network steps at once on all that it
    gets (`at_once`), as many as the network sees.

    Args:
        events, duration_us: of one recording, from the first event to the last; cut as integration cuts it.
        per_frame, frame_ms: of one frame, in place of those. None of the four: as the weights file says, which it does
            where frames are windows of so many ms.

    Raises:
        ConfigError: more than one is given, none and the weights file does not say, or frames would be empty.
    """
    seen, file = framing.selection, framing.selection.file
    given = [value for value in (events, duration_us, per_frame, frame_ms) if value is not None]
    if len(given) > 1 or any(value < 0 for value in given):
        raise ConfigError(f"expected one number that says when a frame ends, and none below 0, found {given}")
    whole = not at_once and seen.clip is None
    steps = file.steps if whole else seen.steps
    count = np.arange(1, steps + 1, dtype=np.int64)
    window = window_us(file.slice_by)
    if not given and window is None:
        unit = "events" if file.slice_by == "number" else "ms"
        raise ConfigError(
            f"frames share a whole recording by {file.slice_by}, and a stream does not say how long it will be: "
            f"say how many {unit} a frame has, or a recording"
        )
    if events is not None:
        ends = count * (events // file.steps)
        # As integration has it: the last takes the remainder.
        return FrameRule(True, np.append(ends[:-1], events) if whole else ends)
    if duration_us is not None:
        # The first whole microsecond of the next frame; the last event is in the last one.
        ends = -(-count * duration_us // file.steps)
        return FrameRule(False, np.append(ends[:-1], duration_us + 1) if whole else ends)
    if per_frame is not None:
        return FrameRule(True, count * per_frame)
    return FrameRule(False, count * (round(1000 * frame_ms) if frame_ms is not None else window or 0))


def rule_of_recording(framing: Framing, events: Events, at_once: bool = False) -> FrameRule:
    """Return the rule by which a recording, played as a stream, gets the frames that integration gives it."""
    slicing = framing.selection.file.slice_by
    if slicing == "number":
        return rule_of(framing, at_once, events=len(events))
    if slicing == "time":
        return rule_of(framing, at_once, duration_us=int(events["t"][-1]) - int(events["t"][0]))
    return rule_of(framing, at_once)
