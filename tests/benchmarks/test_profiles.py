"""Where the time goes, and the accuracies of two precisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmarks import precision, profiles, report
from benchmarks.context import Context
from pipeline.errors import PipelineError


def test_shares_are_of_the_whole_and_find_the_convolution() -> None:
    net = torch.nn.Conv2d(16, 16, 3)
    x = torch.randn(8, 16, 32, 32)
    found = profiles.shares(lambda: net(x).sum().backward())
    assert sum(found.values()) == pytest.approx(1) and min(found.values()) > -1e-9
    assert found["convolution forward"] > 0.05 and found["convolution backward"] > 0.05
    assert found["neurons and QCFS"] == 0 and found["optimiser"] == 0


def test_every_training_is_profiled_and_becomes_a_column(context: Context, tmp_path: Path) -> None:
    results = profiles.profiles(context)
    titles = list(dict.fromkeys(result.case for result in results))
    assert len(titles) == 6 and len(results) == 6 * 7
    for title in titles:
        parts = {result.peer: result.ours for result in results if result.case == title}
        assert sum(parts.values()) == pytest.approx(100)
        assert parts["neurons and QCFS"] > 1 and parts["optimiser"] > 0
    machine = {"processor": "p", "threads": 1, "cores": 1, "memory_gib": 1, "versions": {}}
    report.save_rows(tmp_path, "profile", results, machine)
    report.write(tmp_path, ["profile"], machine)
    text = (tmp_path / "profile.md").read_text()
    assert all(title in text for title in titles) and "neurons and QCFS" in text
    # A table of its own: it is no comparison.
    assert "neurons" not in (tmp_path / "benchmarks.md").read_text()


def test_limit_compares_rates_of_the_same_unit(context: Context) -> None:
    product, *steps = profiles.limit(context)
    assert product.peer == "the same in fp32" and product.turns == context.sizes.net_rounds
    assert product.ratio.low <= product.ratio.median <= product.ratio.high
    assert [result.unit for result in (product, *steps)] == ["GFLOP/s"] * 4
    for result in (product, *steps):
        assert result.ours > 0 and result.theirs > 0
    assert all("GFLOP a step" in result.note for result in steps)


def test_accuracies_of_both_precisions_are_paired(monkeypatch: pytest.MonkeyPatch, context: Context) -> None:
    wanted = {"bf16": {"ann": 85.0, "hsd": 84.0}, "fp32": {"ann": 80.0, "hsd": 84.0}}
    monkeypatch.setattr(precision, "metrics", lambda _source, _folder, name: wanted[name])
    ann, hsd = precision.precision(context)
    assert (ann.ours, ann.theirs, ann.ratio.median) == (85.0, 80.0, 85 / 80)
    assert (hsd.ours, hsd.theirs, hsd.ratio.median) == (84.0, 84.0, 1.0)


def test_committed_numbers_are_not_taken_for_a_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The clone holds committed metrics; a run that writes none must not be believed."""

    class Clone:
        def __enter__(self) -> None:
            (tmp_path / precision.METRICS).parent.mkdir(parents=True)
            (tmp_path / precision.METRICS).write_text('{"ann": 99.0}')

        def __exit__(self, *_: object) -> None:
            pass

    ran: list[Any] = []

    def run(command: list[str], folder: Path, **environment: str) -> str:
        ran.append((command, environment))
        if environment["HSD_PRECISION"] == "bf16":
            (folder / precision.METRICS).write_text(json.dumps({"ann": 85.0}))
        return ""

    monkeypatch.setattr(precision, "cloned", lambda *_: Clone())
    monkeypatch.setattr(precision, "run", run)
    assert precision.metrics(Path(), tmp_path, "bf16") == {"ann": 85.0}
    (tmp_path / precision.METRICS).unlink()
    (tmp_path / precision.METRICS).parent.rmdir()
    with pytest.raises(PipelineError, match="HSD_PRECISION=fp32 did not write it"):
        precision.metrics(Path(), tmp_path, "fp32")
    assert [command for command, _ in ran] == [["dvc", "repro"]] * 2
