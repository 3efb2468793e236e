"""Stage page: the tables and figures of the grid, and the settings that made them, bound into one page."""

from __future__ import annotations

from pathlib import Path

from pipeline.config.report import ReportSettings
from pipeline.report.page import page
from pipeline.runtime.files import write_text
from stages import _cli


def main(call: _cli.Call[ReportSettings]) -> None:
    folder = Path("reports") / call.settings.grid.name
    write_text(folder / "index.html", page(call.settings, folder))


if __name__ == "__main__":
    _cli.run(main, ReportSettings)
