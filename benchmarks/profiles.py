"""Where the time of a training goes, and how far its convolutions are from the machine's limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import machine, ours, recordings
from benchmarks.context import Context
from benchmarks.measure import ratios, spread
from benchmarks.result import Result
from pipeline.nets import FrameNet
from pipeline.runtime.hardware import Hardware
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.loop import fit
from pipeline.training.recipes import Objective, ann_objective, frozen, snn_objective

# The profiler's names of the operations of each part; the rest is casts, copies, losses and Python.
PARTS = {
    "convolution forward": ("aten::mkldnn_convolution", "aten::cudnn_convolution"),
    "convolution backward": ("aten::convolution_backward",),
    "batch norm": ("aten::native_batch_norm", "aten::native_batch_norm_backward", "aten::cudnn_batch_norm"),
    "neurons and QCFS": ("_Spike", "_SpikeBackward", "_Quantise", "_QuantiseBackward"),
    "pooling": ("aten::avg_pool2d", "aten::avg_pool2d_backward"),
    "optimiser": ("Optimizer.step#SGD.step", "Optimizer.step#Adam.step"),
}
REST = "casts, losses, the rest"
# Passes before the profile, and steps in it where an epoch would take minutes.
WARMUP, STEPS = 2, 5
# Side of the matrix product on a CPU: a second or so in fp32.
LARGEST_ON_CPU = 4096
DATASET, ANN, RECIPES = "embedded", "l8", ("if", "hsd")


def profiles(context: Context) -> list[Result]:
    """Give each part's share of the time, in percent: of an epoch on the embedded shape, of steps at the full shape."""
    hardware = ours.settings(context.device)
    results = []
    for title, run in (*_epochs(context, hardware), *_steps(context, hardware)):
        load = machine.load()
        results += [
            Result("profile", title, part, "%", None, ours=100 * share, turns=1, load=load)
            for part, share in shares(run).items()
        ]
    return results


def limit(context: Context) -> list[Result]:
    """Compare the rate of training steps at the full shape with a large matrix product's, and that with fp32's."""
    hardware = ours.settings(context.device)
    side = context.sizes.matrix if context.device != "cpu" else min(context.sizes.matrix, LARGEST_ON_CPU)
    product, plain = (_product(side, hardware, dtype) for dtype in (hardware.dtype, torch.float32))
    load = machine.load()
    rates = [
        [2 * side**3 / _seconds(run, hardware) / 1e9 for run in (product, plain)]
        for _ in range(WARMUP + context.sizes.net_rounds)
    ][WARMUP:]
    own, full = (list(values) for values in zip(*rates, strict=True))
    results = [
        Result(
            "limit", f"matrix product of {side} x {side}, {hardware.precision}", "the same in fp32", "GFLOP/s", None,
            spread(own).median, spread(full).median, spread(ratios(own, full)), len(own), load,
        )
    ]  # fmt: skip
    for title, run in _steps(context, hardware):
        with FlopCounterMode(display=False) as counter:
            run()
        work = counter.get_total_flops() / STEPS
        load = machine.load()
        own, full = [], []
        for _ in range(context.sizes.net_rounds):
            own.append(work / (_seconds(run, hardware) / STEPS) / 1e9)
            full.append(2 * side**3 / _seconds(product, hardware) / 1e9)
        note = f"{work / 1e9:.0f} GFLOP a step, of convolutions and linear layers; matrices of {side} x {side}"
        results.append(
            Result(
                "limit", title, f"matrix product, {hardware.precision}", "GFLOP/s", None, spread(own).median,
                spread(full).median, spread(ratios(own, full)), len(own), load, note,
            )
        )  # fmt: skip
    return results


def _product(side: int, hardware: Hardware, dtype: torch.dtype) -> Callable[[], Any]:
    a, b = (torch.randn(side, side).to(hardware.device, dtype) for _ in range(2))
    return lambda: torch.mm(a, b)


def shares(run: Callable[[], Any]) -> dict[str, float]:
    """Profile a call, after warm-up, and give each part's share of the processor's time; together 1."""
    for _ in range(WARMUP):
        run()
    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        run()
    events = recorded.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    found = {
        part: sum(event.cpu_time_total for event in events if event.key in names) / total
        for part, names in PARTS.items()
    }
    return found | {REST: 1 - sum(found.values())}


def _epochs(context: Context, hardware: Hardware) -> list[tuple[str, Callable[[], Any]]]:
    """Name and give an epoch of each kind of training at the embedded set's shape, with its settings."""
    params = context.params
    settings = params.dataset(DATASET)
    size = (settings.integrate.frame_size[0], settings.integrate.frame_size[1])
    shape = ours.Shape(size=size, width=params.network_of(DATASET).width)
    count = settings.train_ann.schedule.batch_size * STEPS
    frames = recordings.random_frames(count, settings.phases.t2, size, context.seed)
    labels = recordings.random_labels(count, shape.classes, context.seed).numpy()

    def epoch(net: FrameNet, objective: Objective, schedule: Any) -> Callable[[], Any]:
        short = schedule.model_copy(update={"epochs": 1})

        def run() -> None:
            checkpoint = Checkpoint({"profile": id(net)}, context.folder)
            fit(net, frames, labels, objective, short, context.seed, hardware, checkpoint, "profile")
            checkpoint.delete()

        return run

    ann = ours.ann(shape, params.levels(DATASET, ANN), settings.train_ann.threshold, context.seed)
    made = [(f"ANN, epoch of {DATASET}", epoch(ann, ann_objective(settings.train_ann), settings.train_ann.schedule))]
    for name in RECIPES:
        recipe = params.recipe(name)
        net = ours.converted(ann) if recipe.init == "converted" else ours.snn(shape, recipe.neuron, context.seed)
        teacher = frozen(ann).to(hardware.device) if recipe.needs_ann else None
        schedule = getattr(settings.finetune, recipe.init)
        made.append((f"{name}, epoch of {DATASET}", epoch(net, snn_objective(recipe, teacher), schedule)))
    return made


def _steps(context: Context, hardware: Hardware) -> list[tuple[str, Callable[[], Any]]]:
    """Name and give some steps of each kind of training at the full shape."""
    sizes, params = context.sizes, context.params
    count = sizes.batch if context.device == "cpu" else sizes.gpu_batch
    frames = torch.from_numpy(recordings.random_frames(count, sizes.phase, sizes.shape.size, context.seed))
    labels = recordings.random_labels(count, sizes.shape.classes, context.seed)
    ann = ours.ann(sizes.shape, 16, 8.0, context.seed)
    trainers = [("ANN", ours.ann_trainer(ann, params, hardware, frames, labels))]
    for name in RECIPES:
        recipe = params.recipe(name)
        made = ours.converted(ann) if recipe.init == "converted" else ours.snn(sizes.shape, recipe.neuron, context.seed)
        teacher = ann if recipe.needs_ann else None
        trainers.append((name, ours.snn_trainer(made, name, teacher, params, hardware, frames, labels)))
    height, width = sizes.shape.size

    def repeat(trainer: ours.Trainer) -> Callable[[], Any]:
        def run() -> None:
            for _ in range(STEPS):
                trainer.step()

        return run

    return [(f"{name}, step of {count} x {sizes.phase} at {height} x {width}", repeat(one)) for name, one in trainers]


def _seconds(run: Callable[[], Any], hardware: Hardware) -> float:
    start = time.perf_counter()
    run()
    if hardware.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - start
