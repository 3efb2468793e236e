"""Rows of training steps, their memory, and inference: ours as the pipeline runs it against fp32 peers, equal to it."""

import ctypes
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmarks.core import OURS, PHASE, STEPS, Calls, Context, candidates, in_turn
from benchmarks.peers import JELLY_NET, LAYER_LOOP, PLAIN, STEP_LOOP, Peer
from benchmarks.report import Row
from pipeline.config.grid import Grid
from pipeline.config.network import Network
from pipeline.config.resolve import Resolved
from pipeline.config.run import TrainAnn, TrainSnn
from pipeline.inference.prepare import ready
from pipeline.nets import build, convert, fold, forward
from pipeline.pieces import module_of
from pipeline.runtime.hardware import Hardware, hardware
from pipeline.training import losses, objective, optimizer
from pipeline.training.gradients import Moment

OWN = (OURS, FP32 := "ours fp32")
# Beside them in the row int8, where ours has weights of 8 bits: what ours is without.
BF16 = "ours, bf16 where the hardware multiplies it"
# Classes of the data sets whose networks and settings are measured; what is trained.
CLASSES, ANN, IF, LIF, HSD = 10, "ann", "if", "lif", "hsd"
SNN_GOALS = {STEP_LOOP: "≥ 3×", LAYER_LOOP: "≥ 3×", JELLY_NET: "≥ 1.3×"}
MEMORY_GOALS = {JELLY_NET: "≤ 0.6×", STEP_LOOP: ""}
# Relative difference of two fp32 losses: sums in another order, and the spikes that flip with them.
TOLERANCE = 0.05
# Its batch norm sees each step by itself: by construction another loss in training.
ALONE = "batch norm sees each step alone, so its training loss is another; logits: see inference"
# Forward passes that settle batch norm's statistics (with 0 and 1 an untrained network hardly fires); steps whose
# memory is measured: in the second, gradients and the optimizer's state of the first are there too.
SETTLING, GROWING = 3, 2


def snn(context: Context) -> list[Row]:
    """Time a training step of the spiking VGG, with integrate-and-fire and with leaky neurons."""
    cases = {recipe: case(context, recipe.upper(), PHASE) for recipe in (IF, LIF)}
    return compare(context, "snn", trainer, cases, SNN_GOALS)


def ann(context: Context) -> list[Row]:
    """Time a training step of the QCFS VGG, with the gradient of its authors' code."""
    cases = {ANN: case(context, f"QCFS L = {context.params.dataset(context.dataset).ann.levels['own']}", PHASE)}
    return compare(context, "ann", trainer, cases, {PLAIN: "≥ 3×"})


def inference(context: Context) -> list[Row]:
    """Time inference of one batch, IF neurons, at each T."""
    cases = {str(steps): case(context, "IF", steps) for steps in context.pick((1, 2, PHASE), (1, 2))}
    return compare(context, "inference", answerer, cases, dict.fromkeys(SNN_GOALS, "≥ 3×"))


def int8(context: Context) -> list[Row]:
    """Time inference of one batch with weights of 8 bits, IF neurons, at each T."""
    cases = {str(steps): case(context, "IF, int8", steps) for steps in context.pick((1, 2, PHASE), (1, 2))}
    goals = {BF16: "", **dict.fromkeys(SNN_GOALS, "≥ 3×")}
    return compare(
        context, "int8", partial(answerer, precisions={OURS: "int8", BF16: hardware().precision}), cases, goals
    )


def case(context: Context, what: str, steps: int) -> str:
    """Return what of the networks is measured, for the table."""
    settings = context.params.dataset(context.dataset)
    height, width = settings.integrate.frame_size
    factor = Resolved(context.params, context.params.grid).model(context.dataset).width
    return f"VGG-SNN ×{factor:g}, {what}, {height}×{width}, T = {steps}, batch {context.batch}"


def compare(
    context: Context, row: str, make: Callable[..., Any], cases: dict[str, str], goals: dict[str, str]
) -> list[Row]:
    """Time candidates by turns in each case (with its title); `make` makes what a candidate does in a case."""
    results = []
    with candidates({name: partial(calls, make, context, name, list(cases)) for name in (*OWN, *goals)}) as running:
        for key, title in cases.items():
            said = {name: one.call(f"said {key}") for name, one in running.items()}
            times = in_turn({n: one for n, one in running.items() if n != FP32}, key, context.pick(7, 2))
            for name, goal in goals.items():
                results.append(Row(row, title, name, goal).compared(times[OURS], times[name], equality(said, name)))
    return results


