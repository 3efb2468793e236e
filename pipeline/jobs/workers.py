"""Where stages are computed: on this machine, a share of its cores and GPUs for each, or on a cluster's machines.

Dask hands them out. On this machine its workers are threads, for all they do is start a stage's command and wait.
"""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import dask
import dask_jobqueue
from distributed import LocalCluster, Scheduler, SpecCluster, Worker, get_worker
from pydantic import Field, ValidationError

from pipeline.config.base import Count, Group
from pipeline.config.catalogues import read_yaml
from pipeline.config.explain import explain
from pipeline.errors import ConfigError
from pipeline.runtime import guard

THREADS = "HSD_THREADS"
# The commands that this process waits for.
_running: set[subprocess.Popen[bytes]] = set()


class Cluster(Group):
    """A file of `--cluster`: what kind it is, and what each run gets there."""

    # Those of dask-jobqueue; local: processes on this machine, to try it out.
    kind: Literal["slurm", "pbs", "sge", "lsf", "oar", "moab", "htcondor", "local"]
    # Of one run; as many threads as cores.
    cores: Count
    memory: str = "4GB"
    # Whatever else dask-jobqueue's class of this kind takes: queue, walltime, job_extra_directives, interface, ...
    options: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Slot:
    """What one worker may use: what its stages find in their environment, and cores of its own, if they are known."""

    environment: dict[str, str] = field(default_factory=dict)
    cores: tuple[int, ...] = ()


