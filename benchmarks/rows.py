"""The rows by name, in the order of the report."""

from __future__ import annotations

from collections.abc import Callable

from benchmarks import data, gpu, loading, memory, nets, precision, profiles, repro
from benchmarks.context import Context
from benchmarks.result import Result

Row = Callable[[Context], list[Result]]

ROWS: dict[str, Row] = {
    "decode": data.decode,
    "epoch": loading.epoch,
    "snn": nets.snn_step,
    "ann": nets.ann_step,
    "inference": nets.inference,
    "memory": memory.memory,
    "disk": data.disk,
    "gpu": gpu.goals,
    "limit": profiles.limit,
    "profile": profiles.profiles,
    "repro": repro.repro,
    "precision": precision.precision,
}
# Asked for by name alone: each takes more than ten minutes.
OFF = ("repro", "precision")

DEFAULT = [name for name in ROWS if name not in OFF]
