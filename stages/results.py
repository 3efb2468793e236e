"""Stage results: the runs of the grid -> reports/<grid>/runs.csv and steps.csv, tidy frames of what was measured.

It hangs on data/results whole, since DVC cannot depend on a list of runs. So at its end it moves what is of other grids
to data/others/: what stays is the grid's alone, whatever was run before. Their grid takes them back from DVC's cache.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.config.base import Group, Name
from pipeline.config.report import RunEntry
from pipeline.results.aside import set_aside
from pipeline.results.table import collect, write
from stages import _cli


class Settings(Group):
    grid: Name
    runs: list[RunEntry]


def main(call: _cli.Call[Settings]) -> None:
    runs, steps = collect(call.settings.runs, Path())
    folder = Path("reports") / call.settings.grid
    write(runs, steps, folder)
    if moved := set_aside(call.settings.runs, Path()):
        print(
            f"data/results: {len(moved)} runs of other grids moved to data/others; their grid takes them from the cache"
        )
    print(f"{folder}: {len(runs)} runs, {len(steps)} rows of runs and time steps")


if __name__ == "__main__":
    _cli.run(main, Settings)
