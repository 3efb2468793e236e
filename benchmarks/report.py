"""The report: rows of JSON to csv, Markdown and a chart.

Each row's numbers lie in rows/<row>.json with the machine that gave them; a run replaces the files of the rows that it
measured, other commands may add files of the same form, and the report is drawn from all of them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.result import MET, REPORT, UNMEASURED, UNMET, Result
from pipeline.errors import FileError
from pipeline.report.figures.style import GREY, drawing
from pipeline.report.tables import render
from pipeline.report.tables.render import Column, Row, Table
from pipeline.runtime.files import replacing, write_csv, write_json, write_text

Plain = dict[str, Any]

SPREAD = ("median", "low", "q1", "q3", "high")
HEADER = (
    "row", "case", "peer", "unit", "ours", "theirs", *(f"ratio_{part}" for part in SPREAD), "turns", "goal", "verdict",
    "load", "processor", "torch", "note",
)  # fmt: skip
COLUMNS = [
    Column("row", "Row", left=True),
    Column("case", "Case", left=True),
    Column("peer", "Peer", left=True),
    Column("ours", "Ours", left=True),
    Column("theirs", "Peer's", left=True),
    Column("ratio", "Ratio"),
    Column("spread", "Quartiles (extremes)", left=True),
    Column("goal", "Goal", left=True),
    Column("verdict", "", left=True),
    Column("note", "Note", left=True),
]
# Okabe and Ito: bluish green and vermilion, told apart by the colour-blind too.
COLOURS = {MET: "#009E73", UNMET: "#D55E00", REPORT: GREY}
DPI = 150
# Columns of the summary.
SUMMARY = ("row", "case", "peer", "ratio", "goal", "verdict")
# The row that is a table of its own.
PROFILE = "profile"
# Cores that others may use, when a row begins, before the report warns.
BUSY = 0.3


def save_rows(folder: Path, name: str, results: Sequence[Result], machine: Plain, quick: bool = False) -> None:
    """Write one row's results, with the machine that gave them."""
    content = {"machine": machine, "quick": quick, "results": [result.plain() for result in results]}
    write_json(folder / "rows" / f"{name}.json", content)


def read_rows(folder: Path, order: Sequence[str]) -> list[Plain]:
    """Read all rows, those of `order` first; each result also has its `machine` and `quick`.

    Raises:
        FileError: a file is no JSON or lacks a key.
    """
    paths = sorted((folder / "rows").glob("*.json"), key=lambda path: (_place(path.stem, order), path.stem))
    found: list[Plain] = []
    for path in paths:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            for result in content["results"]:
                missing = {"row", "case", "peer", "verdict", "ratio"} - set(result)
                if missing:
                    raise KeyError(", ".join(sorted(missing)))
                found.append({**result, "machine": content["machine"], "quick": content.get("quick", False)})
        except (json.JSONDecodeError, KeyError, TypeError) as error:
            raise FileError(path, f"is no file of benchmark rows ({error}); delete it and run `make bench`") from error
    return found


def write(folder: Path, order: Sequence[str], machine: Plain) -> None:
    """Write benchmarks.csv, .md, .png and .pdf, summary.md, profile.md and machine.json from the rows' files."""
    found = read_rows(folder, order)
    results = [result for result in found if result["row"] != PROFILE]
    profiled = [result for result in found if result["row"] == PROFILE]
    if profiled:
        write_text(folder / "profile.md", render.markdown(_profile(profiled)))
    write_json(folder / "machine.json", machine)
    write_csv(folder / "benchmarks.csv", HEADER, [_csv(result) for result in results])
    write_text(folder / "benchmarks.md", _markdown(results, machine))
    write_text(folder / "summary.md", _summary(results, machine))
    _chart([result for result in results if result["ratio"]], folder)


def _profile(results: list[Plain]) -> Table:
    """Build the table of the shares of time: a row a part, a column a training."""
    titles = list(dict.fromkeys(result["case"] for result in results))
    parts = list(dict.fromkeys(result["peer"] for result in results))
    share = {(result["case"], result["peer"]): result["ours"] for result in results}
    columns = [Column("part", "Part", left=True), *(Column(title, f"{title} (%)", decimals=1) for title in titles)]
    rows = [Row({"part": part, **{title: share.get((title, part)) for title in titles}}) for part in parts]
    machine = results[0]["machine"]
    caption = (
        f"Shares of a training's time by torch's profiler, on {machine['processor']}, {machine['threads']} threads"
    )
    return Table("tab:profile", caption, columns, [rows])


def line(result: Plain) -> str:
    """Say a result in a line, for the terminal."""
    ratio = result["ratio"]
    middle = f"{ratio['median']:.3g}x ({ratio['low']:.3g} to {ratio['high']:.3g})" if ratio else "no ratio"
    goal = f", goal {result['goal']}" if result["goal"] else ""
    sizes = " against ".join(_quantity(result.get(key), result.get("unit", "")) for key in ("ours", "theirs"))
    return f"{result['case']} | {result['peer']}: {middle}{goal}: {result['verdict']}; {sizes}"


def _place(name: str, order: Sequence[str]) -> int:
    return order.index(name) if name in order else len(order)


