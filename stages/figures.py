"""Stage figures: the figures of the grid, each as PNG and PDF, from its results and frames."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.frames import FrameFile
from pipeline.config.report import ReportSettings
from pipeline.report.build import write_figures
from pipeline.report.results import Results
from pipeline.results import paths
from pipeline.results.table import load
from stages import _cli


def main(call: _cli.Call[ReportSettings]) -> None:
    settings, grid = call.settings, call.settings.grid.name
    shown = {
        name: paths.frames(name)
        / FrameFile(steps=facts.steps, frame_size=facts.frame_size, slice_by=facts.slice_by).name
        for name, facts in settings.datasets.items()
    }
    results = Results(load(grid), load(grid, per="step"), settings, frames=shown)
    write_figures(results, Path("reports") / grid)


if __name__ == "__main__":
    _cli.run(main, ReportSettings)
