"""The paper's own figures beside ours, and those it cites, apart and marked."""

from __future__ import annotations

from typing import Any

import pandas as pd

from pipeline.report import render
from pipeline.report.tables import table1_comparison, table2_ablation, table3_quantization
from tests.report.conftest import BEYOND, FOUND, PAPERS, Make, made, markdown, of, rows_of


def test_papers_values_stand_beside_ours_only_where_the_data_set_is_the_papers(make: Make) -> None:
    results = make()
    assert "paper" not in rows_of(of(table2_ablation, results))[0]
    assert "paper" not in rows_of(of(table3_quantization, results))[0]
    assert not any("paper" in note for note in of(table2_ablation, results).notes)


def test_papers_values(make: Make) -> None:
    results = make(facts={"paper": "cifar10dvs"})
    ablation = {row["recipe"]: row["paper"] for row in rows_of(of(table2_ablation, results))}
    assert ablation == {
        "lif": "73.6", "if": "", "skd": "75.7", "ht": "79.21", "ht-kd": "79.5", "hsd": "81.1",
        "ann": "", "converted": "",
    }  # fmt: skip
    assert [row["paper"] for row in rows_of(of(table3_quantization, results))] == ["77.23", "80.12", "81.1"]
    assert any("74.80 in Table 5" in note for note in of(table2_ablation, results).notes)


def test_tables_on_the_papers_grid_have_the_papers_values_beside_ours(make: Make) -> None:
    tables = made(make("paper", n_test=40, seeds=[0]))
    assert list(tables) == [*FOUND, *PAPERS, *BEYOND]

    def papers(name: str, dataset: str, key: str = "recipe") -> dict[Any, Any]:
        frame = tables[name].frame
        ours = frame[(frame["dataset"] == dataset) & (frame.get("reference", False) == False)]  # noqa: E712
        return {row[key]: None if pd.isna(row["paper"]) else row["paper"] for row in ours.to_dict("records")}

    # HSD at 5 steps and at all steps are one network where T2 is 5.
    assert papers("table1_comparison", "cifar10dvs") == {
        "tet-full.t5": 78.80, "tcja-full.t5": 79.73, "sltt-full.t5": 76.12, "hsd.t5": 81.10, "tet-full.t10": None,
        "tcja-full.t10": None, "sltt-full.t10": None,
    }  # fmt: skip
    assert papers("table1_comparison", "dvsgesture") == {
        "tet-full.t5": 94.44, "tcja-full.t5": 92.25, "sltt-full.t5": 94.12, "hsd.t5": 97.57, "tet-full.t10": 96.88,
        "tcja-full.t10": None, "sltt-full.t10": None, "hsd": 97.92,
    }  # fmt: skip
    assert papers("table2_ablation", "dvsgesture") == {
        "lif": 94.10, "if": None, "skd": 94.44, "ht": 95.83, "ht-kd": 97.22, "hsd": 97.92,
    }  # fmt: skip
    assert papers("table3_quantization", "ncaltech101", "levels") == {4: 76.24, 8: 77.78, 16: 78.77, 32: 80.20}
    assert papers("table4_ht", "ncaltech101") == {
        "lif": 73.58, "sltt": 76.03, "ht-sltt": 79.14, "tet": 77.23, "ht-tet": 79.65, "hsd": 80.20,
    }  # fmt: skip
    assert papers("table5_distillation", "cifar10dvs") == {
        "if": 74.80,
        "kd": 76.40,
        "feature": 76.80,
        "kd-feature": 78.40,
    }
    assert set(papers("table5_distillation", "dvsgesture").values()) == {None}


def test_cited_rows_stand_apart_and_are_marked(make: Make) -> None:
    table = of(table1_comparison, make("paper", n_test=40, seeds=[0], datasets=["dvsgesture"]))
    cited, ours = table.frame[table.frame["reference"] == True], table.frame[table.frame["reference"] == False]  # noqa: E712
    assert len(cited) == 17 and set(ours["kind"]) == {"run here"} and set(table.frame["dataset"]) == {"dvsgesture"}
    # Each method's cited rows stand behind ours; those that we lack come first.
    order = [(row["system"], row["reference"]) for row in table.frame.to_dict("records")]
    systems = list(dict.fromkeys(system for system, _ in order))
    assert order == sorted(order, key=lambda pair: (systems.index(pair[0]), pair[1]))
    assert systems[-4:] == ["tet", "tcja", "sltt", "hsd"] and "plif" in systems[:-4]
    text = markdown(table)
    assert "| *dvsgesture* | *TET \\[8\\]* | *cited (†)* | *ICLR '22* | *SNN-5* |" in text
    assert r"\emph{cited ($\dagger$)}" in render.text(table, "tex", "name", "c")
    rows = rows_of(table)
    assert rows[-1]["source"] == "Table 2 and Section 5.2" and rows[-1]["accuracy"] == "97.92"
    assert {row["seeds"] for row in rows} == {"1", ""} and {row["steps"] for row in rows} >= {"5", "10", "40"}
    # A digit that cannot be read is not made up.
    assert "97.5" in {row["accuracy"] for row in rows} and any("lack their last digit" in note for note in table.notes)
