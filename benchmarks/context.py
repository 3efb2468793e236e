"""What every row gets: where to compute, how much, and a folder for its files."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.ours import Shape
from pipeline.config import Params


@dataclass(frozen=True)
class Sizes:
    """How much is measured; the defaults are what `make bench` reports.

    Args:
        events: of the recording that is decoded; divisible by `steps`, as Tonic's ToFrame drops a remainder.
        steps: frames of a recording. phase: those that a phase sees.
        recordings: of the set whose epoch is loaded. loading_batch: its batch.
        stored: recordings written to disk. scaled: what their size is scaled to.
        batch: of the networks' rows on a CPU: a step of every candidate ends within seconds.
        gpu_batch: of the rows on CUDA: the paper's.
        inference_steps: T of the inference rows. memory_steps: T2 of the memory rows.
        rounds: turns of each candidate, in the data rows and in the networks'.
        epochs, finetune_epochs, set_size: the paper's schedule of CIFAR10-DVS, which is projected.
    """

    events: int = 200_000
    steps: int = 10
    phase: int = 5
    recordings: int = 512
    loading_batch: int = 128
    stored: int = 100
    scaled: int = 10_000
    batch: int = 8
    gpu_batch: int = 128
    shape: Shape = field(default_factory=Shape)
    inference_steps: tuple[int, ...] = (1, 2, 5)
    memory_steps: tuple[int, ...] = (5, 10)
    data_rounds: int = 15
    loading_rounds: int = 5
    net_rounds: int = 7
    memory_rounds: int = 2
    matrix: int = 8192
    epochs: int = 300
    finetune_epochs: int = 100
    set_size: int = 9_000


# Everything once over in a minute, to see that it runs; no figures to quote.
QUICK = Sizes(
    events=20_000,
    recordings=64,
    loading_batch=32,
    stored=8,
    batch=2,
    gpu_batch=4,
    shape=Shape(width=0.125),
    data_rounds=3,
    loading_rounds=2,
    net_rounds=2,
    memory_rounds=1,
    matrix=512,
)


@dataclass(frozen=True)
class Context:
    """The run of a benchmark.

    Args:
        params: params.yaml. folder: an empty folder for the rows' files. device: "cpu" or "cuda".
        before: a git revision that the repro row measures too.
    """

    params: Params
    folder: Path
    device: str = "cpu"
    sizes: Sizes = field(default_factory=Sizes)
    seed: int = 0
    before: str | None = None
