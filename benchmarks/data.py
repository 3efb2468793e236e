"""Rows of the data side: decoding and integrating one recording, and what frames take on disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks import machine, recordings
from benchmarks.context import Context
from benchmarks.isolated import Calls, Isolated, pause
from benchmarks.measure import Candidate, alternate
from benchmarks.peers import jelly_frames, tonic_frames
from benchmarks.result import Goal, Result, sized, timed, unmeasured
from pipeline.errors import ConfigError
from pipeline.events import read_events
from pipeline.events.images import load_images
from pipeline.events.simulator import recording_seed, simulate
from pipeline.events.types import Events
from pipeline.frames import integrate
from pipeline.frames.integrate import turn
from pipeline.frames.store import Header, write
from pipeline.runtime.memory import keep_freed_memory

TONIC, JELLY = "Tonic", "SpikingJelly"
FASTER_THAN_TONIC = Goal(">=", 8)
FASTER_THAN_JELLY = {"AEDAT 2.0": Goal(">=", 1.5), "AEDAT 3.1": Goal(">=", 50), "ATIS": Goal(">=", 1.5)}
SMALLER_THAN_NPZ = Goal("<=", 0.1)

# The simulated camera looking at a picture that fills the sensor of CIFAR10-DVS: about 200,000 events.
SIMULATED = {"sensor": (128, 128), "image_size": 100}
MOTION = {"amplitude_px": 16.0, "loops": 4}
CAMERA = {"contrast": 0.5, "shot_noise_rate_hz": 1.0}
# Recordings read in one turn of a candidate: enough that asking its process takes no share of the time.
READS = 10
# Parts into which the stored recordings are divided, so that there is a spread.
PARTS = 4

Read = Callable[[Path, str, int, tuple[int, int]], NDArray[Any]]


def ours(path: Path, form: str, steps: int, sensor: tuple[int, int]) -> NDArray[np.int64]:
    """Read a recording and count its events in frames, as stage integrate does, at the sensor's size."""
    del form
    return integrate(read_events(path), steps, sensor, sensor)


def agree(form: str, own: NDArray[Any], peer: str, theirs: NDArray[Any]) -> bool:
    """Whether a peer's frames are ours; SpikingJelly's of AEDAT 2.0 once they are turned back."""
    if peer == JELLY:
        theirs = turn(theirs.astype(np.int64), jelly_frames.TURNS[form])
    return np.array_equal(own, theirs)


def decode(context: Context) -> list[Result]:
    """Time decoding and integrating one recording from disk, in three formats."""
    results = []
    for form in recordings.FORMATS:
        path, sensor = recordings.write_recording(context.folder, form, context.sizes.events, context.seed)
        results += _decode_one(context, form, path, sensor)
    return results


def _decode_one(context: Context, form: str, path: Path, sensor: tuple[int, int]) -> list[Result]:
    sizes = context.sizes
    goals = {TONIC: FASTER_THAN_TONIC, JELLY: FASTER_THAN_JELLY[form]}
    readers: dict[str, Read] = {TONIC: tonic_frames.frames, JELLY: jelly_frames.frames}
    notes = {
        TONIC: tonic_frames.NOTE if form != "ATIS" else "",
        JELLY: jelly_frames.NOTE,
    }
    case = f"{form}, {sizes.events:,} events, {sizes.steps} frames {sensor[0]}×{sensor[1]}"
    own = ours(path, form, sizes.steps, sensor)
    results: list[Result] = []
    names = ["ours"]
    for peer, read in readers.items():
        try:
            theirs = read(path, form, sizes.steps, sensor)
        except Exception as error:  # a library that cannot read a format may raise anything; the table tells it
            note = f"{peer} cannot read it: {type(error).__name__}: {error}"
            results.append(unmeasured("decode", case, peer, goals[peer], note))
            continue
        if not agree(form, own, peer, theirs):
            results.append(unmeasured("decode", case, peer, goals[peer], f"{peer} gives other frames"))
            continue
        names.append(peer)
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(Isolated(reading, name, path, form, sizes.steps, sensor)) for name in names
        }
        load = machine.load()
        turns = [Candidate(name, partial(one.call, "read"), pause) for name, one in running.items()]
        found = alternate(turns, sizes.data_rounds)
        times = {name: [seconds / READS for seconds in values] for name, values in found.items()}
    for peer in names[1:]:
        note = "; ".join(part for part in ("same frames", notes[peer]) if part)
        results.append(timed("decode", case, peer, goals[peer], times, load=load, note=note))
    return results


