"""Rows of the goals on CUDA, of a training's distance to the machine's limit, and of where its time goes."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import profiler
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.core import OURS, PHASE, SIMULATED, Context, candidates, in_turn, seconds
from benchmarks.nets import ANN, HSD, IF, calls, case, hardware_of, planned, random_frames, trainer
from benchmarks.peers import STEP_LOOP
from benchmarks.report import PROFILE, Row
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.loop import fit
from pipeline.training.objective import Objective

SHARE, FINETUNING, LOOP, PROJECTED = GOALS = (
    Row("gpu", "QCFS training step, share of the bf16 matrix rate", "bf16 matrix product", "≥ 0.25×", "TFLOP/s"),
    Row("gpu", "HSD fine-tuning, time for a recording", "ANN training", "≤ 1.6×"),
    Row("gpu", "SNN training step", STEP_LOOP, "≥ 5×"),
    Row("gpu", "projected run", "paper's schedule of CIFAR10-DVS", unit="h"),
)
# The paper's CIFAR10-DVS: epochs of both phases, recordings.
EPOCHS, FINETUNED, RECORDINGS = 300, 100, 9_000
# The profiler's names of the operations of each part; the rest is casts, copies, losses and Python.
PARTS = {
    "convolution forward": ("aten::mkldnn_convolution", "aten::cudnn_convolution"),
    "convolution backward": ("aten::convolution_backward",),
    "batch norm": ("aten::native_batch_norm", "aten::native_batch_norm_backward", "aten::cudnn_batch_norm"),
    "neurons and QCFS": ("_Spike", "_SpikeBackward", "_Quantise", "_QuantiseBackward"),
    "pooling": ("aten::avg_pool2d", "aten::avg_pool2d_backward"),
    "optimizer": ("Optimizer.step#SGD.step", "Optimizer.step#Adam.step"),
}
# Passes before a measurement, and training steps in it.
WARMUP, REPEATS = 2, 5
TRAININGS = {ANN: "ANN", IF: IF, HSD: HSD}


def gpu(context: Context) -> list[Row]:
    """Measure the goals on the card, or say that none was there."""
    absent = "no CUDA device here; `make bench DEVICE=cuda` measures it"
    return [replace(row, note=absent) for row in GOALS] if context.device == "cpu" else goals(context)


def goals(context: Context) -> list[Row]:
    """Measure the goals on the context's device."""
    wanted = {ANN: (OURS, ANN), HSD: (OURS, HSD), IF: (OURS, IF), STEP_LOOP: (STEP_LOOP, IF)}
    makes = {key: partial(calls, trainer, context, name, [recipe]) for key, (name, recipe) in wanted.items()}
    with candidates(makes) as running:
        times = in_turn(running, {key: recipe for key, (_, recipe) in wanted.items()}, context.pick(7, 2), WARMUP)
    ann, hsd, work = times[ANN], times[HSD], operations(trainer(context, OURS, ANN)) / 1e12
    best = max(rates(context, torch.bfloat16)) / 1e3
    of = f"{case(context, 'QCFS', PHASE)}; {work:.3f} TFLOP a step: convolutions and read-out, forward and backward"
    ratio = f"{case(context, 'IF', PHASE)}; ratio: ours over the ANN's, for a batch of as many recordings"
    return [
        SHARE.compared([work / taken for taken in ann], [best] * len(ann), of, inverse=True),
        FINETUNING.compared(hsd, ann, ratio, inverse=True),
        LOOP.compared(times[IF], times[STEP_LOOP], case(context, "IF", PHASE)),
        projected(float(np.median(ann)), float(np.median(hsd)), context.batch),
    ]


def projected(ann: float, hsd: float, batch: int) -> Row:
    """Project the paper's run of CIFAR10-DVS from the seconds of a step of each phase."""
    steps = -(-RECORDINGS // batch)
    hours = steps * (EPOCHS * ann + FINETUNED * hsd) / 3600
    note = (
        f"{steps} steps an epoch × ({EPOCHS} epochs × {ann:.4f} s + {FINETUNED} × {hsd:.4f} s) = {hours:.2f} h for "
        f"{RECORDINGS:,} recordings at batch {batch}; augmentation, loading and tests not counted"
    )
    return replace(PROJECTED, ours=hours, note=note)


def operations(run: Callable[[], object]) -> int:
    """Return the floating-point operations of a call's convolutions and linear layers, forward and backward."""
    with FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops())


