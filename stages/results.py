"""Stage results: the runs of the grid -> reports/<grid>/runs.csv and steps.csv, tidy frames of what was measured."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.base import Group, Name
from pipeline.config.report import RunEntry
from pipeline.results.table import collect, write
from stages import _cli


class Settings(Group):
    grid: Name
    runs: list[RunEntry]


def main(call: _cli.Call[Settings]) -> None:
    runs, steps = collect(call.settings.runs, Path())
    folder = Path("reports") / call.settings.grid
    write(runs, steps, folder)
    print(f"{folder}: {len(runs)} runs, {len(steps)} rows of runs and time steps")


if __name__ == "__main__":
    _cli.run(main, Settings)
