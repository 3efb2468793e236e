"""The row of the systems beside HSD: one training step of each as its authors have it, on frames of its own size."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from benchmarks.core import OURS, Context, candidates
from benchmarks.nets import grid_of, growth, trainer
from benchmarks.report import Row

# Recordings: what a training holds grows with them alike, and the largest system fits a small machine.
BATCH = 2


def systems(context: Context) -> list[Row]:
    """Time a training step of each system at full width, and measure what it needs beside weights and batch."""
    baselines = context.params.grids["paper"].baselines
    return [row(context, name) for name in baselines if context.params.recipe(name).schedule is not None]


def row(context: Context, recipe: str) -> Row:
    """Return the row of one system, measured in a process of its own."""
    resolved = grid_of(context, context.dataset, recipe)
    steps, size = resolved.steps(context.dataset, recipe), resolved.frame_size(context.dataset, recipe)
    with candidates({recipe: partial(calls, context, recipe, steps)}) as running:
        grown = running[recipe].call("growth") / 2**20
        taken = [running[recipe].call("step", clocked=True) for _ in range(context.pick(3, 1))]
    network, factor = resolved.network_name(context.dataset, recipe), resolved.model(context.dataset, recipe).width
    case = f"{recipe}: {network} ×{factor:g}, {size[0]}×{size[1]}, T = {steps}, batch {BATCH}"
    note = f"{grown:.0f} MiB beside weights and batch, as row memory"
    return Row("systems", case, ours=float(np.median(taken)), turns=len(taken), note=note)


def calls(context: Context, recipe: str, steps: int) -> dict[str, Callable[[], Any]]:
    """Return what the process of a system does."""
    step = trainer(context, OURS, recipe, steps, BATCH)
    return {"step": step, "growth": partial(growth, step, context.device)}
