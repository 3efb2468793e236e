"""What every row gets, and how candidates are timed: in processes of their own, by turns (A B A B)."""

import multiprocessing
import os
import platform
import re
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import psutil
import torch

from pipeline.config.catalogues import Params

Value = TypeVar("Value")
# What a candidate can do, by name; each call returns when its work is done, with something that can be pickled.
Calls = Mapping[str, Callable[[], Any]]
# The paper's data set whose settings are measured, and the project's own, whose networks are small.
OURS, FULL, SIMULATED = "ours", "cifar10dvs", "mnist-dvs-sim"
# Frames that a phase sees of those of a recording.
PHASE, STEPS = 5, 10
PACKAGES = ("torch", "spikingjelly", "tonic", "numpy", "h5py", "hdf5plugin", "dvc")


@dataclass(frozen=True)
class Context:
    """The run of a row.

    `folder`: an empty one for its files. `device`: cpu or cuda. `quick`: all once over, to see that it runs; no figures
    to quote. `before`: a git revision that row repro measures too.
    """

    params: Params
    folder: Path
    device: str = "cpu"
    quick: bool = False
    before: str | None = None
    seed: int = 0

    def pick(self, full: Value, quick: Value) -> Value:
        """Return a size of what is measured."""
        return quick if self.quick else full

    @property
    def dataset(self) -> str:
        """Return the data set whose networks are measured."""
        return self.pick(FULL, SIMULATED)

    @property
    def batch(self) -> int:
        """Return the networks' batch: on a CPU, a step of every candidate ends within seconds; on CUDA, the paper's."""
        return self.pick(8 if self.device == "cpu" else 128, 3)


class Candidate(ProcessPoolExecutor):
    """A process that makes calls and runs them by name: neither allocator's nor torch's settings reach another one."""

    def __init__(self, make: Callable[[], Calls]) -> None:
        # One worker, that is no daemon: it may have worker processes of its own.
        super().__init__(1, multiprocessing.get_context("spawn"))
        self.submit(_make, make).result()

    def call(self, name: str, clocked: bool = False) -> Any:
        """Run a call and return what it returns, or, clocked, how many seconds it took there."""
        return self.submit(_call, name, clocked).result()


_calls: dict[str, Callable[[], Any]] = {}


def _make(make: Callable[[], Calls]) -> None:
    _calls.update(make())


def _call(name: str, clocked: bool) -> Any:
    return seconds(_calls[name]) if clocked else _calls[name]()


def seconds(run: Callable[[], Any], device: str = "cpu") -> float:
    """Return how long a call takes, on a GPU until its work is done."""
    start = time.perf_counter()
    run()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start


@contextmanager
def candidates(makes: Mapping[str, Callable[[], Calls]]) -> Iterator[dict[str, Candidate]]:
    """Start a process for each candidate; they stay between turns and end with the block."""
    with ExitStack() as stack:
        yield {name: stack.enter_context(Candidate(make)) for name, make in makes.items()}


def in_turn(
    running: Mapping[str, Candidate], call: str | Mapping[str, str], rounds: int, warmup: int = 1
) -> dict[str, list[float]]:
    """Return the seconds of a call (or each its own), each once a round, without those of `warmup` first rounds."""
    times: dict[str, list[float]] = {name: [] for name in running}
    for _ in range(warmup + rounds):
        for name, one in running.items():
            # Long enough for the threads of the candidate before to stop spinning.
            time.sleep(0.02)
            times[name].append(one.call(call if isinstance(call, str) else call[name], clocked=True))
    return {name: taken[warmup:] for name, taken in times.items()}


def others() -> float:
    """Return how many cores compute while this process waits: others' work, which a timing beside it would show."""
    return psutil.cpu_percent(interval=0.5) / 100 * psutil.cpu_count()


def machine(device: str) -> dict[str, Any]:
    """Return processor, memory, threads, accelerator and versions, JSON-able; no host's name."""
    info, installed = Path("/proc/cpuinfo"), {found.name: found.version for found in metadata.distributions()}
    said = dict(re.findall(r"^([\w ]+?)\s*: (.*)$", info.read_text() if info.exists() else "", re.MULTILINE))
    family = f", family {said['cpu family']} model {said['model']}" if "cpu family" in said else ""
    gpu = {"gpu": torch.cuda.get_device_name(device), "cuda": torch.version.cuda} if device.startswith("cuda") else {}
    return gpu | {
        "processor": said["model name"] + family if "model name" in said else platform.machine(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1), "threads": torch.get_num_threads(),
        "bf16": bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()), "device": device,
        "system": f"{platform.system()} {platform.machine()}", "python": platform.python_version(),
        "versions": {name: installed[name] for name in PACKAGES if name in installed},
    }  # fmt: skip
