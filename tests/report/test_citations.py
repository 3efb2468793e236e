from __future__ import annotations

import json
from typing import Any, get_args

import pytest

from pipeline.config.dataset import Dataset
from pipeline.config.report import DatasetFacts, RunEntry
from pipeline.report import paper
from tests.finished import entry

COLUMNS = ("cifar10dvs", "ncaltech101", "dvsgesture")


def run(recipe: str, steps: int, **other: Any) -> dict[str, Any]:
    return {**entry("mnist-dvs-sim", recipe, None, 0, **other).model_dump(), "steps": steps}


@pytest.mark.parametrize(
    ("table", "name", "steps", "column", "value"),
    [
        ("table1", "tet-full", 5, "cifar10dvs", 78.80),
        ("table1", "tcja-full", 5, "ncaltech101", 75.61),
        ("table1", "sltt-full", 10, "dvsgesture", None),  # 96.2 and a digit that cannot be read
        ("table1", "tet-full", 10, "dvsgesture", 96.88),
        ("table1", "tet-full", 10, "cifar10dvs", None),  # the paper ran it at 5 alone; 83.17 is another's
        ("table1", "hsd", 10, "dvsgesture", 97.92),
        ("table1", "hsd", 5, "dvsgesture", 97.57),
        ("table1", "tet", 5, "cifar10dvs", None),  # not on whole recordings
        ("table2", "lif", 5, "cifar10dvs", 73.60),
        ("table2", "if", 5, "cifar10dvs", None),
        ("table2", "ht-sltt", 5, "cifar10dvs", None),  # converted and ce, but no row of Table 2
        ("table2", "feature", 5, "cifar10dvs", None),
        ("table2", "hsd", 10, "dvsgesture", 97.92),
        ("table2", "hsd", 5, "dvsgesture", None),  # the paper's is at 10 steps
        ("table4", "lif", 5, "ncaltech101", 73.58),
        ("table4", "sltt", 5, "cifar10dvs", 75.46),
        ("table4", "ht-sltt", 5, "cifar10dvs", 78.78),
        ("table4", "tet", 10, "dvsgesture", 96.23),
        ("table4", "ht-tet", 5, "ncaltech101", 79.65),
        ("table5", "if", 5, "cifar10dvs", 74.80),
        ("table5", "kd", 5, "cifar10dvs", 76.40),
        ("table5", "feature", 5, "cifar10dvs", 76.80),
        ("table5", "kd-feature", 5, "cifar10dvs", 78.40),
        ("table5", "kd", 5, "ncaltech101", None),
        ("table2", "hsd", 5, None, None),
    ],
)
def test_papers_value_of_a_recipe(table: str, name: str, steps: int, column: str | None, value: float | None) -> None:
    assert paper.value(table, run(name, steps), column) == value


@pytest.mark.parametrize(("levels", "value"), [(4, 76.24), (32, 80.20), (64, None)])
def test_papers_value_at_a_quantisation_step(levels: int, value: float | None) -> None:
    assert paper.value("table3", run("hsd", 5), "ncaltech101", levels) == value
    assert paper.value("table3", run("ht", 5), "ncaltech101", levels) is None


def test_a_name_does_not_make_another_recipe_but_its_features_do() -> None:
    assert paper.value("table2", run("hsd", 5, method="mine", title="mine", settings="d"), "cifar10dvs") == 81.10
    assert paper.value("table2", run("hsd", 5, features=True), "cifar10dvs") is None


def test_facets_are_columns_of_a_run() -> None:
    assert set(paper.FACETS) <= set(RunEntry.model_fields)


def test_settings_take_the_columns_of_the_paper_and_no_other() -> None:
    columns = set(json.loads((paper.HERE / "paper.json").read_text(encoding="utf-8"))["steps"])
    for settings in (Dataset, DatasetFacts):
        assert {
            name for part in get_args(settings.model_fields["paper"].annotation) for name in get_args(part)
        } == columns


