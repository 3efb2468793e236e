"""The row of streams: time from a frame's last event to the answer, and the events a second that are kept up with."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import torch

from benchmarks.core import FULL, PHASE, SIMULATED, STEPS, Context, candidates
from benchmarks.data import moving_blob
from benchmarks.nets import CLASSES, IF, hardware_of, planned
from benchmarks.report import Row
from pipeline.config.frames import FrameFile, FrameSelection
from pipeline.inference.framing import Framing
from pipeline.inference.model import Model
from pipeline.inference.rule import rule_of
from pipeline.inference.stream import LiveClassifier

# Events of a recording, about as many as the data set's have at the median; packets that a frame comes in.
EVENTS, PACKETS = {FULL: 200_000, SIMULATED: 3_000}, 20


def stream(context: Context) -> list[Row]:
    """Measure the VGG-SNN of IF neurons on one core, frame by frame."""
    rows = []
    for dataset in context.pick((FULL, SIMULATED), (SIMULATED,)):
        with candidates({dataset: partial(calls, context, dataset)}) as running:
            taken, rate = running[dataset].call("stream")
        settings, width = context.params.dataset(dataset).integrate, context.params.dataset(dataset).width
        height, breadth = settings.frame_size
        what = f"VGG-SNN ×{width:g}, IF, {height}×{breadth}, frames of {EVENTS[dataset] // STEPS:,} events, one core"
        note = f"{len(taken)} frames, each in {PACKETS} packets, of which the last ends it"
        for share in (50, 99):
            case = f"{what}: last event to answer, p{share}"
            rows.append(Row("stream", case, ours=float(np.percentile(taken, share)), turns=len(taken), note=note))
        rows.append(
            Row("stream", f"{what}, one after the other", unit="events/s", ours=rate, turns=len(taken), note=note)
        )
    return rows


def calls(context: Context, dataset: str) -> dict[str, Callable[[], Any]]:
    """Return what the process of a data set does."""
    return {"stream": partial(measured, context, dataset)}


def measured(context: Context, dataset: str) -> tuple[list[float], float]:
    """Return the seconds from each frame's last packet to its answer, and events a second over all."""
    settings = context.params.dataset(dataset).integrate
    height, width = settings.sensor
    file = FrameFile(steps=STEPS, frame_size=settings.frame_size, slice_by="number")
    seen = FrameSelection(file=file, first=STEPS - PHASE, stop=STEPS)
    framing = Framing(sensor=settings.sensor, extent="sensor", orientation=[], resize=settings.resize, selection=seen)
    about = {"run": {"dataset": dataset, "ann": None, "recipe": IF, "seed": context.seed}}
    net = planned(context, IF, dataset)[1].to(context.device).eval()
    model = Model(net, [str(index) for index in range(CLASSES)], framing, about, hardware_of())
    per_frame = EVENTS[dataset] // STEPS
    live = LiveClassifier(model, rule_of(framing, at_once=True, per_frame=per_frame), at_once=True)
    events = moving_blob(EVENTS[dataset], (height, width), context.seed)
    taken, count, spent = list[float](), 0, 0.0
    warm = context.pick(10, 1)
    with one_core():
        for number in range(warm + context.pick(500, 5)):
            begin = number % STEPS * per_frame
            for packet in np.array_split(events[begin : begin + per_frame], PACKETS):
                before = time.perf_counter()
                said = live.feed(packet)
                last = time.perf_counter() - before
                spent, count = (spent + last, count + len(packet)) if number >= warm else (0.0, 0)
            assert len(said) == 1, said
            taken.append(last)
    return taken[warm:], count / spent


@contextmanager
def one_core() -> Iterator[None]:
    """Let this process, and torch, compute on one core."""
    threads, cores = torch.get_num_threads(), os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else None
    try:
        torch.set_num_threads(1)
        if cores is not None:
            os.sched_setaffinity(0, {max(cores)})
        yield
    finally:
        torch.set_num_threads(threads)
        if cores is not None:
            os.sched_setaffinity(0, cores)
