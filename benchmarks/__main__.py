"""python -m benchmarks: measure and write reports/benchmarks/."""

import argparse
import os
import sys
import tempfile
import time
from importlib import import_module
from pathlib import Path

# The rows in the order of the report, and their modules.
ROWS = {
    "decode": "data", "epoch": "data", "snn": "nets", "ann": "nets", "inference": "nets", "int8": "nets",
    "int8_accuracy": "live", "memory": "nets", "systems": "systems", "export": "export", "disk": "data", "gpu": "gpu",
    "limit": "gpu", "profile": "gpu", "idle": "repro", "busy": "repro", "repro": "repro", "precision": "repro",
    "stream": "live", "fleet": "jobs", "overhead": "jobs", "scheduler": "jobs", "parallel": "jobs",
    "parallel_gpu": "jobs",
}  # fmt: skip
# Asked for by name alone: each takes more than ten minutes, or needs what `dvc repro` made here.
OFF = ("repro", "precision", "int8_accuracy", "fleet", "parallel", "parallel_gpu")


def main(words: list[str] | None = None) -> int:
    """Measure the rows that were asked for and write the report; exit status 1 if one could not run."""
    # Not above: a candidate's process imports this module, and needs no more than what it measures.
    import torch

    from benchmarks import report
    from benchmarks.core import Context, machine, others
    from pipeline.config import catalogues

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the networks run")
    parser.add_argument("--only", nargs="*", choices=list(ROWS), metavar="ROW", default=ROWS.keys() - OFF,
                        help=f"of {', '.join(ROWS)}; none: draw the report anew")  # fmt: skip
    parser.add_argument("--quick", action="store_true", help="at small size, to see that it runs; no figures to quote")
    parser.add_argument("--before", metavar="REV", help="git revision that row repro measures too")
    parser.add_argument(
        "--out", type=Path, default=Path("reports/benchmarks"), help="folder of the report (default: %(default)s)"
    )
    asked = parser.parse_args(words)
    if asked.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: this torch sees no CUDA device; leave it out, a GPU's rows are then not measured")
    # For all that a row starts, too.
    os.environ.update(HSD_DEVICE=asked.device, HSD_PRECISION="auto")
    settings, facts, failed = catalogues.load(), machine(asked.device), []
    for name in (name for name in ROWS if name in asked.only):
        start, load = time.perf_counter(), others()
        try:
            with tempfile.TemporaryDirectory() as folder:
                context = Context(settings, Path(folder), asked.device, asked.quick, asked.before)
                results = getattr(import_module(f"benchmarks.{ROWS[name]}"), name)(context)
        except Exception as error:  # of whatever library; the other rows go on
            failed.append(name)
            print(f"{name}: not run: {type(error).__name__}: {error}", file=sys.stderr)
        else:
            report.save_rows(asked.out, name, results, facts, load, asked.quick)
            print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)
    shown = report.write(asked.out, list(ROWS), facts)
    print(shown[shown["row"].isin(asked.only)].drop(columns="note").to_string(index=False, na_rep=""))
    print(asked.out / "benchmarks.md")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
