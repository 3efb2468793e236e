"""Stage tables: the tables, the headline metrics and the data for `dvc plots` of the grid, from its results."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.report import ReportSettings
from pipeline.report.build import write_tables
from pipeline.report.results import Results
from pipeline.results.table import load
from stages import _cli

SHOWN = "tables/table2_ablation.md"


def main(call: _cli.Call[ReportSettings]) -> None:
    grid = call.settings.grid.name
    folder = Path("reports") / grid
    write_tables(Results(load(grid), load(grid, per="step"), call.settings), folder)
    print((folder / SHOWN).read_text(encoding="utf-8"))


if __name__ == "__main__":
    _cli.run(main, ReportSettings)
