"""A still picture moved before an event camera, as CIFAR10-DVS and N-MNIST were recorded.

The movement is ours; the pixels are v2e's model (Hu et al., CVPRW 2021) in eventcv: lin-log intensity, threshold
mismatch, photoreceptor bandwidth, leak and shot noise, refractory period.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pipeline.config.camera import Recordings
from pipeline.events.types import Events, events_from

Path2D = NDArray[np.float64]

# Corners in units of the amplitude. The diamond's sides run at 45 degrees: each moves every edge across pixels.
DIAMOND = np.array([(0.0, -0.5), (0.5, 0.0), (0.0, 0.5), (-0.5, 0.0), (0.0, -0.5)])
TRIANGLE = np.array([(0.0, 0.0), (0.5, 1.0), (1.0, 0.0), (0.0, 0.0)]) - 0.5
# Offsets are rounded to this fraction of a pixel, so that a last-digit difference in cos() changes no recording.
SUBPIXEL = 1024


def simulate(image: NDArray[np.float32], settings: Recordings, seed: int) -> Events:
    """Record one picture.

    Args:
        image: float32 [side, side], display intensity 0..1.
        settings: sensor, duration, movement and pixel model.
        seed: of this recording's mismatch and noise.

    Returns:
        Events of dtype EVENT, sorted by time, t from 0 µs to the duration.
    """
    import eventcv

    camera = settings.camera
    scene = render(image, settings)
    stream = eventcv.simulate(
        np.float32(camera.background) + np.float32(camera.contrast) * scene,
        fps=settings.frame_rate,
        pos_thres=camera.pos_thres,
        neg_thres=camera.neg_thres,
        sigma_thres=camera.sigma_thres,
        refractory_us=camera.refractory_us,
        cutoff_hz=camera.cutoff_hz,
        leak_rate_hz=camera.leak_rate_hz,
        shot_noise_rate_hz=camera.shot_noise_rate_hz,
        seed=seed,
    )
    x, y, t, p = stream.numpy().T
    start = 1000 * settings.before_ms
    seen = t >= start
    return events_from(t[seen] - start, x[seen], y[seen], p[seen])


def recording_seed(seed: int, name: str) -> int:
    """Derive a recording's own seed from the data set's and its name, so that neither order nor number matters."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:6], "big")


def render(image: NDArray[np.float32], settings: Recordings) -> NDArray[np.float32]:
    """Move a picture over the sensor.

    Returns:
        float32 [frames, height, width], the picture's intensity 0..1 on a ground of 0, shifted bilinearly: what the
        camera sees before the recording, then what is recorded.
    """
    height, width = settings.sensor
    motion = settings.motion
    count = (settings.before_ms + settings.duration_ms) * settings.frame_rate // 1000 + 1
    offsets = PATHS[motion.path](count, motion.loops_before + motion.loops) * motion.amplitude_px
    offsets = np.round(offsets * SUBPIXEL) / SUBPIXEL
    margin = math.ceil(np.abs(offsets).max(initial=0)) + 1
    top, left = (height - len(image)) // 2 + margin, (width - len(image)) // 2 + margin
    ground = np.zeros((height + 2 * margin, width + 2 * margin), np.float32)
    ground[top : top + len(image), left : left + len(image)] = image
    frames = np.empty((count, height, width), np.float32)
    for frame, (dx, dy) in zip(frames, offsets, strict=True):
        _shifted(ground, dx, dy, margin, out=frame)
    return frames


def _shifted(ground: NDArray[np.float32], dx: float, dy: float, margin: int, out: NDArray[np.float32]) -> None:
    x, y = margin - dx, margin - dy
    left, top = math.floor(x), math.floor(y)
    fx, fy = np.float32(x - left), np.float32(y - top)
    height, width = out.shape
    part = ground[top : top + height + 1, left : left + width + 1]
    rows = part[:-1] * (1 - fy) + part[1:] * fy
    np.add(rows[:, :-1] * (1 - fx), rows[:, 1:] * fx, out=out)


def _closed_loop(count: int, loops: int) -> Path2D:
    return _along(DIAMOND, np.linspace(0, loops, count) % 1 * (len(DIAMOND) - 1))


def _saccades(count: int, loops: int) -> Path2D:
    place = np.linspace(0, loops, count) % 1 * (len(TRIANGLE) - 1)
    side = np.floor(place)
    # Raised cosine: each saccade starts and ends at rest.
    return _along(TRIANGLE, side + (1 - np.cos(np.pi * (place - side))) / 2)


PATHS: dict[str, Callable[[int, int], Path2D]] = {"closed_loop": _closed_loop, "saccades": _saccades}


def _along(corners: Path2D, place: NDArray[np.float64]) -> Path2D:
    corner = np.arange(len(corners))
    return np.stack([np.interp(place, corner, corners[:, axis]) for axis in (0, 1)], axis=1)
