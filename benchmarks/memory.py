"""Row of a training step's memory: what a process grows by over its network and batch, each in a process of its own.

On Linux the peak is the kernel's high-water mark of the resident set, reset before the steps; on CUDA torch's own.
"""

from __future__ import annotations

import ctypes
from functools import partial
from pathlib import Path

import torch

from benchmarks import batches, nets
from benchmarks.context import Context
from benchmarks.isolated import Calls, Isolated
from benchmarks.ours import Trainer
from benchmarks.peers.trainer import PeerTrainer
from benchmarks.result import Goal, Result, sized
from pipeline.errors import PipelineError

GOAL = Goal("<=", 0.6)
PEERS = {nets.JELLY: GOAL, nets.STEP_LOOP: None}
# The first step makes gradients and the optimiser's state, the second has them beside its activations.
STEPS = 2
MIB = 2**20


def memory(context: Context) -> list[Result]:
    """Measure what a training step needs beside weights and batch, SNN with IF neurons, at each T2."""
    results = []
    for steps in context.sizes.memory_steps:
        grown: dict[str, list[float]] = {name: [] for name in (nets.OURS, *PEERS)}
        for _ in range(context.sizes.memory_rounds):
            for name, values in grown.items():
                with Isolated(calls, context, name, steps) as process:
                    values.append(process.call("growth") / MIB)
        case = batches.case(context, "IF", steps)
        note = f"growth of {STEPS} steps over network and batch, gradients and the optimiser's state included"
        for peer, goal in PEERS.items():
            results.append(sized("memory", case, peer, "MiB", goal, grown[nets.OURS], grown[peer], note))
    return results


def calls(context: Context, name: str, steps: int) -> Calls:
    """Build a candidate; its call gives the bytes that the process grows by in training steps."""
    trainer = nets.snn_trainer(context, name, "if", batches.batch_of(context, steps))
    return {"growth": partial(growth, trainer, context.device)}


def growth(trainer: Trainer | PeerTrainer, device: str) -> int:
    """Give the bytes that this process grows by in training steps."""
    if device.startswith("cuda"):
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        for _ in range(STEPS):
            trainer.step()
        torch.cuda.synchronize()
        return torch.cuda.max_memory_allocated() - before
    _give_back()
    before = _resident("VmRSS")
    # 5: the high-water mark starts anew (proc(5)).
    Path("/proc/self/clear_refs").write_text("5")
    for _ in range(STEPS):
        trainer.step()
    return _resident("VmHWM") - before


def _give_back() -> None:
    """Give freed memory back to the system, or steps would fill it unseen."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _resident(field: str) -> int:
    """Read a field of the process's status, given in kB."""
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text(encoding="utf-8").splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    raise PipelineError(f"{status}: no {field}; the memory row on a CPU needs Linux")
