from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.report.metrics import headline
from pipeline.report.notes import comparisons
from pipeline.report.results import folder, load
from pipeline.report.tables import table2, table3
from pipeline.runtime.files import write_json
from tests.report.conftest import Make


def compared(made: tuple[Any, Path], accuracies: dict[str, list[float]]) -> list[str]:
    """Give the comparisons after accuracies by seed were put in the place of some runs' own."""
    params, root = made
    for name, values in accuracies.items():
        for seed, accuracy in zip(params.grid.seeds, values, strict=True):
            file = root / "data/results" / folder(params.grid, "embedded", "l8", name, seed) / "metrics.json"
            write_json(file, {**json.loads(file.read_text()), "accuracy": accuracy})
    return comparisons(load(root / "data/results", params.grid), params, "embedded")


# Wilson intervals at n = 200: 0.50: 0.4313..0.5687; 0.80: 0.7390..0.8495; 0.84: 0.7829..0.8844; 0.99: 0.9643..0.9973.
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (0.50, 0.80, "+30.00 points; each mean lies outside the other's interval."),
        (0.84, 0.80, "\N{MINUS SIGN}4.00 points; each mean lies inside the other's interval, so one evaluation does"),
        (0.80, 0.80, "±0.00 points; each mean lies inside"),
        # 0.99's interval is the narrower: 0.9643 lies above 0.96, while 0.99 would have to lie below 0.9794.
        (0.96, 0.99, "+3.00 points; each mean lies outside the other's interval."),
        # 0.965: 0.9295..0.9829; 0.98: 0.9497..0.9922. And 0.955: 0.9169..0.9761; 0.98 above it, 0.955 inside 0.98's.
        (0.955, 0.98, "+2.50 points; the mean of Baseline (IF) lies inside the interval of HT, but not the other way"),
        (0.98, 0.955, "2.50 points; the mean of HT lies inside the interval of Baseline (IF), but not the other way"),
    ],
)
def test_verdict_follows_from_the_intervals(make: Any, before: float, after: float, said: str) -> None:
    lines = compared(make(seeds=[0], recipes=["ht"]), {"if": [before], "ht": [after]})
    assert len(lines) == 1 and lines[0].startswith("Baseline (IF) → HT: ") and said in lines[0]


def test_seeds_are_counted_in_pairs(make: Any) -> None:
    made = make(seeds=[0, 1, 2], baselines=[], recipes=["ht", "ht-kd"])
    (line,) = compared(made, {"ht": [0.8, 0.8, 0.8], "ht-kd": [0.9, 0.8, 0.85]})
    assert "+5.00 points, higher in 2 of 3 seeds;" in line


def test_a_missing_recipe_is_passed_over(make: Any) -> None:
    lines = compared(make(recipes=["hsd"]), {})
    assert [line.split(":")[0] for line in lines] == ["Baseline (IF) → HT + SKD = HSD"]


def test_the_whole_chain_in_order(make: Any) -> None:
    lines = compared(make(), {})
    assert [line.split(":")[0] for line in lines] == [
        "Baseline (IF) → HT", "HT → HT + KD", "HT + KD → HT + SKD = HSD",
    ]  # fmt: skip


def test_notes_say_what_the_numbers_stand_on(make: Any) -> None:
    params, root = make(n_test=150)
    results = load(root / "data/results", params.grid)
    for table in (table2(results, params), table3(results, params)):
        text = " ".join(table.notes)
        assert "150 test recordings, 600 for training; answers after T2 = 5 time steps" in text
        assert "Wilson interval of one evaluation" in text and "not pooled" in text
        assert "over 2 seeds" in text and "last epoch" in text
    assert any("phase 1: 91.25 %" in note for note in table2(results, params).notes)


def test_recordings_that_were_left_out_are_told(make: Make) -> None:
    params, root = make()
    assert "skipped_recordings" not in headline(load(root / "data/results", params.grid), params)
    for seed in params.grid.seeds:
        file = root / "data/results" / folder(params.grid, "embedded", "l8", "converted", seed) / "metrics.json"
        write_json(file, {**json.loads(file.read_text()), "n_skipped": 3})
    results = load(root / "data/results", params.grid)
    for table in (table2(results, params), table3(results, params)):
        assert any(note.startswith("embedded: 3 bad recordings were left out") for note in table.notes)
    assert headline(results, params)["skipped_recordings"] == 3
