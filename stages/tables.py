"""Make the tables, the headline metrics and the data for `dvc plots` of the grid from its finished runs."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from pipeline.config import Params
from pipeline.report import plots
from pipeline.report.metrics import headline
from pipeline.report.results import load
from pipeline.report.tables import render
from pipeline.report.tables.build import build
from pipeline.runtime.files import replacing, write_json
from stages import _cli, _paths

RESULTS = _paths.DATA / "results"
REPORTS = Path("reports")


def main(params: Params, _: Namespace) -> None:
    """Write reports/<grid>/tables, plots and metrics.json; a missing or damaged run leaves the old ones alone."""
    results = load(RESULTS, params.grid)
    made = build(results, params)
    report = REPORTS / params.grid.name
    with replacing(report / "plots") as curves, replacing(report / "tables") as tables:
        curves.mkdir()
        tables.mkdir()
        plots.write(results, params, curves)
        for name, table in made.items():
            render.write(table, tables, name)
    write_json(report / "metrics.json", headline(results, params))
    print(render.markdown(made["table2_ablation"]))


if __name__ == "__main__":
    _cli.run(main)
