from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.errors import FileError
from pipeline.report import notes, paired
from pipeline.report.results import Results
from pipeline.report.tables import table2_ablation, table2_paired
from tests.finished import again
from tests.report.conftest import Make

MINUS = "\N{MINUS SIGN}"


def answering(results: Results, right: dict[str, list[Any]]) -> Results:
    """Write logits that are right on just these recordings, by recipe and seed, in the place of some runs' own."""
    for name, by_seed in right.items():
        for folder, wanted in zip(results.folders("mnist-dvs-sim", name), by_seed, strict=True):
            label = np.arange(len(wanted)) % 10
            said = np.where(wanted, label, (label + 1) % 10)
            logits = np.tile(np.eye(10, dtype=np.float32)[said], (5, 1, 1))
            arrival = np.ones((5, len(label)), dtype=np.float32)
            np.savez(folder / "logits.npz", logits=logits, label=label, share=arrival, time_ms=arrival)
    return again(results)


def first(count: int, start: int = 0) -> np.ndarray:
    """Right on so many recordings of 200, from `start` on."""
    return (np.arange(200) >= start) & (np.arange(200) < start + count)


def test_recordings_gained_and_lost_are_counted(make: Make) -> None:
    # Seed 0: 0..99 -> 10..119: 10 lost, 20 gained. Seed 1: nothing changes.
    right = {"if": [first(100), first(90)], "ht": [first(110, 10), first(90)]}
    results = answering(make(recipes=["ht"], sweep=[]), right)
    (found,) = paired.ablation(results)
    assert (found["lost"], found["gained"], found["higher"], found["apart"]) == (5, 10, 1, 0)
    assert found["difference"] == pytest.approx(2.5)
    # Two tails of 30 tosses with at most 10 heads.
    assert found["p_median"] == pytest.approx((0.0987 + 1) / 2, abs=1e-4) and found["p_text"] == "0.099, 1.000"
    assert found["bootstrap_low"] < 2.5 < found["bootstrap_high"]


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
    results = answering(make(seeds=[0], recipes=["ht"], sweep=[]), {"if": [before], "ht": [after]})
    text = notes.compared(paired.ablation(results), results)[0]
    assert text.startswith("mnist-dvs-sim, Baseline (IF) → HT: ") and said in text


def test_seeds_are_counted_in_pairs(make: Make) -> None:
    right = {"ht": [first(160)] * 3, "ht-kd": [first(180), first(160), first(165)]}
    results = answering(make(seeds=[0, 1, 2], baselines=[], recipes=["ht", "ht-kd"], sweep=[]), right)
    text = notes.compared(paired.ablation(results), results)[0]
    # 20 gained of 20: p = 2^-19; 5 of 5: 2^-4, not below 0.05.
    assert "points (" in text and "), higher in 2 of 3 seeds; McNemar's p is below 0.05 in 1 of 3; the" in text


def chain(results: Results) -> list[tuple[str, str]]:
    return [(pair["before"], pair["after"]) for pair in paired.ablation(results)]


def test_the_whole_chain_in_order(make: Make) -> None:
    assert chain(make(n_test=40)) == [("if", "ht"), ("ht", "ht-kd"), ("ht-kd", "hsd")]


def test_a_missing_recipe_is_passed_over(make: Make) -> None:
    assert chain(make(n_test=40, recipes=["hsd"])) == [("if", "hsd")]


def test_other_methods_do_not_slip_into_the_chain(make: Make) -> None:
    """Also random, ce or converted, skd: SLTT, features, one step, whole recordings."""
    results = make("methods", n_test=40, seeds=[0], baselines=["sltt", "lif", "if"], recipes=[
        "feature", "ht-sltt", "hsd.t1", "kd-feature", "skd", "ht", "ht-kd", "hsd",
    ])  # fmt: skip
    assert chain(results) == [("if", "ht"), ("ht", "ht-kd"), ("ht-kd", "hsd")]


def test_other_recordings_are_refused(make: Make) -> None:
    results = answering(make(seeds=[0], recipes=["ht"], sweep=[]), {"if": [first(100)[:150]]})
    with pytest.raises(FileError, match="not the same test set") as error:
        paired.ablation(results)
    assert error.value.path.parent.name == "ht-0"


def test_hybrid_pairs_the_same_method_with_and_without(make: Make) -> None:
    results = make("methods", seeds=[0], n_test=40)
    found = paired.hybrid(results, results.settings.report.table4)
    assert [(pair["before"], pair["after"]) for pair in found] == [("sltt", "ht-sltt"), ("tet", "ht-tet")]


def test_paired_table_says_what_was_counted(make: Make) -> None:
    right = {"if": [first(100), first(90)], "ht": [first(110, 10), first(90)]}
    results = answering(make(baselines=["if"], recipes=["ht"], sweep=[]), right)
    table = table2_paired.table(results)
    assert table is not None and len(table.frame) == 1
    assert table.frame["change"][0] == "Baseline (IF) → HT" and table.frame["signed"][0] == "+2.50"
    assert any("Resampling 2 seeds" in note for note in table.notes)
    ablation = table2_ablation.table(results)
    assert ablation is not None and any("+2.50 points" in note for note in ablation.notes)
