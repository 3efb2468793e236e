"""The goals on CUDA; every function takes its device and size, so that a CPU can try them small.

Source of the goals: full-width VGG-SNN, 48×48, T1 = T2 = 5, batch 128.
"""

from __future__ import annotations

import time
from contextlib import ExitStack
from functools import partial

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import batches, machine, nets, ours
from benchmarks.batches import Batch
from benchmarks.context import Context
from benchmarks.isolated import Calls, Isolated, pause
from benchmarks.measure import Candidate, alternate, ratios, spread
from benchmarks.peers.plain_qcfs import plain_ann
from benchmarks.result import Goal, Result, timed, unmeasured

SHARE = Goal(">=", 0.25)
FINETUNING = Goal("<=", 1.6)
LOOP = Goal(">=", 5)
ABSENT = "no CUDA device here; `make bench DEVICE=cuda` measures it"
MATMUL = "bf16 matrix product of this card"
PROJECTION = "paper's schedule of CIFAR10-DVS"
ANN, HSD = "ann", "hsd"
WARMUP = 3


def goals(context: Context) -> list[Result]:
    """Measure the goals on the card, or say that none was there."""
    if context.device == "cpu":
        return [
            unmeasured("gpu", "QCFS training step, share of the bf16 matrix rate", MATMUL, SHARE, ABSENT),
            unmeasured("gpu", "HSD fine-tuning, time for a recording", "ANN training", FINETUNING, ABSENT),
            unmeasured("gpu", "SNN training step", nets.STEP_LOOP, LOOP, ABSENT),
            unmeasured("gpu", "projected run", PROJECTION, None, ABSENT),
        ]
    return measured(context)


def measured(context: Context) -> list[Result]:
    """Measure the goals on the context's device."""
    load = machine.load()
    names = (ANN, HSD, nets.OURS, nets.STEP_LOOP)
    with ExitStack() as stack:
        running = {name: stack.enter_context(Isolated(calls, context, name)) for name in names}
        candidates = [Candidate(name, partial(one.call, "step"), pause) for name, one in running.items()]
        times = alternate(candidates, context.sizes.net_rounds, warmup=WARMUP)
    batch = batches.batch_of(context, context.sizes.phase)
    operations, rate = training_operations(context, batch), matrix_rate(context.device, context.sizes.matrix)
    ann, hsd = spread(times[ANN]).median, spread(times[HSD]).median
    share = spread([operations / seconds / rate for seconds in times[ANN]])
    note = f"{operations / 1e12:.3f} TFLOP a step: convolutions and read-out, forward and backward"
    relative = spread(ratios(times[HSD], times[ANN]))
    qcfs, snn = (batches.case(context, what, context.sizes.phase) for what in ("QCFS", "IF"))
    turns = len(times[ANN])
    return [
        Result("gpu", f"{qcfs}: share of the bf16 matrix rate", MATMUL, "TFLOP/s", SHARE, operations / ann / 1e12,
               rate / 1e12, share, turns, load, note),
        Result("gpu", f"{snn}: HSD fine-tuning, student and teacher", "ANN training", "s", FINETUNING, hsd, ann,
               relative, turns, load, "ratio: ours over the ANN's, for a batch of as many recordings"),
        timed("gpu", snn, nets.STEP_LOOP, LOOP, times, load=load),
        projection(context, ann, hsd, len(batch.labels)),
    ]  # fmt: skip


def calls(context: Context, name: str) -> Calls:
    """Build a candidate: phase 1 (`ann`), HSD from a converted network (`hsd`), an SNN of ours, or a peer."""
    batch = batches.batch_of(context, context.sizes.phase)
    if name == ANN:
        trainer = nets.ann_trainer(context, nets.OURS, batch)
    elif name == HSD:
        hardware = ours.settings(context.device)
        teacher = ours.ann(context.sizes.shape, nets.LEVELS, nets.THRESHOLD, context.seed)
        student = ours.converted(teacher)
        trainer = ours.snn_trainer(student, "hsd", teacher, context.params, hardware, batch.frames, batch.labels)
    else:
        trainer = nets.snn_trainer(context, name, "if", batch)
    return {"step": partial(nets._loss, trainer)}


def training_operations(context: Context, batch: Batch) -> int:
    """Count the floating-point operations of a training step's convolutions and read-out, forward and backward."""
    net = plain_ann(ours.ann(context.sizes.shape, nets.LEVELS, nets.THRESHOLD, context.seed)).to(context.device).train()
    with FlopCounterMode(display=False) as counter:
        net(batch.floats).mean().backward()
    return int(counter.get_total_flops())


def matrix_rate(device: str, side: int, products: int = 10, turns: int = 3) -> float:
    """Measure the rate of a bf16 product of square matrices, operations a second: the best of some turns."""
    left, right = (torch.randn(side, side, device=device).to(torch.bfloat16) for _ in range(2))
    best = float("inf")
    for _ in range(turns + 1):
        _finish(device)
        start = time.perf_counter()
        for _ in range(products):
            left @ right
        _finish(device)
        best = min(best, time.perf_counter() - start)
    return 2 * side**3 * products / best


def projection(context: Context, ann: float, hsd: float, batch: int) -> Result:
    """Project the paper's run of CIFAR10-DVS from the seconds of a step of each phase; loading is not in it."""
    sizes = context.sizes
    steps = -(-sizes.set_size // batch)
    hours = steps * (sizes.epochs * ann + sizes.finetune_epochs * hsd) / 3600
    note = (
        f"{steps} steps an epoch × ({sizes.epochs} epochs × {ann:.4f} s + {sizes.finetune_epochs} × {hsd:.4f} s) = "
        f"{hours:.2f} h for {sizes.set_size:,} recordings at batch {batch}; augmentation, loading and tests not counted"
    )
    return Result("gpu", "projected run", PROJECTION, "h", None, ours=hours, note=note)


def _finish(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize()
