from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.evaluation.exits.confidence import sureness
from pipeline.report.render import Table
from pipeline.report.results import Results
from pipeline.report.tables import early_exit, energy, latency
from pipeline.results.read import read_arrays
from tests.exits import exit_curve
from tests.finished import again
from tests.report.conftest import Make, change


@pytest.fixture
def methods(make: Make) -> Results:
    return make("methods", n_test=60, seeds=[0, 1])


def of(module: Any, results: Results) -> Table:
    table = module.table(results)
    assert isinstance(table, Table)
    return table


def by_recipe(table: Table) -> dict[str, dict[str, Any]]:
    return {row["recipe"]: row for row in table.frame.to_dict("records")}


def test_rows_are_the_tables_in_order_each_once(methods: Results) -> None:
    compared = methods.compared()
    assert compared == [
        "lif", "if", "skd", "ht", "ht-kd", "hsd", "sltt", "ht-sltt", "tet", "ht-tet", "kd", "feature", "kd-feature",
        "tet-full.t5", "tcja-full.t5", "sltt-full.t5",
    ]  # fmt: skip
    every = methods.every()
    assert every[: len(compared)] == compared and sorted(every) == sorted(methods.settings.grid.all_recipes)


def test_early_exit_is_the_mean_of_the_seeds_curves(methods: Results) -> None:
    row = by_recipe(of(early_exit, methods))["tet-full.t5"]
    kept = [read_arrays(folder) for folder in methods.folders("mnist-dvs-sim", "tet-full.t5")]
    curves = [exit_curve(item.logits, item.label, [0.8], sureness) for item in kept]
    accuracy, steps = (float(np.mean([curve[k][0] for curve in curves])) for k in (0, 1))
    assert row["accuracy_0.8"] == pytest.approx(100 * accuracy) and row["steps_0.8"] == pytest.approx(steps)
    # Whole recordings in five frames: a fifth of the events comes with each step.
    assert row["events_0.8"] == pytest.approx(20 * steps)
    assert row["text_0.8"] == f"{100 * accuracy:.2f} ({steps:.2f}; {20 * steps:.0f} %)"
    assert row["steps"] == 5 and 1 < steps <= 5


def test_attention_over_time_exits_nowhere(methods: Results) -> None:
    assert "tcja-full.t5" in methods.compared()
    table = of(early_exit, methods)
    for frame in (table.frame, table.lists["by_threshold"].frame):
        assert "tcja-full.t5" not in set(frame["recipe"]) and "tet-full.t5" in set(frame["recipe"])


def test_every_threshold_is_shown_and_a_note_says_why(methods: Results) -> None:
    table = of(early_exit, methods)
    heads = [column.heading for column in table.columns if column.only == "text"]
    assert heads == [f"≥ {threshold:g}" for threshold in methods.settings.report.exit_at]
    assert any("none was chosen by the test recordings" in note for note in table.notes)
    long = table.lists["by_threshold"].frame.to_dict("records")
    assert len(long) == len(table.frame) * len(heads)
    wide = by_recipe(table)
    for row in long:
        assert row["accuracy"] == wide[row["recipe"]][f"accuracy_{row['threshold']:g}"]
        assert row["wilson_low"] - 1e-9 <= row["accuracy"] <= row["wilson_high"] + 1e-9 and row["sd"] >= 0


def test_latency_by_hand(methods: Results) -> None:
    """The results' recordings end after 200 and 201 ms by turns; phase 2 begins in their middle, ten frames in all."""
    table = of(latency, methods)
    found = by_recipe(table)
    for name, frames, steps, first, events in (
        ("hsd", "phase 2", 5, 60, 100), ("hsd.t1", "phase 2", 1, 60, 60), ("hsd.t3", "phase 2", 3, 60, 80),
        ("tet-full.t1", "full", 1, 100, 100), ("tet-full.t5", "full", 5, 20, 100), ("tet-full", "full", 10, 10, 100),
    ):  # fmt: skip
        row = found[name]
        assert (row["seen"], row["steps"]) == (frames, steps)
        assert (row["first_events"], row["events"]) == pytest.approx((first, events), abs=1e-4)
        assert (row["time_ms"], row["time_ms_max"]) == pytest.approx((2.005 * events, 2.01 * events), abs=1e-3)
        assert row["events_sd"] == pytest.approx(0, abs=1e-4)
    # All but hsd.t1 to hsd.t4.
    said = "On mnist-dvs-sim, 21 of 25 recipes answer when all events have come, with T = 1 to 10:"
    assert said in " ".join(table.notes)


def test_share_of_events_has_a_spread_over_recordings(make: Make) -> None:
    results = make(seeds=[0], baselines=["if"], recipes=[], sweep=[], n_test=4)
    file = results.folders("mnist-dvs-sim", "if")[0] / "logits.npz"
    with np.load(file) as kept:
        arrays = dict(kept)
    arrays["share"][-1] = [0.5, 0.7, 0.5, 0.7]
    np.savez(file, **arrays)
    row = by_recipe(of(latency, again(results)))["if"]
    assert row["events"] == pytest.approx(60) and row["events_sd"] == pytest.approx(20 / 3**0.5)


def test_latency_of_every_step_ends_with_the_decision(methods: Results) -> None:
    table = of(latency, methods)
    found = table.lists["by_step"].frame
    recipes = methods.settings.grid.all_recipes
    assert len(found) == sum(methods.cell("mnist-dvs-sim", name)["steps"] for name in recipes)
    decided = by_recipe(table)
    for row in found[found["t"] == found["steps"]].to_dict("records"):
        assert row["accuracy"] == pytest.approx(methods.cell("mnist-dvs-sim", row["recipe"])["accuracy"])
        decision = decided[row["recipe"]]
        assert (row["events"], row["time_ms"]) == (decision["events"], decision["time_ms"])
    assert found[found["recipe"] == "hsd"]["events"].tolist() == pytest.approx([60, 70, 80, 90, 100], abs=1e-4)


def test_energy_is_measured_against_the_anns(methods: Results) -> None:
    for name, used in (("ann", (200.0, 240.0)), ("hsd", (10.0, 12.0))):
        for folder, value in zip(methods.folders("mnist-dvs-sim", name), used, strict=True):
            change(folder, energy_uj=value, macs=2_000_000, synops=3e6)
    found = by_recipe(of(energy, again(methods)))
    hsd = found["hsd"]
    assert hsd["energy_uj"] == pytest.approx(11) and hsd["energy_sd"] == pytest.approx(2**0.5)
    assert hsd["energy_of_ann"] == pytest.approx(5) and found["ann"]["energy_of_ann"] == pytest.approx(100)
    assert (hsd["macs_millions"], hsd["synops_millions"]) == (2.0, 3.0)
    assert np.isnan(found["ann"]["firing_rate"]) and found["converted"]["firing_rate"] > 0
    assert (found["hsd.t2"]["steps"], found["tet-full"]["steps"], found["ann"]["steps"]) == (2, 10, 5)
