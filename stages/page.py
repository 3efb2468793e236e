"""Bind the tables and figures of the grid, and the settings that made them, into one page."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from pipeline.config import Params
from pipeline.report.page.page import page
from pipeline.runtime.files import write_text
from stages import _cli

REPORTS = Path("reports")


def main(params: Params, _: Namespace) -> None:
    """Write reports/<grid>/index.html."""
    report = REPORTS / params.grid.name
    write_text(report / "index.html", page(report, params))


if __name__ == "__main__":
    _cli.run(main)