def test_own_values_of_table1_agree_with_the_other_tables_or_a_note_says_so() -> None:
    for column in COLUMNS:
        steps = 10 if column == "dvsgesture" else 5
        in_table2 = paper.value("table2", run("hsd", steps), column)
        assert paper.value("table1", run("hsd", steps), column) == in_table2
        assert any("contradicts itself" in note for note in paper.notes("table1", column))


def test_cited_results_are_whole_and_no_row_is_doubled() -> None:
    found = paper.cited()
    assert len(found) == 42 and not found[["method", "dataset", "steps", "reproduced"]].duplicated().any()
    # Table 1's cells by hand: 13 + 3 + 1, 4 + 3 + 1, and 9 with 3 + 1 at two numbers of steps.
    assert found["dataset"].value_counts().to_dict() == {"cifar10dvs": 17, "dvsgesture": 17, "ncaltech101": 8}
    assert found["accuracy"].astype(float).between(60, 100, inclusive="neither").all()
    assert found["source"].str.startswith("Table").all() and set(found["reproduced"]) == {"0", "1"}
    assert (found["reference"].str.isdigit() | (found["method"] == "HSD")).all()
    cut = found[~found["accuracy"].str.fullmatch(r"\d\d\.\d\d")]
    assert cut[["method", "accuracy"]].values.tolist() == [["TCJA", "97.5"], ["SLTT", "96.2"]]


def test_table1_of_the_paper_is_what_is_cited_as_its_own() -> None:
    """Each figure of the paper's own that can be read whole, and no other, stands in paper.json for its T."""
    found = paper.cited()
    own = found[(found["reproduced"] == "1") | (found["reference"] == "")]
    own = own[own["accuracy"].str.fullmatch(r"\d\d\.\d\d")]
    cited = {(row.method, row.dataset, int(row.steps), float(row.accuracy)) for row in own.itertuples()}
    kept = {
        (row["method"], column, row["steps"], row[column])
        for row in content()["table1"]
        for column in COLUMNS
        if column in row
    }
    assert cited == kept


def content() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((paper.HERE / "paper.json").read_text(encoding="utf-8"))
    return found


def attainable(percent: float, count: int) -> bool:
    """Return whether a share of `count` recordings is `percent` to two decimals, rounded or cut."""
    hundredths = round(100 * percent)
    return any(
        hundredths in (10_000 * right // count, (20_000 * right + count) // (2 * count)) for right in range(count + 1)
    )


@pytest.mark.parametrize(
    ("percent", "count", "possible"),
    [
        (79.21, 1000, False),
        (81.10, 1000, True),
        (97.92, 288, True),  # 282 / 288 = 97.9167
        (97.56, 288, True),  # 281 / 288 = 97.5694, cut
        (97.58, 288, False),
        (33.33, 3, True),
        (33.34, 3, False),
    ],
)
def test_what_a_test_set_can_give(percent: float, count: int, possible: bool) -> None:
    assert attainable(percent, count) is possible


def test_eleven_of_the_papers_21_values_of_cifar10dvs_are_impossible() -> None:
    values = {row["cifar10dvs"] for n in (1, 2, 3, 4, 5) for row in content()[f"table{n}"] if "cifar10dvs" in row}
    values |= {74.82, 75.81}  # Section 5.5, at one step
    assert len(values) == 21 and sum(not attainable(value, 1000) for value in values) == 11


@pytest.mark.parametrize("table", [f"table{n}" for n in range(1, 6)])
@pytest.mark.parametrize("column", COLUMNS)
def test_notes_name_just_the_values_that_the_test_set_cannot_give(table: str, column: str) -> None:
    count = content()["test_recordings"][column]
    printed = dict.fromkeys(row[column] for row in content()[table] if column in row)
    odd = ", ".join(f"{value:.2f}" for value in printed if not attainable(value, count))
    said = [note for note in paper.notes(table, column) if "gives it" in note]
    assert len(said) == bool(odd) and all(f"{count:,} test recordings gives it: {odd}." in note for note in said)
    assert paper.notes(table, None) == []
