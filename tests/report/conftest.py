from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import build, render
from pipeline.report.render import Table
from pipeline.report.results import Results
from pipeline.runtime.files import write_json
from tests.finished import results_of, settings_of, write_results

Make = Callable[..., Results]
# Tables by their names: what was found, the paper's, and ours beside them.
FOUND = ["findings", "smallest_difference", "comparisons", "ranking"]
PAPERS = ["table1_comparison", "table2_ablation", "table3_quantization", "table4_ht",
          "table5_distillation"]  # fmt: skip
BEYOND = ["early_exit", "latency", "energy", "conversion"]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Write the results and frames of a grid (see `settings_of`) and return them collected."""

    def build(grid: str = "trial", n_test: int = 200, **changes: Any) -> Results:
        settings = settings_of(grid, **changes)
        write_results(settings, tmp_path, n_test)
        return results_of(settings, tmp_path)

    return build


def markdown(table: Table, caption: str = "Caption.") -> str:
    return render.text(table, "md", "name", caption)


def made(results: Results) -> dict[str, Table]:
    """Return every table that the results have, by its name."""
    found = {name: module.table(results) for name, module in build.modules("tables").items()}
    return {name: table for name, table in found.items() if table is not None}


def of(module: Any, results: Results) -> Table:
    """Return the table of a module, which must be there."""
    table = module.table(results)
    assert isinstance(table, Table)
    return table


def rows_of(table: Table) -> list[dict[str, str]]:
    """Return the rows of its csv."""
    return list(csv.DictReader(io.StringIO(render.csv_frame(table).to_csv(index=False))))


def change(folder: Path, **values: Any) -> None:
    """Change values of a run's metrics."""
    file = folder / "metrics.json"
    write_json(file, {**json.loads(file.read_text()), **values})
