from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.errors import FileError
from pipeline.report import notes, paired
from pipeline.report.results import Results
from pipeline.report.statistics import holm
from pipeline.report.tables import comparisons, findings, smallest_difference, table2_ablation
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


def pair(results: Results, before: str, after: str, t: int = 5) -> dict[str, Any]:
    """Return the one row of a pair after t steps."""
    found = paired.comparisons(results)
    (row,) = found[(found["before"] == before) & (found["after"] == after) & (found["steps"] == t)].to_dict("records")
    return row


def test_recordings_gained_and_lost_are_counted(make: Make) -> None:
    # Seed 0: 0..99 -> 10..119: 10 lost, 20 gained. Seed 1: nothing changes.
    right = {"if": [first(100), first(90)], "ht": [first(110, 10), first(90)]}
    found = pair(answering(make(recipes=["ht"], sweep=[]), right), "if", "ht")
    assert (found["lost"], found["gained"], found["higher"], found["seeds"]) == (5, 10, 1, 2)
    assert found["difference"] == pytest.approx(2.5) and found["seeds_sd"] == pytest.approx(5 / 2**0.5)
    assert found["bootstrap_low"] < 2.5 < found["bootstrap_high"]
    # One of two seeds gains 5 points, the other none: a mean of 2.5 with a standard error of 2.5 or more.
    assert found["error"] >= 2.5 and found["p"] > 0.3 and found["verdict"] == "not told apart"


def test_first_steps_and_last_are_compared_and_corrected_together(make: Make) -> None:
    found = paired.comparisons(make(n_test=40))
    asked = [["lif", "hsd"], ["ht", "hsd"], ["if", "ht"], ["ht", "ht-kd"], ["ht-kd", "hsd"], ["hsd", "hsd@l16"]]
    rows = found[["before", "after", "steps"]].to_numpy().tolist()
    assert rows == [[*names, t] for names in asked for t in (1, 5)]
    assert found["p_holm"].to_list() == pytest.approx(holm(found["p"]).tolist())
    assert (found["corrected"] >= found["alone"]).all() and (found["corrected"] > found["alone"]).any()
    assert found["change"].iloc[-1] == "HSD → HSD, ANN l16"


def test_pairs_at_other_t_meet_at_the_smaller(make: Make) -> None:
    pairs = [["tet-full", "hsd"], ["tet-full.t1", "hsd.t1"], ["hsd", "nobody"], ["ssnn", "hsd"], ["ssnn", "tet-full"]]
    results = make(
        "methods", n_test=40, seeds=[0], report={"comparisons": pairs}, baselines=["tet-full.t1", "tet-full", "ssnn"]
    )
    rows = paired.comparisons(results)[["before", "after", "steps"]].to_numpy().tolist()
    # SSNN's first answers need later frames, and hsd has no answer after its 10.
    assert rows == [
        ["tet-full", "hsd", 1], ["tet-full", "hsd", 5], ["tet-full.t1", "hsd.t1", 1], ["ssnn", "tet-full", 10],
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (first(100), first(160), "+30.00 points (+2"),
        (first(100), first(160), ", p <0.001: above."),
        (first(160), first(100), f"{MINUS}30.00 points ({MINUS}3"),
        (first(160), first(100), ", p <0.001: below."),
        (first(100), first(101), "+0.50 points (±0.00 to +1.50), p 1.000: not told apart."),
        (first(100), first(100), "±0.00 points (±0.00 to ±0.00), p 1.000: not told apart."),
        # 5 of 5 gained: 2^-4, twice tested.
        (first(100), first(105), "p 0.125: not told apart."),
        # 6 of 6: 2^-5; 8 of 8: 2^-7, twice tested.
        (first(100), first(106), "p 0.062: not told apart."),
        (first(100), first(108), "p 0.016: above."),
    ],
)
def test_verdict_follows_from_the_corrected_test(make: Make, before: Any, after: Any, said: str) -> None:
    results = answering(make(seeds=[0], recipes=["ht"], sweep=[]), {"if": [before], "ht": [after]})
    text = notes.compared(paired.among(results, ["if", "ht"]), results)[0]
    assert text.startswith("mnist-dvs-sim, Baseline (IF) → HT, T = 5: ") and said in text


def test_other_recordings_are_refused(make: Make) -> None:
    results = answering(make(seeds=[0], recipes=["ht"], sweep=[]), {"if": [first(100)[:150]]})
    with pytest.raises(FileError, match="not the same test set") as error:
        paired.comparisons(results)
    assert error.value.path.parent.name == "if-0"


def test_tables_quote_their_own_pairs_after_all_steps(make: Make) -> None:
    results = make("methods", seeds=[0], n_test=40)
    found = paired.among(results, results.settings.report.table4)
    named = [(row["before"], row["after"], row["steps"]) for row in found]
    assert named == [("lif", "hsd", 5), ("sltt", "ht-sltt", 5), ("tet", "ht-tet", 5)]
    ablation = table2_ablation.table(results)
    assert ablation is not None and any("HT → HSD, T = 5: " in note for note in ablation.notes)


def test_what_runs_can_show_does_not_hang_on_what_they_show(make: Make) -> None:
    right = {"if": [first(100), first(90)], "ht": [first(110, 10), first(90)]}
    turned = {"if": right["ht"], "ht": right["if"]}
    frames = []
    for given in (right, turned):
        table = smallest_difference.table(answering(make(baselines=["if"], recipes=["ht"], sweep=[]), given))
        assert table is not None and table.frame["pairs"].tolist() == [1, 1]
        frames.append(table.frame)
    assert frames[0].equals(frames[1])


def test_nothing_to_compare_makes_no_table(make: Make) -> None:
    results = make(n_test=40, report={"comparisons": [["sltt", "hsd"]]})
    assert [module.table(results) for module in (comparisons, smallest_difference, findings)] == [None] * 3
    assert paired.among(results, ["sltt", "hsd"]) == []