def calls(make: Callable[[Context, str, str], Any], context: Context, name: str, keys: list[str]) -> Calls:
    """Return what a candidate does in each case, and as `said <case>` what comes of it, which need not be sent else."""
    made = {key: make(context, name, key) for key in keys}
    silent = {key: (lambda run=run: run() is None) for key, run in made.items()}
    return silent | {f"said {key}": run for key, run in made.items()}


def equality(said: dict[str, Any], name: str) -> str:
    """Return in words how far a peer's first loss, or its logits, are from ours."""
    own, theirs = np.asarray(said[FP32]), np.asarray(said[name])
    if own.ndim:
        apart = np.abs(own - theirs).max() / theirs.std()
        return f"logits differ from ours in fp32 by at most {apart:.1e} of their sd"
    word = "equal to tolerance" if abs(own / theirs - 1) <= TOLERANCE else "NOT EQUAL"
    words = f"first loss {theirs:.4f}; ours {own:.4f} in fp32 ({word}), {said[OURS]:.4f} as run"
    return ALONE if name == STEP_LOOP else words


def hardware_of(name: str = OURS) -> Hardware:
    """Return device and precision of ours and switch determinism on, as every stage does."""
    return hardware() if name == OURS else replace(hardware(), precision="fp32")


def random_frames(count: int, steps: int, size: list[int], seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return counts uint8 [N, T, 2, H, W] of mean 0.3, sparse as frames of 48 px are, and labels int64 [N]."""
    drawn = np.random.default_rng(seed)
    return drawn.poisson(0.3, (count, steps, 2, *size)).astype(np.uint8), drawn.integers(0, CLASSES, count)


def batch_of(context: Context, steps: int, recipe: str = IF, count: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Return counts uint8 [T, N, 2, H, W], what a peer gets of them, contiguous float32, and labels [N]."""
    size = grid_of(context, context.dataset, recipe).frame_size(context.dataset, recipe)
    counts, labels = random_frames(count or context.batch, steps, size, context.seed)
    frames = torch.from_numpy(counts).to(context.device).transpose(0, 1)
    return frames, frames.float().contiguous(), torch.from_numpy(labels).to(context.device)


def grid_of(context: Context, dataset: str, recipe: str = IF) -> Resolved:
    """Return a grid of the networks that are measured, and a recipe without an ANN."""
    alone = list(dict.fromkeys([IF, LIF, *({recipe} - {ANN, HSD})]))
    lists: dict[str, Any] = {"baselines": alone, "recipes": [HSD], "sweep": [], "seeds": [context.seed]}
    lists |= {"more_anns": [], "more": []}
    return Resolved(context.params, Grid(name="benchmarks", datasets=[dataset], anns=["own"], **lists))


def planned(
    context: Context, recipe: str, dataset: str, **activation: str
) -> tuple[TrainAnn | TrainSnn, nn.Module, nn.Module | None]:
    """Return what the plan tells a training (but for its `activation`), its network, untrained, and its teacher."""
    resolved = grid_of(context, dataset, recipe)
    runs: Iterator[TrainAnn | TrainSnn] = chain(resolved.train_anns(), resolved.train_snns())
    run = next(run for run in runs if run.run.recipe == recipe)
    height, width = resolved.frame_size(dataset, None if recipe == ANN else recipe)

    def made(network: Network) -> nn.Module:
        changed = network.model_copy(update={"activation": network.activation.model_copy(update=activation)})
        return build.build(changed, CLASSES, (height, width), torch.Generator().manual_seed(context.seed))

    if isinstance(run, TrainAnn) or run.ann is None:
        return run, made(run.network), None
    ann = made(run.ann)
    net = convert.convert(ann, run.network.activation) if run.init == "converted" else made(run.network)
    return run, net, fold.folded(ann).to(context.device) if run.training.needs_teacher else None


def trainer(context: Context, name: str, recipe: str, steps: int = PHASE, count: int = 0) -> Callable[[], float]:
    """Return what takes a training step of ours, as the pipeline's loop does, or of a peer, and returns the loss."""
    clamped = {"gradient": "clamp"} if recipe == ANN else {}
    run, net, teacher = planned(context, recipe, context.dataset, **clamped)
    where = IF if recipe in (ANN, HSD) else recipe
    (frames, floats, labels), wanted = batch_of(context, steps, where, count), run.training.schedule.optimizer
    if name in OWN:
        machine, gradient = hardware_of(name), run.training.gradient
        goal = objective.Objective(run.training.losses, teacher)
        goal.attach(net, frames[:, :1].cpu())
        goal.to(context.device)
        go_back, given = module_of("training.gradients", gradient).backward, (losses.Targets(labels), goal)
        mover = optimizer.make_optimizer(net.to(context.device).train().parameters(), wanted)

        def backward() -> Tensor:
            with machine.autocast():
                said = goal.ask(frames)
            loss: Tensor = go_back(net, frames, *given, said, machine, Moment(0, 0, 0), gradient)[0]["loss"]
            return loss
    else:
        assert wanted.kind == "sgd"
        peer, how = Peer(name, net).to(context.device).train(), (wanted.lr, wanted.momentum)
        mover = torch.optim.SGD(peer.parameters(), *how, weight_decay=wanted.weight_decay)

        def backward() -> Tensor:
            logits = peer(floats)
            # Phase 1 learns by the mean of the steps' cross-entropies.
            said = (logits.flatten(0, 1), labels.repeat(steps)) if recipe == ANN else (logits.mean(0), labels)
            loss = F.cross_entropy(*said)
            loss.backward()
            return loss

    def step() -> float:
        mover.zero_grad(set_to_none=True)
        loss = backward()
        mover.step()
        # Reading the number waits for the device.
        return loss.item()

    return step


def answerer(
    context: Context, name: str, steps: str, precisions: dict[str, str] | None = None
) -> Callable[[], NDArray[np.float32]]:
    """Return what computes the logits [T, N, C] of a batch by an IF network; ours prepared as by accuracy.predict.

    Args:
        precisions: of ours, by name, where they are not the machine's.
    """
    net, (frames, floats, _) = (
        planned(context, IF, context.dataset)[1].to(context.device),
        batch_of(context, int(steps)),
    )
    for norm in (layer for layer in net.train().modules() if isinstance(layer, nn.BatchNorm2d)):
        norm.momentum = None
    with torch.no_grad():
        for _ in range(SETTLING):
            forward.forward(net, frames)
    if name not in (*OWN, *(precisions or {})):
        peer = Peer(name, net).eval()
        return torch.no_grad()(lambda: peer(floats).cpu().numpy())
    machine = hardware_of(name)
    machine = replace(machine, precision=(precisions or {}).get(name, machine.precision))
    fixed = ready(net, machine)

    @torch.no_grad()
    def answer() -> NDArray[np.float32]:
        with machine.autocast():
            return forward.forward(fixed, frames).cpu().numpy()

    return answer


def memory(context: Context) -> list[Row]:
    """Measure what a training step needs beside weights and batch, SNN with IF neurons, at each T2."""
    results = []
    for steps in context.pick((PHASE, STEPS), (2,)):
        grown: dict[str, list[float]] = {name: [] for name in (OURS, *MEMORY_GOALS)}
        for name in [*grown] * context.pick(2, 1):
            with candidates({name: partial(growing, context, name, steps)}) as running:
                grown[name].append(running[name].call("growth") / 2**20)
        note = f"growth of {GROWING} steps over network and batch, gradients and the optimizer's state included"
        for name, goal in MEMORY_GOALS.items():
            row = Row("memory", case(context, "IF", steps), name, goal, "MiB")
            results.append(row.compared(grown[OURS], grown[name], note, inverse=True))
    return results


def growing(context: Context, name: str, steps: int) -> Calls:
    """Return a candidate's call that measures its growth."""
    return {"growth": partial(growth, trainer(context, name, IF, steps), context.device)}


def growth(step: Callable[[], object], device: str) -> int:
    """Return the bytes that this process grows by in training steps: on CUDA by torch, else by the kernel of Linux."""
    status, memory = Path("/proc/self/status"), psutil.Process().memory_info
    if cuda := device.startswith("cuda"):
        torch.cuda.reset_peak_memory_stats()
    else:
        # What is free goes back to the system, or steps would fill it unseen.
        getattr(ctypes.CDLL(None), "malloc_trim", abs)(0)
        # 5: the high-water mark of the resident set starts anew (proc(5)).
        status.with_name("clear_refs").write_text("5")
    before = torch.cuda.memory_allocated() if cuda else memory().rss
    for _ in range(GROWING):
        step()
    if cuda:
        return torch.cuda.max_memory_allocated() - before
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", status.read_text())
    return int(peak) * 1024 - before
