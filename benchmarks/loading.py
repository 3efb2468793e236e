"""Row of an epoch: frames from disk to augmented float batches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks import machine, ours, recordings
from benchmarks.context import Context
from benchmarks.isolated import Calls, Isolated, pause
from benchmarks.measure import Candidate, alternate
from benchmarks.peers import jelly_frames
from benchmarks.peers.loader import NpzFolder, Transform, loader
from benchmarks.peers.tonic_frames import cached
from benchmarks.result import Goal, Result, timed
from pipeline.config import Augment
from pipeline.frames.store import Header, load, write
from pipeline.nets.network import laid_out
from pipeline.training.augment import augment
from pipeline.training.loop import epoch_order, generator

GOAL = Goal(">=", 10)
SIZE = (48, 48)
WORKERS = 2
OURS = "ours"
JELLY, TONIC = "SpikingJelly npz + DataLoader", "Tonic DiskCachedDataset + DataLoader"


class InMemory:
    """Ours: the frames file read once, uint8; batches cut, varied and made float whole, as `training.loop.fit` does."""

    def __init__(self, path: Path, phase: int, batch: int, settings: Augment) -> None:
        self.path, self.phase, self.batch, self.settings = path, phase, batch, settings
        self.read()

    def read(self) -> None:
        """Read the frames file, what a run does once."""
        found = load(self.path, 0)
        self.frames = torch.from_numpy(np.ascontiguousarray(found.frames[:, : self.phase]))
        self.labels = torch.from_numpy(found.labels)

    def batches(self, seed: int = 0, epoch: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """Give an epoch: float32 [T·N, 2, H, W] as the network's first layer takes it, and labels."""
        for step, indices in enumerate(epoch_order(len(self.labels), seed, epoch).split(self.batch)):
            batch = augment(self.frames.index_select(0, indices), self.settings, generator(seed, epoch, step, 1))
            yield laid_out(batch.transpose(0, 1)), self.labels[indices]


def consume(batches: Any) -> int:
    """Go through an epoch; give the number of samples."""
    return sum(len(labels) for _, labels in batches)


def write_sets(context: Context, frames: NDArray[np.uint8], labels: list[int]) -> tuple[Path, list[Path]]:
    """Write the same frames as our one file and as SpikingJelly's folder; give the file and the folder's files."""
    count, steps = frames.shape[:2]
    path, folder = context.folder / "epoch.h5", context.folder / "npz"
    folder.mkdir(exist_ok=True)
    classes = [str(label) for label in range(10)]
    header = Header("benchmark", classes, steps, "number", list(SIZE), list(SIZE), "nearest", "", "", 0)
    ends = [np.zeros(steps, np.int64)] * count
    write(path, frames, header, labels, [0] * count, [f"a/{index:06d}" for index in range(count)], ends, ends)
    files = [folder / f"{index:06d}.npz" for index in range(count)]
    for file, counts in zip(files, frames, strict=True):
        jelly_frames.save(file, counts)
    return path, files


def own_calls(path: Path, context: Context) -> Calls:
    """Give our reading of the frames file, and our epoch, under the settings of a run."""
    ours.settings("cpu")
    sizes = context.sizes
    own = InMemory(path, sizes.phase, sizes.loading_batch, context.params.dataset("cifar10dvs").augment)
    return {"read": own.read, "epoch": lambda: consume(own.batches())}


def jelly_calls(files: list[Path], labels: list[int], context: Context) -> Calls:
    """Give an epoch of SpikingJelly's files through a DataLoader."""
    transform = Transform(context.sizes.phase, context.params.dataset("cifar10dvs").augment)
    return _loader_calls(NpzFolder(files, labels, transform), context)


def tonic_calls(frames: NDArray[np.uint8], labels: list[int], context: Context) -> Calls:
    """Give an epoch of Tonic's disk cache through a DataLoader; the cache is filled first."""
    transform = Transform(context.sizes.phase, context.params.dataset("cifar10dvs").augment)
    # Tonic's frames are int16, as ToFrame gives them.
    samples = list(zip(frames.astype(np.int16), labels, strict=True))
    return _loader_calls(cached(samples, context.folder / "tonic", transform), context)


def _loader_calls(dataset: Any, context: Context) -> Calls:
    made = loader(dataset, context.sizes.loading_batch, workers(), context.seed)
    return {"epoch": lambda: consume(made)}


def workers() -> int:
    """Give the number of a peer's worker processes."""
    return min(WORKERS, os.cpu_count() or 1)


def epoch(context: Context) -> list[Result]:
    """Time an epoch of loading and augmentation, 48×48, a phase's frames of each recording."""
    sizes = context.sizes
    frames = recordings.random_frames(sizes.recordings, sizes.steps, SIZE, context.seed)
    labels = recordings.random_labels(sizes.recordings, 10, context.seed).tolist()
    path, files = write_sets(context, frames, labels)
    with ExitStack() as stack:
        own = stack.enter_context(Isolated(own_calls, path, context))
        peers = {
            JELLY: stack.enter_context(Isolated(jelly_calls, files, labels, context)),
            TONIC: stack.enter_context(Isolated(tonic_calls, frames, labels, context)),
        }
        candidates = [Candidate("read", partial(own.call, "read"), pause)]
        candidates += [Candidate(name, partial(one.call, "epoch"), pause) for name, one in {OURS: own, **peers}.items()]
        load = machine.load()
        times = alternate(candidates, sizes.loading_rounds)
    case = f"{sizes.recordings} recordings, T = {sizes.phase} of {sizes.steps}, batch {sizes.loading_batch}"
    shared, first = (
        [once / epochs + each for once, each in zip(times["read"], times[OURS], strict=True)]
        for epochs in (sizes.epochs, 1)
    )
    results = []
    for peer in peers:
        note = f"{workers()} workers that stay; ours: none, reading the file shared among {sizes.epochs} epochs"
        found = {OURS: shared, peer: times[peer]}
        results.append(timed("epoch", case, peer, GOAL, found, load=load, note=note))
        found = {OURS: first, peer: times[peer]}
        note = "ours with the whole of the file's reading; files cached by the system"
        results.append(timed("epoch", f"{case}, a run of one epoch", peer, None, found, load=load, note=note))
    return results
