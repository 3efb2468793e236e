from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import Params
from pipeline.report import rows
from pipeline.report.exits import exit_curve
from pipeline.report.results import Results, folder, load
from pipeline.report.tables.costs import energy, latency, latency_by_step
from pipeline.report.tables.early_exit import early_exit, exits_by_threshold
from pipeline.runtime.files import write_json
from tests.report.conftest import Make


@pytest.fixture
def methods(make: Make) -> tuple[Results, Params, Path]:
    params, root = make(named="methods", n_test=60, seeds=[0, 1])
    return load(root / "data/results", params.grid), params, root


def by_run(table: Any) -> dict[str, dict[str, Any]]:
    return {row.values["run"]: dict(row.values) for row in table.rows}


def test_rows_are_the_tables_in_order_each_once(methods: tuple[Results, Params, Path]) -> None:
    results, params, _ = methods
    compared = rows.compared(results, params)
    assert compared == [
        "lif", "if", "skd", "ht", "ht-kd", "hsd", "sltt", "ht-sltt", "tet", "ht-tet", "kd", "feature", "kd-feature",
        "tet-5", "tcja-5", "sltt-5",
    ]  # fmt: skip
    every = rows.every(results, params)
    assert every[: len(compared)] == compared and sorted(every) == sorted(results.recipes)


def test_early_exit_is_the_mean_of_the_seeds_curves(methods: tuple[Results, Params, Path]) -> None:
    results, params, _ = methods
    row = by_run(early_exit(results, params))["tet-5"]
    kept = [run.arrays() for run in results.cell("embedded", "l8", "tet-5").runs]
    curves = [exit_curve(item.logits, item.label, [0.8]) for item in kept]
    accuracy, steps = (float(np.mean([curve[k][0] for curve in curves])) for k in (0, 1))
    assert row["accuracy_0.8"] == pytest.approx(100 * accuracy) and row["steps_0.8"] == pytest.approx(steps)
    # Whole recordings in five frames: a fifth of the events comes with each step.
    assert row["events_0.8"] == pytest.approx(20 * steps)
    assert row["text_0.8"] == f"{100 * accuracy:.2f} ({steps:.2f}; {20 * steps:.0f} %)"
    assert row["steps"] == 5 and 1 < steps <= 5


def test_attention_over_time_exits_nowhere(methods: tuple[Results, Params, Path]) -> None:
    results, params, _ = methods
    assert "tcja-5" in rows.compared(results, params)
    for table in (early_exit(results, params), exits_by_threshold(results, params)):
        assert "tcja-5" not in {row.values["run"] for row in table.rows}


def test_every_confidence_is_shown_and_a_note_says_why(methods: tuple[Results, Params, Path]) -> None:
    results, params, _ = methods
    table = early_exit(results, params)
    heads = [column.heading for column in table.columns if column.only == "text"]
    assert heads == [f"≥ {threshold:g}" for threshold in params.report.exit_at]
    assert any("none was chosen by the test recordings" in note for note in table.notes)
    long = exits_by_threshold(results, params).rows
    assert len(long) == len(table.rows) * len(heads)
    wide = by_run(table)
    for row in long:
        values = row.values
        assert values["accuracy"] == wide[values["run"]][f"accuracy_{values['confidence']:g}"]
        low, high = values["wilson"]
        assert low - 1e-9 <= values["accuracy"] <= high + 1e-9 and values["sd"] is not None


def test_latency_by_hand(methods: tuple[Results, Params, Path]) -> None:
    """The results' recordings end after 200 and 201 ms by turns; phase 2 begins in their middle, ten frames in all."""
    results, params, _ = methods
    found = by_run(latency(results, params))
    for name, frames, steps, first, events in (
        ("hsd", "phase 2", 5, 60, 100), ("hsd-1", "phase 2", 1, 60, 60), ("hsd-3", "phase 2", 3, 60, 80),
        ("tet-1", "whole", 1, 100, 100), ("tet-5", "whole", 5, 20, 100), ("tet-all", "whole", 10, 10, 100),
    ):  # fmt: skip
        row = found[name]
        assert (row["frames"], row["steps"]) == (frames, steps)
        assert (row["first_events"], row["events"]) == pytest.approx((first, events), abs=1e-4)
        assert (row["time_ms"], row["time_ms_max"]) == pytest.approx((2.005 * events, 2.01 * events), abs=1e-3)
        assert row["events_sd"] == pytest.approx(0, abs=1e-4)
    notes = latency(results, params).notes
    # All but hsd-1 to hsd-4.
    assert "On embedded, 21 of 25 recipes answer when all events have come, with T = 1 to 10:" in " ".join(notes)


def test_share_of_events_has_a_spread_over_recordings(make: Make) -> None:
    params, root = make(seeds=[0], baselines=["if"], recipes=[], n_test=4)
    file = root / "data/results" / folder(params.grid, "embedded", "l8", "if", 0) / "logits.npz"
    with np.load(file) as kept:
        arrays = dict(kept)
    arrays["share"][-1] = [0.5, 0.7, 0.5, 0.7]
    np.savez(file, **arrays)
    row = by_run(latency(load(root / "data/results", params.grid), params))["if"]
    assert row["events"] == pytest.approx(60) and row["events_sd"] == pytest.approx(20 / 3**0.5)


def test_latency_of_every_step_ends_with_the_decision(methods: tuple[Results, Params, Path]) -> None:
    results, params, _ = methods
    found = [row.values for row in latency_by_step(results, params).rows]
    assert len(found) == sum(params.steps_of("embedded", name) for name in results.recipes)
    last = {row["run"]: row for row in found if row["t"] == row["steps"]}
    decided = by_run(latency(results, params))
    for name, row in last.items():
        assert row["accuracy"] == pytest.approx(100 * results.cell("embedded", "l8", name).accuracy)
        assert (row["events"], row["time_ms"]) == (decided[name]["events"], decided[name]["time_ms"])
    assert [row["events"] for row in found if row["run"] == "hsd"] == pytest.approx([60, 70, 80, 90, 100], abs=1e-4)


def test_energy_is_measured_against_the_anns(methods: tuple[Results, Params, Path]) -> None:
    _, params, root = methods
    for name, used in (("ann", (200.0, 240.0)), ("hsd", (10.0, 12.0))):
        for seed, value in enumerate(used):
            file = root / "data/results" / folder(params.grid, "embedded", "l8", name, seed) / "metrics.json"
            write_json(file, {**json.loads(file.read_text()), "energy_uj": value, "macs": 2_000_000, "synops": 3e6})
    found = by_run(energy(load(root / "data/results", params.grid), params))
    hsd = found["hsd"]
    assert hsd["energy_uj"] == pytest.approx(11) and hsd["energy_sd"] == pytest.approx(2**0.5)
    assert hsd["energy_of_ann"] == pytest.approx(5) and found["ann"]["energy_of_ann"] == pytest.approx(100)
    assert (hsd["macs_millions"], hsd["synops_millions"]) == (2.0, 3.0)
    assert found["ann"]["firing_rate"] is None and found["converted"]["firing_rate"] > 0
    assert (found["hsd-2"]["steps"], found["tet-all"]["steps"], found["ann"]["steps"]) == (2, 10, 5)