def rates(context: Context, *dtypes: torch.dtype) -> list[float]:
    """Return the rates of products of square matrices, GFLOP/s: those of all dtypes, turn by turn."""
    # On a CPU of a second or so in fp32.
    side, found = context.pick(8192 if context.device != "cpu" else 4096, 512), list[float]()
    pairs = [[torch.randn(side, side, device=context.device).to(dtype) for _ in range(2)] for dtype in dtypes]
    for _ in range(WARMUP + context.pick(7, 2)):
        found += [2 * side**3 / seconds(partial(torch.mm, *pair), context.device) / 1e9 for pair in pairs]
    return found[WARMUP * len(dtypes) :]


def limit(context: Context) -> list[Row]:
    """Compare the rate of training steps with a large matrix product's, and that with fp32's."""
    hardware = hardware_of()
    product, found = f"matrix product, {hardware.precision}", rates(context, hardware.dtype, torch.float32)
    row = Row("limit", product, "the same in fp32", unit="GFLOP/s")
    results = [row.compared(found[::2], found[1::2], inverse=True)]
    for title, run in _steps(context):
        work, row = operations(run) / 1e9, Row("limit", title, product, unit="GFLOP/s")
        own = [work / seconds(run, context.device) for _ in range(context.pick(7, 2))]
        note = f"{work / REPEATS:.0f} GFLOP a step, of convolutions and linear layers"
        results.append(row.compared(own, rates(context, hardware.dtype), note, inverse=True))
    return results


def profile(context: Context) -> list[Row]:
    """Return each part's share of the time, %: of epochs of the simulated recordings, of steps at the full shape."""
    runs = (*_epochs(context), *_steps(context))
    found = [(title, part, 100 * share) for title, run in runs for part, share in shares(run).items()]
    return [Row(PROFILE, title, part, unit="%", ours=share, turns=1) for title, part, share in found]


def shares(run: Callable[[], Any]) -> dict[str, float]:
    """Profile a call, after warm-up, and return each part's share of the processor's time; together 1."""
    for _ in range(WARMUP):
        run()
    with profiler.profile(activities=[profiler.ProfilerActivity.CPU]) as recorded:
        run()
    events = recorded.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    found = {part: sum(e.cpu_time_total for e in events if e.key in names) / total for part, names in PARTS.items()}
    return found | {"casts, losses, the rest": 1 - sum(found.values())}


def _epochs(context: Context) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield an epoch of each kind of training of the simulated recordings, as the loop runs it."""
    hardware, size = hardware_of(), context.params.dataset(SIMULATED).integrate.frame_size
    for recipe, title in TRAININGS.items():
        run, net, teacher = planned(context, recipe, SIMULATED)
        training = run.training.model_copy(update={"schedule": run.training.schedule.model_copy(update={"epochs": 1})})
        data = random_frames(training.schedule.batch_size * REPEATS, PHASE, size, context.seed)
        objective, checkpoint = Objective(training.losses, teacher), Checkpoint({"": title}, {}, "", context.folder)
        run_epoch = partial(fit, net, *data, objective, training, context.seed, hardware, checkpoint, title)
        # Each begins anew: a finished checkpoint would end it at once.
        yield f"{title}, epoch of {SIMULATED}", lambda run=run_epoch, saved=checkpoint: (run(), saved.delete())  # type: ignore[misc]


def _steps(context: Context) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Yield some steps of each kind of training of the network that is measured."""
    for recipe, title in TRAININGS.items():
        step = trainer(context, OURS, recipe)
        yield f"step of {case(context, title, PHASE)}", lambda step=step: [step() for _ in range(REPEATS)]  # type: ignore[misc]
