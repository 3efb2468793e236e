"""A gradient that learns on several numbers of steps: its network is tested at each of them, on the same frames."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import pipeline.training.gradients
from pipeline.config.plan import report_settings
from pipeline.config.report import RunEntry
from pipeline.config.resolve import Resolved
from pipeline.errors import ConfigError, FileError
from pipeline.evaluation.accuracy import predict
from pipeline.nets.build import build
from pipeline.nets.weights import load_weights
from pipeline.results.answers import correct_after
from pipeline.results.paths import RunName
from pipeline.results.read import read_grouped
from pipeline.results.table import collect
from pipeline.runtime.hardware import Hardware
from tests import tiny
from tests.stages.conftest import DATASET, TEST, call, cut_validation, metrics, one, run, seen

GRADIENT = """
from functools import partial
from typing import ClassVar, Literal
import torch
from pipeline.training.gradients import GradientOptions, bptt
class Options(GradientOptions):
    kind: Literal["grouping"] = "grouping"
    varies_steps: ClassVar[bool] = True
    steps: list[int]
    def views(self, steps):
        return {fewer: partial(group, steps=fewer) for fewer in sorted(self.steps) if fewer < steps}
def backward(net, frames, targets, objective, teacher, hardware, at, options):
    return bptt.backward(net, frames, targets, objective, teacher, hardware, at, bptt.Options())
def group(frames, steps):
    bounds = [step * len(frames) // steps for step in range(steps + 1)]
    return torch.stack([frames[a:b].sum(0, dtype=torch.int32) for a, b in zip(bounds, bounds[1:])])
"""


@pytest.fixture
def grouping(documents: tiny.Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tiny.Documents:
    (tmp_path / "grouping.py").write_text(GRADIENT)
    group = pipeline.training.gradients
    monkeypatch.setattr(group, "__path__", [*group.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "pipeline.training.gradients.grouping", raising=False)
    gradient = {"kind": "grouping", "steps": [2, 1, 5]}
    tiny.change(documents, "recipes.any", {"init": "random", "frames": "full", "gradient": gradient})
    return documents


def entries(documents: tiny.Documents) -> list[RunEntry]:
    params = one(documents, "any", None)
    return [entry for entry in report_settings(Resolved(params, params.grid)).runs if entry.recipe == "any"]


def test_a_network_is_tested_at_each_number_of_steps_that_it_learned_on(grouping: tiny.Documents) -> None:
    run("train_snn", grouping, "any", None)
    name, test = RunName(DATASET, None, "any", 0), seen("any")
    net = load_weights(build(call(one(grouping, "any", None), "train_snn").settings.network, 3, (18, 18)), name.weights)
    found = read_grouped(name.results)
    assert found is not None and list(zip(found["of"], found["t"], strict=True)) == [(1, 1), (2, 1), (2, 2)]
    whole = test.frames.astype(np.int32)
    wanted = []
    # Of five frames: all; the first two, then the last three.
    for frames in (whole.sum(1, keepdims=True), np.stack([whole[:, :2].sum(1), whole[:, 2:].sum(1)], 1)):
        logits = predict(net, frames, 8, Hardware(torch.device("cpu"), "fp32"))
        wanted += correct_after(logits, test.labels)
    assert found["correct"].tolist() == wanted and (found["n"] == TEST).all()
    np.testing.assert_allclose(found["events"], [1, 0.4, 1], rtol=1e-6)
    np.testing.assert_allclose(found["time_ms"], [10, 4, 10], rtol=1e-6)
    np.testing.assert_allclose(found["events_sd"], 0, atol=1e-6)
    # In steps.csv they stand behind the rows of its own T.
    runs, steps = collect(entries(grouping))
    assert runs["steps"].tolist() == [5] and steps["steps"].unique().tolist() == [5]
    assert list(zip(steps["of"], steps["t"], strict=True)) == [*((5, t) for t in range(1, 6)), (1, 1), (2, 1), (2, 2)]
    assert steps["accuracy"].tolist()[5:] == found["accuracy"].tolist() and steps["ci_high"].notna().all()


def test_a_validation_part_changes_nothing_of_the_other_numbers_of_steps(grouping: tiny.Documents) -> None:
    """The best network of the validation part is measured too, after the last one has been."""
    cut_validation()
    run("train_snn", grouping, "any", None)
    name, test = RunName(DATASET, None, "any", 0), seen("any")
    net = load_weights(build(call(one(grouping, "any", None), "train_snn").settings.network, 3, (18, 18)), name.weights)
    logits = predict(net, test.frames.sum(1, keepdims=True, dtype=np.int32), 8, Hardware(torch.device("cpu"), "fp32"))
    found = read_grouped(name.results)
    assert found is not None and found["correct"].tolist()[:1] == correct_after(logits, test.labels)
    assert metrics("any")["best_val_epoch"] is not None


def test_other_runs_know_one_number_of_steps(documents: tiny.Documents) -> None:
    run("train_snn", documents, "if", None)
    assert read_grouped(RunName(DATASET, None, "if", 0).results) is None


def test_damaged_groups_are_named(grouping: tiny.Documents) -> None:
    run("train_snn", grouping, "any", None)
    file = RunName(DATASET, None, "any", 0).results / "grouped.csv"
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(FileError, match=r"grouped\.csv: expected rows for each t from 1 to T'"):
        collect(entries(grouping))


def test_an_ann_may_learn_on_groups_too(grouping: tiny.Documents) -> None:
    tiny.change(grouping, "anns.l4", {"levels": 4, "order": "full", "gradient": {"kind": "grouping", "steps": [1, 5]}})
    run("train_ann", grouping)
    found = read_grouped(RunName(DATASET, "l4", "ann", 0).results)
    assert found is not None and found["of"].tolist() == [1]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("recipes.any.attention", {"kind": "tcja"}, "grouping shows other numbers of frames than T"),
        ("recipes.any.neuron", {"kind": "glif"}, "a neuron with a number for each step"),
        ("recipes.any.clips", {"window_ms": 1, "windows": 9, "test": 2}, "shows other numbers of frames than T"),
    ],
)
def test_networks_that_know_one_number_of_steps_are_refused(
    grouping: tiny.Documents, path: str, value: object, expected: str
) -> None:
    tiny.change(grouping, path, value)
    with pytest.raises(ConfigError, match=expected):
        one(grouping, "any", None)
