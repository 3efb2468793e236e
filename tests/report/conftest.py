from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline.report import render
from pipeline.report.render import Table
from pipeline.report.results import Results
from tests.finished import results_of, settings_of, write_results

Make = Callable[..., Results]


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
