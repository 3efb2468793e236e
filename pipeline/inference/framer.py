"""Events as they come, cut into the frames of one recording after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pipeline.events.types import EVENT, Events
from pipeline.inference.rule import FrameRule


@dataclass(frozen=True)
class ClosedFrame:
    """A frame that has ended: its place in its recording, from 0, its events, and when the last had come.

    `begin_us`: time of the recording's first event; `last_us`: of the last event so far.
    """

    place: int
    events: Events
    begin_us: int
    last_us: int


class Framer:
    """Cuts packets of events into frames; keeps the events of the open frame alone."""

    def __init__(self, rule: FrameRule) -> None:
        self.rule = rule
        self._parts: list[Events] = []
        # Of the recording that has begun: time of its first and its last event, events, frames that have ended.
        self._begin: int | None = None
        self._last, self._count, self._place = 0, 0, 0

    def feed(self, events: Events, until_us: int | None = None) -> Iterator[ClosedFrame]:
        """Yield the frames that end with a packet.

        Args:
            events: in order of time, none before those of the last packet. until_us: the clock, where it is known: all
                events before have come, so that frames of time end without another.
        """
        while True:
            if self._begin is None:
                if not len(events):
                    return
                self._begin = self._last = int(events["t"][0])
            end = int(self.rule.ends[self._place])
            if self.rule.by_events:
                taken = min(len(events), end - self._count)
                closed = self._count + taken == end
            else:
                edge = self._begin + end
                taken = int(np.searchsorted(events["t"], edge))
                closed = taken < len(events) or (until_us is not None and until_us >= edge)
            self._take(events[:taken])
            events = events[taken:]
            if not closed:
                return
            yield self._close()

    def end(self) -> Iterator[ClosedFrame]:
        """Yield what is left when the stream ends.

        The open frame is one, if it has an event; frames of time that have not begun are empty, as those of a recording
        that is shorter than its windows.
        """
        while self._begin is not None and (self._parts or not self.rule.by_events):
            yield self._close()
        self.restart()

    def restart(self) -> None:
        """Let the next event begin a recording; the open frame is forgotten."""
        self._parts, self._begin, self._count, self._place = [], None, 0, 0

    def _take(self, events: Events) -> None:
        if len(events):
            self._parts.append(events)
            self._count += len(events)
            self._last = int(events["t"][-1])

    def _close(self) -> ClosedFrame:
        events = np.concatenate(self._parts) if self._parts else np.empty(0, EVENT)
        assert self._begin is not None
        closed = ClosedFrame(self._place, events, self._begin, self._last)
        self._parts = []
        self._place += 1
        if self._place == len(self.rule.ends):
            self.restart()
        return closed
