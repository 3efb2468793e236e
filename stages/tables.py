"""Make the tables, the headline metrics and the data for `dvc plots` of the grid from its finished runs."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path

from pipeline.config import Params
from pipeline.report import plots, render
from pipeline.report.metrics import headline
from pipeline.report.results import load
from pipeline.report.tables import table2, table3
from pipeline.runtime.files import replacing, write_json
from stages import _cli, _paths

RESULTS = _paths.DATA / "results"
REPORTS = Path("reports")


def main(params: Params, _: Namespace) -> None:
    """Write reports/<grid>/tables, plots and metrics.json; a missing or damaged run leaves the old ones alone."""
    results = load(RESULTS, params.grid)
    ablation, quantization = table2(results, params), table3(results, params)
    report = REPORTS / params.grid.name
    with replacing(report / "plots") as curves, replacing(report / "tables") as tables:
        curves.mkdir()
        tables.mkdir()
        plots.write(results, curves)
        render.write(ablation, tables, "table2_ablation")
        render.write(quantization, tables, "table3_quantization")
    write_json(report / "metrics.json", headline(results, params))
    print(render.markdown(ablation))


if __name__ == "__main__":
    _cli.run(main)
