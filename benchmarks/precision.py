"""Row of the precision: accuracies of the default grid on the embedded recordings, in bfloat16 and in float32.

A clone has what is committed: changes that are not are not measured.
"""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.context import Context
from benchmarks.measure import spread
from benchmarks.repro import cloned, run
from benchmarks.result import Result
from pipeline.errors import PipelineError

METRICS = Path("reports/default/metrics.json")


def precision(context: Context, source: Path = Path()) -> list[Result]:
    """Give the default grid's headline accuracies, %, of `dvc repro` with each precision; one seed each."""
    bf16, fp32 = (metrics(source, context.folder / name, name) for name in ("bf16", "fp32"))
    note = "accuracy of one seed, ratio bf16 / fp32; runs that differ in rounding differ as seeds do"
    return [
        Result(
            "precision", f"accuracy of {name}, default grid, bf16", "in fp32", "%", None, bf16[name], fp32[name],
            spread([bf16[name] / fp32[name]]), 1, None, note,
        )
        for name in bf16
    ]  # fmt: skip


def metrics(source: Path, folder: Path, name: str) -> dict[str, float]:
    """Run `dvc repro` in a clone with a precision (HSD_PRECISION) and give its headline accuracies.

    Raises:
        PipelineError: git or dvc failed, or the clone committed numbers that the run did not replace.
    """
    with cloned(source, "HEAD", folder):
        (folder / METRICS).unlink(missing_ok=True)
        run(["dvc", "repro"], folder, HSD_PRECISION=name)
        if not (folder / METRICS).exists():
            raise PipelineError(f"{METRICS}: `dvc repro` with HSD_PRECISION={name} did not write it")
        found: dict[str, float] = json.loads((folder / METRICS).read_text(encoding="utf-8"))
        return found
