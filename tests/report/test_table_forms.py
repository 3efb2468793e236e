"""How a table is written: Markdown, LaTeX, csv, numbers and their spread."""

from __future__ import annotations

import pandas as pd

from pipeline.report import render
from pipeline.report.render import Column, Table
from tests.report.conftest import markdown


def test_text_forms() -> None:
    columns = [
        Column("name", "A_b"),
        Column("on", "On"),
        Column("x", "%"),
        Column("w", "W", interval=True),
        Column("e", "E"),
    ]
    rows = [
        {"name": "50 % & _more_", "on": True, "x": 1.005, "w_low": 1.0, "w_high": 2.5, "reference": False, "group": 0},
        {"name": "ref", "on": False, "reference": True, "group": 1, "e": None},
    ]
    table = Table(columns, pd.DataFrame(rows, dtype=object), ["a | b → c"])
    dash = "\N{EN DASH}"
    assert markdown(table, "Cap") == (
        f"**Cap**\n\n| A\\_b | On | % | W |\n|:--|--:|--:|--:|\n"
        f"| 50 % &amp; \\_more\\_ | ✓ | 1.00 | 1.00 {dash} 2.50 |\n"
        f"| *ref* | {dash} | {dash} | {dash} |\n\n- a \\| b → c\n"
    )
    text = render.text(table, "tex", "x", "Cap")
    assert r"50 \% \& \_more\_ & $\checkmark$ & 1.00 & 1.00 -- 2.50 \\" in text
    assert "\\midrule\n\\emph{ref} & -- & -- & -- \\\\\n\\bottomrule" in text
    assert r"\item a | b $\rightarrow$ c" in text and r"\label{tab:x}" in text
    assert text.isascii()
    assert render.csv_frame(table).values.tolist() == [
        ["50 % & _more_", 1, 1.005, 1.0, 2.5, ""],
        ["ref", 0, "", "", "", ""],
    ]


def test_a_spread_stands_behind_its_mean() -> None:
    frame = pd.DataFrame([{"a": 1.0, "sd": 0.125}, {"a": 2.0, "sd": None}, {"a": None}])
    table = Table([Column("a", "A", spread="sd")], frame)
    dash = "\N{EN DASH}"
    assert markdown(table).splitlines()[4:7] == ["| 1.00 ± 0.12 |", "| 2.00 |", f"| {dash} |"]
    assert r"1.00 $\pm$ 0.12 \\" in render.text(table, "tex", "x", "c")
    assert render.csv_frame(table).values.tolist() == [[1.0, 0.125], [2.0, ""], ["", ""]]


def test_csv_has_all_digits() -> None:
    table = Table([Column("a", "A")], pd.DataFrame({"a": [1 / 3, 1e-12 / 3, "67.80"]}, dtype=object))
    assert render.csv_frame(table)["a"].tolist() == [0.3333333333, 3.333333333e-13, "67.80"]