def _csv(result: Plain) -> list[Any]:
    ratio = result["ratio"] or {}
    cells = [result.get(key) for key in ("row", "case", "peer", "unit", "ours", "theirs")]
    cells += [ratio.get(part) for part in SPREAD]
    cells += [result.get(key) for key in ("turns", "goal", "verdict", "load")]
    machine = result["machine"]
    cells += [machine.get("processor"), machine.get("versions", {}).get("torch"), result.get("note")]
    return ["" if cell is None else cell for cell in cells]


def _markdown(results: list[Plain], machine: Plain) -> str:
    table = Table("tab:benchmarks", _caption(machine), COLUMNS, [[Row(_cells(result)) for result in results]])
    table.notes.extend(_notes(results, machine))
    return render.markdown(table)


def _summary(results: list[Plain], machine: Plain) -> str:
    """Give the rows that have a goal, and what they came to, narrow enough to be quoted."""
    with_goal = [result for result in results if result["goal"]]
    columns = [column for column in COLUMNS if column.key in SUMMARY]
    rows = [Row(_cells(result)) for result in with_goal]
    return render.markdown(Table("tab:summary", _caption(machine), columns, [rows]))


def _caption(machine: Plain) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in sorted(machine["versions"].items()))
    where = f"{machine['gpu']}, " if "gpu" in machine else ""
    return (
        f"Ours against what people use instead, on {where}{machine['processor']}, {machine['cores']} cores, "
        f"{machine['memory_gib']} GiB, {machine['threads']} threads; {versions}"
    )


def _cells(result: Plain) -> dict[str, render.Value]:
    ratio, unit = result["ratio"], result.get("unit", "")
    cells: dict[str, render.Value] = {key: result[key] for key in ("row", "case", "peer")}
    cells |= {key: _quantity(result.get(key), unit) for key in ("ours", "theirs")}
    cells |= {"goal": result["goal"] or None, "verdict": result["verdict"], "note": result.get("note", "")}
    if ratio:
        cells["ratio"] = f"{ratio['median']:.3g}×"
        cells["spread"] = f"{ratio['q1']:.3g} – {ratio['q3']:.3g} ({ratio['low']:.3g} – {ratio['high']:.3g})"
    return cells


def _quantity(value: float | None, unit: str) -> str:
    if value is None:
        return "–"
    if unit == "s" and value < 1:
        return f"{1000 * value:.3g} ms"
    return f"{value:.4g} {unit}".strip()


def _notes(results: list[Plain], machine: Plain) -> list[str]:
    counts = {verdict: sum(result["verdict"] == verdict for result in results) for verdict in (MET, UNMET, UNMEASURED)}
    notes = [
        "Goals: " + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()) + ".",
        "All candidates of a row take turns in one run; the ratio is of each turn, then its median. Ratio of times: "
        "peer over ours, larger is better. Of memory and disk: ours over peer, smaller is better.",
        "Peers run with torch's own settings, ours with the pipeline's: deterministic algorithms, and bfloat16 where "
        "the hardware multiplies it.",
    ]
    for name in dict.fromkeys(result["row"] for result in results):
        of_row = [result for result in results if result["row"] == name]
        other = of_row[0]["machine"]
        if other != machine:
            versions = ", ".join(f"{key} {value}" for key, value in sorted(other.get("versions", {}).items()))
            notes.append(
                f"{name}: measured in another run, on {other.get('processor', 'another machine')}; {versions}."
            )
        if any(result["quick"] for result in of_row):
            notes.append(f"{name}: measured with --quick, at small size: no figures to quote.")
        busy = max((result.get("load") or 0 for result in of_row), default=0)
        if busy > BUSY:
            notes.append(f"{name}: others used {busy:.1f} cores when it began; measure it again on an idle machine.")
    return notes


def _chart(results: list[Plain], folder: Path) -> None:
    with drawing():
        figure = Figure(figsize=(9.0, 1.0 + 0.3 * max(1, len(results))), layout="constrained")
        axes = figure.add_subplot()
        for place, result in enumerate(results):
            _bar(axes, place, result)
        axes.set_yticks(range(len(results)), [_label(result) for result in results], fontsize=7)
        axes.invert_yaxis()
        axes.set_xscale("log")
        axes.axvline(1, color="black", linewidth=0.8)
        axes.set_xlabel(
            "ratio: median, quartiles, extremes\nbar: goal; green: met, red: not met, grey: no goal", fontsize=8
        )
        for suffix, metadata in (
            ("png", {"Software": None}),
            ("pdf", {"CreationDate": None, "Creator": None, "Producer": None}),
        ):
            with replacing(folder / f"benchmarks.{suffix}") as partial:
                figure.savefig(partial, dpi=DPI, format=suffix, metadata=metadata)


def _bar(axes: Any, place: int, result: Plain) -> None:
    ratio, colour = result["ratio"], COLOURS[result["verdict"]]
    axes.plot([ratio["low"], ratio["high"]], [place, place], color=colour, linewidth=1.2)
    axes.plot([ratio["q1"], ratio["q3"]], [place, place], color=colour, linewidth=4)
    axes.plot([ratio["median"]], [place], "o", color=colour)
    if result["goal"]:
        bound = float(str(result["goal"]).strip("≥≤× "))
        axes.plot([bound], [place], "|", color="black", markersize=11)


def _label(result: Plain) -> str:
    return f"{result['row']}: {result['case'].split(': ')[0][:60]} | {result['peer']}"
