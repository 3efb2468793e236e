"""Recordings as SpikingJelly's `events_np`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipeline.events.npz import ARRAYS
from pipeline.events.types import Events


def write(path: Path, events: Events, compressed: bool = False) -> None:
    """Write events as a .npz file of int64 arrays t (µs), x, y and p."""
    save = np.savez_compressed if compressed else np.savez
    save(path, **{name: events[name].astype(np.int64) for name in ARRAYS})