def slots(jobs: int, gpus: Sequence[str] = (), per_gpu: int = 1) -> list[Slot]:
    """Return the shares of this machine for so many runs at once: whole cores, none in two shares, and a GPU each.

    Args:
        gpus: as CUDA_VISIBLE_DEVICES names them; none: what the environment says.
        per_gpu: how many runs share one.

    Raises:
        ConfigError: there are not so many cores, or places on the GPUs.
    """
    available = getattr(os, "sched_getaffinity", None)
    cores = sorted(available(0)) if available else list(range(os.cpu_count() or 1))
    said = os.environ.get(THREADS, "")
    each = int(said) if said.isdecimal() and int(said) else max(1, len(cores) // jobs)
    if jobs * each > len(cores):
        raise ConfigError(
            f"--jobs {jobs} of {each} threads need {jobs * each} cores, this machine has {len(cores)}: at most "
            f"--jobs {max(1, len(cores) // each)}" + (f", or a smaller {THREADS}" if each > 1 else "")
        )
    if gpus and jobs > len(gpus) * per_gpu:
        raise ConfigError(
            f"--jobs {jobs} is more than {len(gpus)} GPUs take with --per-gpu {per_gpu}: at most {len(gpus) * per_gpu}"
        )
    # What a stage's own workers (simulation, integration) and NumPy may use is what its training may.
    shared = {THREADS: str(each), "HSD_WORKERS": str(each), "OMP_NUM_THREADS": str(each)}
    found = []
    for index in range(jobs):
        gpu = {"CUDA_VISIBLE_DEVICES": gpus[index % len(gpus)], "HSD_DEVICE": "cuda"} if gpus else {}
        found.append(Slot({**shared, **gpu}, tuple(cores[index * each : (index + 1) * each])))
    return found


def visible_gpus(said: str) -> list[str]:
    """Return the GPUs that `--gpus` means ("all", "0,1"), as CUDA_VISIBLE_DEVICES names them.

    Raises:
        ConfigError: there are none, or not that one.
    """
    import torch

    seen = list(filter(None, os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")))
    count = torch.cuda.device_count()
    seen = seen or [str(index) for index in range(count)]
    if not count:
        raise ConfigError("--gpus: this torch sees no CUDA device; leave it out to compute on the processor")
    wanted = range(count) if said == "all" else said.split(",")
    if unknown := [name for name in map(str, wanted) if not name.isdecimal() or int(name) >= count]:
        raise ConfigError(f"--gpus {said}: expected all, or numbers from 0 to {count - 1}, found {unknown[0]!r}")
    return [seen[int(name)] for name in wanted]


def here(shares: Sequence[Slot]) -> SpecCluster:
    """Start a worker for each share of this machine, in this process: all that listens is a page, to this machine."""
    # A laptop that slept has lost no worker.
    dask.config.set(
        {"distributed.scheduler.worker-ttl": None, "distributed.dashboard.link": "http://127.0.0.1:{port}/status"}
    )
    both: dict[str, Any] = {"protocol": "inproc://", "dashboard_address": "127.0.0.1:0"}
    worker = {"cls": Worker, "options": {"nthreads": 1, "memory_limit": None, **both}}
    shared = {"cls": Scheduler, "options": both}
    return SpecCluster(dict.fromkeys(range(len(shares)), worker), shared, silence_logs=logging.ERROR)


def read_cluster(path: Path) -> Cluster:
    """Read a file of `--cluster`; ConfigError names what is wrong in it."""
    content = read_yaml(path)
    try:
        return Cluster.model_validate(content)
    except ValidationError as error:
        problems = [f"{path}: {'.'.join(place)}: {problem}" for place, problem in explain(error, Cluster, content)]
        raise ConfigError("\n".join(problems)) from error


def there(said: Cluster, jobs: int, path: Path) -> tuple[Any, list[Slot]]:
    """Start a scheduler here whose workers, up to `jobs`, are a cluster's jobs, asked for when there is work.

    Returns them and the one share that all of them get. What they say to each other is encrypted.

    Raises:
        ConfigError: the cluster's commands are not there, or it takes no such option.
    """
    if said.kind == "local":
        return LocalCluster(jobs, threads_per_worker=1, memory_limit=None, **said.options), slots(jobs)
    shared = {THREADS: str(said.cores), "HSD_WORKERS": str(said.cores), "OMP_NUM_THREADS": str(said.cores)}
    own = {name: value for name, value in os.environ.items() if name in ("HSD_DEVICE", "HSD_PRECISION")}
    kind = next(name for name in dir(dask_jobqueue) if name.lower() == f"{said.kind}cluster")
    # One thread is one run at a time; a run's length is not known before, so all that wait count.
    dask.config.set({"distributed.scheduler.unknown-task-duration": "1h"})
    options = {
        "security": True, "shared_temp_directory": ".dvc/tmp", "log_directory": "data/runs/logs",
        "job_cpu": said.cores, "worker_extra_args": ["--no-dashboard"], **said.options,
    }  # fmt: skip
    # A page that anybody on the network could open is the user's to ask for.
    options["scheduler_options"] = {"dashboard_address": "127.0.0.1:0", **options.get("scheduler_options", {})}
    try:
        found = getattr(dask_jobqueue, kind)(cores=1, processes=1, memory=said.memory, **options)
        found.adapt(minimum_jobs=0, maximum_jobs=jobs)
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        raise ConfigError(f"{path}: {kind} cannot be started with these options: {error}") from error
    return found, [Slot({**own, **shared})]


def execute(
    name: str, commands: Sequence[str], root: str, log: str, shares: Sequence[Slot], alone: bool = False
) -> int:
    """Run a stage's commands in a worker and return the exit status of the last; what they print goes to `log`.

    Args:
        shares: those of all workers; a worker's number says which is its own.
        alone: nothing else runs or can run beside it: simulation and integration get the whole machine.
    """
    number = str(get_worker().name)
    share = shares[int(number) if number.isdecimal() else 0]
    started = {"DVC_ROOT": root, "DVC_STAGE": name, guard.STARTED_BY: str(os.getpid())}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, **share.environment, **started, "PATH": path}
    cores = {core for one in shares if alone or one is share for core in one.cores}
    if alone:
        environment["HSD_WORKERS"] = str(sum(int(one.environment.get("HSD_WORKERS", 1)) for one in shares))
    if cores and hasattr(os, "sched_setaffinity"):
        # Of this thread alone; what it starts inherits it.
        os.sched_setaffinity(0, cores)
    status = 0
    with open(log, "ab") as out:
        for command in commands:
            out.write(f"# {THREADS}={environment.get(THREADS, '')} {command}\n".encode())
            out.flush()
            process = subprocess.Popen(
                command, shell=True, cwd=root, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
            _running.add(process)
            try:
                status = process.wait()
            finally:
                _running.discard(process)
            if status:
                break
    return status


def interrupt() -> None:
    """Interrupt what this worker runs, as Ctrl-C would: a training saves where it stands."""
    for process in list(_running):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
