"""Rows of recordings: decoding and integrating one, what frames take on disk, an epoch of loading them, varied."""

import os
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.core import FULL, OURS, PHASE, SIMULATED, STEPS, Calls, Context, candidates, in_turn
from benchmarks.nets import CLASSES, hardware_of, random_frames
from benchmarks.peers import JELLY, NOTES, TONIC, TURNS, jelly, loader, save, tonic, varied
from benchmarks.report import Row
from pipeline.camera.record import record
from pipeline.errors import ConfigError
from pipeline.events import aedat2, aedat3, atis, read, types
from pipeline.events.sides import TRAIN
from pipeline.frames import integrate, selection, store, write
from pipeline.nets.forward import laid_out
from pipeline.runtime.files import write_json
from pipeline.runtime.memory import keep_freed_memory
from pipeline.training import loop, losses, seeds
from pipeline.training.augmentations import nda

# Of CIFAR10-DVS, DVS128 Gesture and N-Caltech101: writer, sensor (height, width, px), goals.
FORMATS: dict[str, tuple[Any, tuple[int, int], dict[str, str]]] = {
    "AEDAT 2.0": (aedat2.write, (128, 128), {TONIC: "≥ 8×", JELLY: "≥ 1.5×"}),
    "AEDAT 3.1": (aedat3.write, (128, 128), {TONIC: "≥ 8×", JELLY: "≥ 50×"}),
    "ATIS": (atis.write, (180, 240), {TONIC: "≥ 8×", JELLY: "≥ 1.5×"}),
}
# The simulated camera looking at a picture that fills the sensor of CIFAR10-DVS: about 200,000 events.
LARGE = {"sensor": [128, 128], "image_size": 100}
MOTION, CAMERA = {"amplitude_px": 16.0, "loops": 4}, {"contrast": 0.5, "shot_noise_rate_hz": 1.0}
# Parts into which the stored recordings are divided, so that there is a spread; recordings they are scaled to.
PARTS, SCALED = 4, 10_000
# Of the epoch: side of the frames, px; workers of the peers; the paper's epochs, which share one reading of our file.
SIDE, WORKERS, EPOCHS = 48, min(2, os.cpu_count() or 1), 300
NPZ, CACHED = "SpikingJelly npz + DataLoader", "Tonic DiskCachedDataset + DataLoader"
# Ours as stage integrate counts, at the sensor's size.
READERS: dict[str, Any] = {
    OURS: lambda path, form, steps, sensor: integrate.integrate(read.read_events(path), steps, sensor, sensor),  # noqa: ARG005
    TONIC: tonic,
    JELLY: jelly,
}


def decode(context: Context) -> list[Row]:
    """Time decoding and integrating one recording from disk, in three formats."""
    # Divisible by the frames: Tonic's ToFrame drops a remainder.
    count, results = context.pick(200_000, 2_000), []
    for form, (writer, sensor, goals) in FORMATS.items():
        path = context.folder / f"{form}.{'bin' if form == 'ATIS' else 'aedat'}"
        writer(path, moving_blob(count, sensor, context.seed))
        wrong = {peer: differs(peer, path, form, sensor) for peer in goals}
        names = [name for name in READERS if not wrong.get(name)]
        with candidates({name: partial(reading, name, path, form, sensor) for name in names}) as running:
            times = in_turn(running, "read", context.pick(15, 2))
        for peer, goal in goals.items():
            case = f"{form}, {count:,} events, {STEPS} frames {sensor[0]}×{sensor[1]}"
            row = Row("decode", case, peer, goal, note=wrong[peer])
            note = "same frames" if (peer, form) == (TONIC, "ATIS") else f"same frames; {NOTES[peer]}"
            results.append(row if wrong[peer] else row.compared(times[OURS], times[peer], note))
    return results


