"""python -m benchmarks: measure and write reports/benchmarks/."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

OUT = Path("reports/benchmarks")


def main(words: list[str] | None = None) -> int:
    """Measure the rows that were asked for and write the report; exit status 1 if one could not run."""
    # Not above: a candidate's process imports this module, and needs no more than what it measures.
    import torch

    from benchmarks import machine, report
    from benchmarks.context import QUICK, Context, Sizes
    from benchmarks.rows import DEFAULT, OFF, ROWS
    from pipeline.config import load
    from pipeline.errors import PipelineError

    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu", help="where the networks run")
    parser.add_argument(
        "--rows", nargs="*", choices=list(ROWS), metavar="ROW", help=f"of {', '.join(ROWS)}; none: draw the report anew"
    )
    parser.add_argument("--quick", action="store_true", help="a minute, to see that it runs; no figures to quote")
    parser.add_argument("--before", metavar="REV", help="git revision that row repro measures too")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the report (default: %(default)s)")
    arguments = parser.parse_args(words)
    if arguments.device == "cuda" and not torch.cuda.is_available():
        parser.error(
            "--device cuda: this torch sees no CUDA device; leave it out, the GPU's rows are then not measured"
        )
    facts = machine.describe(arguments.device)
    failed = []
    with tempfile.TemporaryDirectory() as folder:
        for name in arguments.rows if arguments.rows is not None else DEFAULT:
            place = Path(folder) / name
            place.mkdir()
            sizes = QUICK if arguments.quick else Sizes()
            context = Context(load(), place, arguments.device, sizes, before=arguments.before)
            start = time.perf_counter()
            try:
                results = ROWS[name](context)
            except (PipelineError, RuntimeError, OSError) as error:
                print(f"{name}: {type(error).__name__}: {error}", file=sys.stderr)
                failed.append(name)
                continue
            report.save_rows(arguments.out, name, results, facts, arguments.quick)
            print(f"{name}: {time.perf_counter() - start:.0f} s")
            for result in results:
                print(f"  {report.line(result.plain())}", flush=True)
    report.write(arguments.out, list(ROWS), facts)
    print(f"{arguments.out / 'benchmarks.md'}; off by default: {', '.join(OFF)}")
    if failed:
        print(f"not run: {', '.join(failed)}", file=sys.stderr)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
