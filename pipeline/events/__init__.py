"""Recordings: one reader per file format, named splits, and the camera simulator."""

from pipeline.events.read import FORMATS, read_events
from pipeline.events.types import EVENT, events_from

__all__ = ["EVENT", "FORMATS", "events_from", "read_events"]
