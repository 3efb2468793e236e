"""How long a network must wait for its input: what had come of a recording when each step answered."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class InputLatency:
    """What had come of each recording when each step answered, both float32 [t, N].

    `share`: of its events, 0 to 1; `time_ms`: since its first event.
    """

    share: NDArray[np.float32]
    time_ms: NDArray[np.float32]


def input_latency(
    events: NDArray[np.int64],
    events_until: NDArray[np.int64],
    time_until_us: NDArray[np.int64],
    seen: NDArray[np.int64],
    causal: bool = True,
) -> InputLatency:
    """Return the input latency of the frames that a network sees.

    Args:
        events: of each recording, int64 [N].
        events_until, time_until_us: int64 [N, T] of a frames file: events up to the end of each frame, and when the
            last of them came, us.
        seen: the frames, of T, with whose end each step answers: int [t], or [N, t] where recordings differ.
        causal: whether an answer needs the frames up to its step alone; else the first one waits for all.
    """
    seen = np.broadcast_to(seen, (len(events), seen.shape[-1]))
    until, time_us = (np.take_along_axis(values, seen, axis=1) for values in (events_until, time_until_us))
    share, time_ms = (
        (until / np.maximum(events[:, None], 1)).T.astype(np.float32),
        (time_us / 1000).T.astype(np.float32),
    )
    if not causal:
        share, time_ms = (np.repeat(values[-1:], len(values), axis=0) for values in (share, time_ms))
    return InputLatency(share, time_ms)
