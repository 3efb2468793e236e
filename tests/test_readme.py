"""The README says what a stage wrote, and its Python runs."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from pipeline.events import aedat2, events_from

README = Path("README.md").read_text(encoding="utf-8")


def table_of(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith("|")]


def test_quoted_table_is_the_methods() -> None:
    quoted = re.search(r"<!-- table2 -->\n(.*?)<!-- /table2 -->", README, re.DOTALL)
    wanted = table_of(Path("reports/methods/tables/table2_ablation.md").read_text(encoding="utf-8"))
    assert len(wanted) > 6
    assert table_of(quoted.group(1)) == wanted


def test_quoted_benchmarks_are_the_summary() -> None:
    quoted = re.search(r"<!-- benchmarks -->\n(.*?)<!-- /benchmarks -->", README, re.DOTALL)
    wanted = table_of(Path("reports/benchmarks/summary.md").read_text(encoding="utf-8"))
    assert len(wanted) > 6
    assert table_of(quoted.group(1)) == wanted


def test_linked_files_are_there() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert [link for link in links if not Path(link).exists()] == []


def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 128, (2, 500))
    aedat2.write(tmp_path / "recording.aedat", events_from(np.arange(500), x, y, rng.random(500) < 0.5))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert names["frames"].shape == (10, 2, 48, 48) and names["frames"].sum() == 500