def moving_blob(count: int, sensor: tuple[int, int], seed: int) -> types.Events:
    """Return events of a blob that moves in a circle over a sensor (height, width, px), a fifth of them noise."""
    rng, duration_us = np.random.default_rng(seed), 1_300_000
    t = np.sort(rng.integers(0, duration_us, count))
    angle, noise = 2 * np.pi * t / duration_us, rng.random(count) < 0.2
    places = list[NDArray[np.int64]]()
    for side, wave in zip(sensor[::-1], (np.cos(angle), np.sin(angle)), strict=True):
        anywhere = rng.integers(0, side, count)
        blob = np.clip(side / 2 + side / 4 * wave + rng.normal(0, side / 12, count), 0, side - 1)
        places.append(np.where(noise, anywhere, blob).astype(np.int64))
    columns, rows = places
    return types.events_from(t, columns, rows, rng.random(count) < 1 / 2)


def differs(peer: str, path: Path, form: str, sensor: tuple[int, int]) -> str:
    """Return why a peer's frames are not ours, SpikingJelly's once they are turned back; nothing where they are."""
    try:
        theirs = READERS[peer](path, form, STEPS, sensor)
    except Exception as error:  # a library that cannot read a format may raise anything; the table tells it
        return f"{peer} cannot read it: {type(error).__name__}: {error}"
    if peer == JELLY:
        theirs = integrate.turn(theirs.astype(np.int64), TURNS[form])
    return "" if np.array_equal(READERS[OURS](path, form, STEPS, sensor), theirs) else f"{peer} gives other frames"


def reading(name: str, path: Path, form: str, sensor: tuple[int, int]) -> Calls:
    """Return a candidate's reading of the recording ten times, ours as a worker of stage integrate runs it."""
    if name == OURS:
        keep_freed_memory()
    return {"read": lambda: [None for _ in range(10) if READERS[name](path, form, STEPS, sensor) is None]}


def disk(context: Context) -> list[Row]:
    """Weigh frames of simulated recordings: one HDF5 file against SpikingJelly's npz, scaled to a whole set."""
    settings, source = context.params.dataset(SIMULATED).recordings, context.folder / "recordings"
    if settings is None:
        raise ConfigError(f"params/datasets.yaml: {SIMULATED}.recordings is null; row disk takes its camera from there")
    motion, camera = settings.motion.model_copy(update=MOTION), settings.camera.model_copy(update=CAMERA)
    changed = {**LARGE, "motion": motion, "camera": camera, "per_class": context.pick(10, 1)}
    events = record(settings.model_copy(update=changed), context.folder / "pictures", source, workers=1)
    recordings = [read.read_events(path) for path in sorted(source.rglob("*.aedat"))]
    small, large = (
        [np.minimum(integrate.integrate(one, STEPS, (128, 128), (side, side)), 255) for one in recordings]
        for side in (48, 128)
    )
    note = f"{len(small)} simulated recordings of {events / len(small):,.0f} events, scaled to {SCALED:,} by number; "
    results, path, npz = [], context.folder / "frames.h5", context.folder / "frames.npz"
    for case, own, theirs in (
        ("ours 48×48, npz 128×128: what each stores", small, large), ("both 128×128", large, large),
        ("both 48×48", small, small),
    ):  # fmt: skip
        gib: tuple[list[float], list[float]] = [], []
        for part in range(PARTS):
            frames, scale = [x.astype(np.uint8) for x in own[part::PARTS]], SCALED / len(own[part::PARTS]) / 2**30
            write_frames(path, frames, [0] * len(frames), ["a"])
            gib[0].append(path.stat().st_size * scale)
            gib[1].append(sum(save(npz, x) for x in theirs[part::PARTS]) * scale)
        row = Row("disk", f"{STEPS} frames, {case}", f"{JELLY} npz", "≤ 0.1×", "GiB")
        results.append(row.compared(*gib, f"{note}npz as np_savez writes it, float64 and compressed", inverse=True))
    return results


