from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.config import Params
from pipeline.errors import FileError
from pipeline.report import paired
from pipeline.report.results import Results, folder, load
from pipeline.report.tables import notes
from pipeline.report.tables.ablation import paired_table, table2
from tests.report.conftest import Make

MINUS = "\N{MINUS SIGN}"


def answering(made: tuple[Params, Path], right: dict[str, list[Any]]) -> Results:
    """Write logits that are right on just these recordings, by recipe and seed, in the place of some runs' own."""
    params, root = made
    for name, by_seed in right.items():
        for seed, wanted in zip(params.grid.seeds, by_seed, strict=True):
            label = np.arange(len(wanted)) % 10
            said = np.where(wanted, label, (label + 1) % 10)
            logits = np.tile(np.eye(10, dtype=np.float32)[said], (5, 1, 1))
            arrival = np.ones((5, len(label)), dtype=np.float32)
            path = root / "data/results" / folder(params.grid, "embedded", "l8", name, seed)
            np.savez(path / "logits.npz", logits=logits, label=label, share=arrival, time_ms=arrival)
    return load(root / "data/results", params.grid)


def first(count: int, start: int = 0) -> np.ndarray:
    """Right on so many recordings of 200, from `start` on."""
    return (np.arange(200) >= start) & (np.arange(200) < start + count)


def test_recordings_gained_and_lost_are_counted(make: Make) -> None:
    made = make(seeds=[0, 1], recipes=["ht"])
    # Seed 0: 0..99 -> 10..119: 10 lost, 20 gained. Seed 1: nothing changes.
    results = answering(made, {"if": [first(100), first(90)], "ht": [first(110, 10), first(90)]})
    (found,) = paired.ablation(results, made[0], "embedded")
    assert (found.lost, found.gained) == ((10, 0), (20, 0))
    assert found.differences == pytest.approx((0.05, 0.0)) and found.difference == pytest.approx(0.025)
    # Two tails of 30 tosses with at most 10 heads.
    assert found.p == pytest.approx((0.0987, 1.0), abs=1e-4)
    assert found.interval[0] < 0.025 < found.interval[1]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (first(100), first(160), "+30.00 points (+2"),
        (first(100), first(160), "McNemar's p is <0.001; the interval lies above 0."),
        (first(160), first(100), f"{MINUS}30.00 points ({MINUS}3"),
        (first(160), first(100), "the interval lies below 0."),
        (
            first(100),
            first(101),
            "+0.50 points (±0.00 to +1.50); McNemar's p is 1.000; the interval holds 0, so these runs",
        ),
        (first(100), first(100), "±0.00 points (±0.00 to ±0.00)"),
        (first(100), first(100, 5), "±0.00 points (" + MINUS),
    ],
)
def test_verdict_follows_from_the_interval(make: Make, before: Any, after: Any, said: str) -> None:
    made = make(seeds=[0], recipes=["ht"])
    (found,) = paired.ablation(answering(made, {"if": [before], "ht": [after]}), made[0], "embedded")
    text = notes.compared(found, made[0])
    assert text.startswith("embedded, Baseline (IF) → HT: ") and said in text


def test_seeds_are_counted_in_pairs(make: Make) -> None:
    made = make(seeds=[0, 1, 2], baselines=[], recipes=["ht", "ht-kd"])
    right = {"ht": [first(160)] * 3, "ht-kd": [first(180), first(160), first(165)]}
    (found,) = paired.ablation(answering(made, right), made[0], "embedded")
    # 20 gained of 20: p = 2^-19; 5 of 5: 2^-4, not below 0.05.
    assert ", higher in 2 of 3 seeds; McNemar's p is below 0.05 in 1 of 3;" in notes.compared(found, made[0])


def chain(made: tuple[Params, Path]) -> list[tuple[str, str]]:
    results = load(made[1] / "data/results", made[0].grid)
    return [(pair.before.name, pair.after.name) for pair in paired.ablation(results, made[0], "embedded")]


def test_the_whole_chain_in_order_and_a_missing_recipe_is_passed_over(make: Make, tmp_path: Path) -> None:
    assert chain(make()) == [("if", "ht"), ("ht", "ht-kd"), ("ht-kd", "hsd")]


def test_a_missing_recipe_is_passed_over(make: Make) -> None:
    assert chain(make(recipes=["hsd"])) == [("if", "hsd")]


def test_other_methods_do_not_slip_into_the_chain(make: Make) -> None:
    """Also random, ce or converted, skd: SLTT, features, one step, whole recordings."""
    made = make(named="methods", seeds=[0], baselines=["sltt", "lif", "if"], recipes=[
        "feature", "ht-sltt", "hsd-1", "kd-feature", "skd", "ht", "ht-kd", "hsd",
    ])  # fmt: skip
    assert chain(made) == [("if", "ht"), ("ht", "ht-kd"), ("ht-kd", "hsd")]


def test_a_recipe_is_found_by_what_it_is(make: Make, document: dict[str, Any]) -> None:
    document["recipes"]["mine"] = document["recipes"].pop("ht-kd")
    del document["report"]["titles"]["ht-kd"]
    document["report"]["table2"] = ["if", "mine", "hsd"]
    assert chain(make(recipes=["hsd", "mine"])) == [("if", "mine"), ("mine", "hsd")]


def test_other_recordings_are_refused(make: Make) -> None:
    made = make(seeds=[0], recipes=["ht"])
    results = answering(made, {"if": [first(100)[:150]]})
    with pytest.raises(FileError, match="not the same test set") as error:
        paired.ablation(results, made[0], "embedded")
    assert error.value.path.parent.name == "ht-0"


def test_hybrid_pairs_the_same_method_with_and_without(make: Make) -> None:
    made = make(named="methods", seeds=[0], n_test=40)
    results = load(made[1] / "data/results", made[0].grid)
    found = paired.hybrid(results, made[0], "embedded", made[0].report.table4)
    assert [(pair.before.name, pair.after.name) for pair in found] == [("sltt", "ht-sltt"), ("tet", "ht-tet")]


def test_paired_table_says_what_was_counted(make: Make) -> None:
    made = make(seeds=[0, 1], baselines=["if"], recipes=["ht"])
    results = answering(made, {"if": [first(100), first(90)], "ht": [first(110, 10), first(90)]})
    table = paired_table(results, made[0])
    (row,) = table.rows
    assert row.values["title"] == "Baseline (IF) → HT" and row.values["higher"] == 1
    assert row.values["signed"] == "+2.50" and (row.values["gained"], row.values["lost"]) == (10, 5)
    assert row.values["p_text"] == "0.099, 1.000" and row.values["p_median"] == pytest.approx(
        (0.098737 + 1) / 2, abs=1e-5
    )
    assert any("Resampling 2 seeds" in note for note in table.notes)
    assert any("+2.50 points" in note for note in table2(results, made[0]).notes)
