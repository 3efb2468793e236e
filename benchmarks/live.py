"""Rows of trained networks in use: streams, frame by frame, and what weights of 8 bits cost in accuracy."""

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
from pipeline.errors import PipelineError
from pipeline.evaluation.accuracy import predict
from pipeline.events.sides import TEST
from pipeline.frames.selection import load
from pipeline.inference.framing import Framing
from pipeline.inference.model import ENDING, Model, load_model
from pipeline.inference.prepare import ready
from pipeline.inference.rule import rule_of
from pipeline.inference.stream import LiveClassifier
from pipeline.results import paths
from pipeline.results.answers import answers
from pipeline.runtime.hardware import Hardware

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


def int8_accuracy(context: Context) -> list[Row]:
    """Compare accuracies, %, in int8 and in float32, of the spiking networks whose weights are in this folder's data/.

    Raises:
        PipelineError: there are none.
    """
    device, rows = torch.device(context.device), list[Row]()
    for path in sorted((paths.DATA / "models").rglob(f"*{ENDING}")):
        model = load_model(path, Hardware(device, "fp32"))
        run = paths.RunName(**model.about["run"])
        if run.recipe == "ann":
            continue
        place = paths.selected_name(run.ann, paths.PHASES[2] if run.recipe == "converted" else run.recipe)
        seen = load(paths.selected(run.dataset, place), TEST)
        right = {}
        for name in ("int8", "fp32"):
            said = predict(model.network, seen.frames, model.batch_size, Hardware(device, name), prepare=ready)
            right[name] = 100 * float((answers(said) == seen.labels).mean())
        row = Row("int8_accuracy", f"accuracy of {run}, int8", "in fp32", unit="%")
        note = f"{len(seen.labels)} test recordings; ratio int8 / fp32"
        rows.append(row.compared([right["int8"]], [right["fp32"]], note, inverse=True))
    if not rows:
        raise PipelineError(f"no weights below {paths.DATA / 'models'}; `dvc repro` makes them")
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