def write_frames(path: Path, frames: Sequence[NDArray[np.uint8]], labels: Sequence[int], classes: list[str]) -> None:
    """Write frames [T, 2, H, W] as the pipeline's one file, all on the training side."""
    count, (steps, _, *size) = len(frames), frames[0].shape
    header = store.Header("benchmark", classes, steps, "number", size, size, "nearest", "", "", 0)
    ends = [np.zeros(steps, np.int64)] * count
    write.write(path, frames, header, labels, [0] * count, [f"a/{index:06d}" for index in range(count)], ends, ends)


def epoch(context: Context) -> list[Row]:
    """Time an epoch of loading and augmentation, 48×48, a phase's frames of each recording."""
    count, batch = context.pick(512, 24), context.pick(128, 8)
    frames, labels = random_frames(count, STEPS, [SIDE, SIDE], context.seed)
    written = write_sets(context.folder, frames, labels.tolist())
    makes = {name: partial(loading, context, name, *written, labels.tolist(), batch) for name in (OURS, NPZ, CACHED)}
    with candidates(makes) as running:
        times = in_turn(running, "epoch", context.pick(5, 2))
        reads = in_turn({OURS: running[OURS]}, "read", context.pick(5, 2))[OURS]
    case = f"{count} recordings, T = {PHASE} of {STEPS}, batch {batch}"
    shared, once = ((np.array(times[OURS]) + np.array(reads) / epochs).tolist() for epochs in (EPOCHS, 1))
    note = f"{WORKERS} workers that stay; ours: none, reading the file shared among {EPOCHS} epochs"
    whole, results = "ours with the whole of the file's reading; files cached by the system", []
    for peer in (NPZ, CACHED):
        results.append(Row("epoch", case, peer, "≥ 10×").compared(shared, times[peer], note))
        results.append(Row("epoch", f"{case}, a run of one epoch", peer).compared(once, times[peer], whole))
    return results


def write_sets(folder: Path, frames: NDArray[np.uint8], labels: list[int]) -> tuple[Path, list[Path]]:
    """Write the same frames as our one file and SpikingJelly's folder; return our pointer and the folder's files."""
    path, pointer, classes = folder / "epoch.h5", folder / "epoch.json", [str(label) for label in range(CLASSES)]
    write_frames(path, list(frames), labels, classes)
    seen = selection.Pointer(
        file=path.name, sha256=store.file_sha256(path), steps=STEPS, frame_size=[SIDE, SIDE],
        slice_by="number", first=0, stop=PHASE, stride=1, causal=True, clip=None,
        classes=classes, n_train=len(frames), n_validation=0, n_test=0, manifest="",
    )  # fmt: skip
    write_json(pointer, seen.model_dump())
    files = [folder / f"{index:06d}.npz" for index in range(len(frames))]
    deque(map(save, files, frames), 0)
    return pointer, files


def loading(context: Context, name: str, pointer: Path, files: list[Path], labels: list[int], batch: int) -> Calls:
    """Return a candidate's epoch, and our reading, under the settings of a run."""
    options: Any = context.params.dataset(FULL).augmentation[0]
    if name == OURS:
        hardware_of()
        read, held = partial(selection.load, pointer, TRAIN), selection.load(pointer, TRAIN)
        return {"read": read, "epoch": lambda: deque(own(held, batch, options), 0)}
    cache, samples = context.folder / "tonic" if name == CACHED else None, list(zip(files, labels, strict=True))
    batches = loader(samples, partial(varied, PHASE, options), cache, batch, WORKERS, context.seed)
    return {"epoch": lambda: deque(batches, 0)}


def own(held: selection.LabelledFrames, batch: int, options: nda.Options) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield our epoch of a run's frames as `training.loop.fit` sees it: batches float32 [T, N, 2, H, W] and labels."""
    frames, labels = torch.from_numpy(held.frames), torch.from_numpy(held.labels)
    for step, indices in enumerate(loop.epoch_order(len(labels), 0, 0).split(batch)):
        drawn, targets = seeds.stream(0, "augmentation", 0, step), losses.Targets(labels[indices])
        changed, targets = nda.augment(frames.index_select(0, indices), targets, options, drawn)
        yield laid_out(changed.transpose(0, 1)), targets.labels