def reading(name: str, path: Path, form: str, steps: int, sensor: tuple[int, int]) -> Calls:
    """Build a candidate of row decode: ours as a worker of stage integrate runs it, or a peer."""
    if name == "ours":
        keep_freed_memory()
    readers: dict[str, Read] = {"ours": ours, TONIC: tonic_frames.frames, JELLY: jelly_frames.frames}
    read = readers[name]

    def several() -> None:
        for _ in range(READS):
            read(path, form, steps, sensor)

    return {"read": several}


def disk(context: Context) -> list[Result]:
    """Weigh frames of simulated recordings: one HDF5 file against SpikingJelly's npz, scaled to a whole set."""
    sizes = context.sizes
    full = simulated(context)
    small = [integrate(events, sizes.steps, (128, 128), (48, 48)) for events in full]
    large = [integrate(events, sizes.steps, (128, 128), (128, 128)) for events in full]
    results = []
    for case, own, theirs in (
        ("ours 48×48, npz 128×128: what each stores", small, large),
        ("both 128×128", large, large),
        ("both 48×48", small, small),
    ):
        pairs = [_bytes(context, own[part::PARTS], theirs[part::PARTS]) for part in range(PARTS)]
        scale = sizes.scaled / 2**30
        results.append(
            sized(
                "disk",
                f"{sizes.steps} frames, {case}",
                f"{JELLY} npz",
                "GiB",
                SMALLER_THAN_NPZ,
                [ours / count * scale for ours, _, count in pairs],
                [theirs / count * scale for _, theirs, count in pairs],
                f"{sizes.stored} simulated recordings of {np.mean([len(events) for events in full]):,.0f} events, "
                f"scaled to {sizes.scaled:,} by number; npz as np_savez writes it, float64 and compressed",
            )
        )
    return results


def simulated(context: Context) -> list[Events]:
    """Record as many pictures as are stored, each class in turn, by the simulated camera."""
    settings = context.params.dataset("embedded").recordings
    if settings is None:
        raise ConfigError("params.yaml: datasets.embedded.recordings is null; the disk row takes its camera from there")
    settings = settings.model_copy(
        update={
            **SIMULATED,
            "motion": settings.motion.model_copy(update=MOTION),
            "camera": settings.camera.model_copy(update=CAMERA),
        }
    )
    count = context.sizes.stored
    # The digits are ten classes.
    pictures = load_images("mnist", -(-count // 10), settings.image_size)
    turns = [(f"{name}/{index}", picture) for index, row in enumerate(zip(*pictures.values(), strict=True))
             for name, picture in zip(pictures, row, strict=True)]  # fmt: skip
    return [simulate(picture, settings, recording_seed(context.seed, name)) for name, picture in turns[:count]]


def _bytes(context: Context, own: list[NDArray[Any]], theirs: list[NDArray[Any]]) -> tuple[int, int, int]:
    """Write both; give the bytes of ours, of the peer's, and the number of recordings."""
    path = context.folder / "frames.h5"
    clipped = [np.minimum(frames, 255).astype(np.uint8) for frames in own]
    steps, _, *size = clipped[0].shape
    count = len(own)
    header = Header("benchmark", ["a"], steps, "number", size, size, "nearest", "", "", 0)
    ends = [np.zeros(steps, np.int64)] * count
    write(path, clipped, header, [0] * count, [0] * count, [f"a/{index}" for index in range(count)], ends, ends)
    total = 0
    for frames in theirs:
        npz = context.folder / "frames.npz"
        jelly_frames.save(npz, frames)
        total += npz.stat().st_size
    return path.stat().st_size, total, count
