"""What the report says first: the five sentences, all methods like for like, and that words follow the numbers."""

from __future__ import annotations

import pytest

from pipeline.report import build, notes
from pipeline.report.figures import overview
from pipeline.report.results import Results
from pipeline.report.standing import best, standing
from pipeline.report.tables import findings, ranking
from tests.finished import CLASSES
from tests.report.conftest import Make, markdown
from tests.report.test_paired import answering, first

DATASET = "mnist-dvs-sim"


def said(results: Results) -> list[str]:
    table = findings.table(results)
    assert table is not None and len(table.lead) == 5
    return table.lead


def one_seed(make: Make, ht: int, hsd: int) -> Results:
    """Return a grid whose HT and HSD are right on so many of 200."""
    results = make(seeds=[0], baselines=["if"], recipes=["ht"], report={"comparisons": [["ht", "hsd"]]})
    return answering(results, {"ht": [first(ht)], "hsd": [first(hsd)]})


def test_words_follow_the_numbers(make: Make) -> None:
    up = said(one_seed(make, 100, 140))
    assert up[2].endswith("than HT at T = 1 (mnist-dvs-sim +20.00); HT at T = 5 (mnist-dvs-sim +20.00).")
    assert "less accurate than none of them; in 0 of the 2 comparisons" in up[3]
    down = said(one_seed(make, 140, 100))
    assert "more accurate than none of them" in down[2]
    assert down[3].startswith("It is less accurate than HT at T = 1 (mnist-dvs-sim \N{MINUS SIGN}20.00); HT at T = 5")
    level = said(one_seed(make, 100, 101))
    assert "none of them" in level[2] and level[3].endswith(
        "in 2 of the 2 comparisons with them nothing can be told apart."
    )
    assert "with 1 seed, on mnist-dvs-sim (simulated camera)" in level[1]


def test_the_best_is_named_with_how_many_are_level_with_it(make: Make) -> None:
    results = one_seed(make, 150, 151)
    results = answering(results, {"if": [first(60)]})
    found = standing(results, DATASET)
    most = found[(found["t"] == 5) & (found["kind"] == "snn")].sort_values("accuracy").iloc[-1]
    assert most["compared"] == "hsd"
    # By their answers HT is level with it, IF is not.
    assert best(results, DATASET, 5) == {
        "title": "HSD", **most[["accuracy", "wilson_low", "wilson_high"]], "level": "1 of 2",
    }  # fmt: skip
    assert f"HSD at T = 5 ({most['accuracy']:.2f} %, HSD {most['accuracy']:.2f} %)" in said(results)[4]
    assert best(results, DATASET, 9)["title"] is None


def test_methods_stand_like_for_like(make: Make) -> None:
    recipes = {"baselines": ["tet-full.t5", "tet-full", "ssnn", "plif-own"], "recipes": ["hsd.t1", "hsd.t3", "ht"]}
    results = make("methods", n_test=40, seeds=[0], more=["hsd"], more_anns=["l64"], **recipes)
    found = standing(results, DATASET)
    steps = found.groupby("compared", sort=False)["t"].agg(list).to_dict()
    # Not at 10 frames or 3 steps what stands at 5, not with settings of its own, and SSNN at its own T alone.
    assert steps == {
        "ann": [1, 2, 3, 4, 5], "converted": [1, 2, 3, 4, 5], "ht": [1, 2, 3, 4, 5], "hsd": [1, 2, 3, 4, 5],
        "tet-full.t5": [1, 2, 3, 4, 5], "hsd.t1": [1], "ssnn": [10], "hsd@l64": [1, 2, 3, 4, 5],
    }  # fmt: skip
    table = ranking.table(results)
    assert table is not None and "ssnn" not in set(table.frame["compared"])
    ranks = table.frame.set_index("compared")
    assert ranks.loc[["ann", "converted"], "last_rank"].isna().all()
    for name, count in (("first", 5), ("last", 4)):
        ranked = ranks[ranks[f"{name}_rank"].notna()]
        expected = ranked[name].rank(method="min", ascending=False).astype(int)
        assert ranked[f"{name}_rank"].tolist() == expected.tolist() and len(ranked) == count


def test_a_method_that_does_not_beat_guessing_is_named(make: Make) -> None:
    results = make(n_test=40, seeds=[0])
    rows = results.rows(DATASET, ["lif", "if", "hsd"]).reset_index(drop=True)
    assert not notes.unlearned(results, rows.assign(wilson_low=50.0))
    share = 100 / len(CLASSES)
    (said,) = notes.unlearned(results, rows.assign(wilson_low=[share, share + 1, 0.0]))
    assert said.startswith(f"{DATASET}: not above the {share:.0f} % of guessing, Baseline (LIF), HSD. At these")
    assert not notes.unlearned(results, rows.assign(recipe="converted", wilson_low=0.0))


def test_overview_draws_every_method_of_every_data_set(make: Make) -> None:
    results = make(n_test=40, seeds=[0], datasets=[DATASET, "other"])
    drawn = overview.overview(results)
    lines, others, dots, _ = drawn.axes
    assert lines.get_title() == f"{DATASET} (simulated camera)" and others.get_title() == "other (real camera)"
    order = standing(results, DATASET).groupby("compared").tail(1).sort_values("accuracy", kind="stable")
    assert [label.get_text() for label in dots.get_yticklabels()] == order["title"].tolist()


@pytest.mark.parametrize("name", ["table2_ablation", "comparisons", "early_exit"])
def test_tables_say_whose_camera_it_was(make: Make, name: str) -> None:
    results = make(n_test=40, seeds=[0], datasets=[DATASET, "other"])
    text = markdown(build.with_camera(build.modules("tables")[name].table(results), results))
    assert "| Data set | Camera |" in text and f"| {DATASET} | simulated |" in text and "| other | real |" in text
