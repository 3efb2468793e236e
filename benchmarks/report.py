"""A row, and the report of all: rows/<row>.json, whatever command wrote it, to csv, Markdown and a chart."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipeline.errors import FileError
from pipeline.report import render
from pipeline.report.render import Column, Table
from pipeline.report.style import GREY, drawing, log_ticks, one, save
from pipeline.runtime.files import write_json, write_text

Plain = dict[str, Any]
MET, UNMET, REPORT, UNMEASURED = "met", "not met", "report", "not measured"
SPREAD = {"median": 0.5, "low": 0.0, "q1": 0.25, "q3": 0.75, "high": 1.0}
RATIOS = [f"ratio_{part}" for part in SPREAD]
HEADER = ["row", "case", "peer", "unit", "ours", "theirs", *RATIOS, "turns", "goal", "verdict", "load"]
HEADER += ["processor", "torch", "note"]
HEADINGS = {
    "row": "Row", "case": "Case", "peer": "Peer", "own": "Ours", "other": "Peer's", "ratio": "Ratio",
    "spread": "Quartiles (extremes)", "goal": "Goal", "verdict": "", "note": "Note",
}  # fmt: skip
COLUMNS = [Column(key, heading) for key, heading in HEADINGS.items()]
SUMMARY = ("row", "case", "peer", "ratio", "goal", "verdict")
# Okabe and Ito: bluish green and vermilion, told apart by the colour-blind too.
COLOURS = {MET: "#009E73", UNMET: "#D55E00", REPORT: GREY}
# The row that is a table of its own; cores that others may use, when a row begins, before the report warns.
PROFILE, BUSY = "profile", 0.3
NOTES = (
    "All candidates of a row take turns in one run; the ratio is of each turn, then its median. Ratio of times: peer "
    "over ours, larger is better. Of memory and disk: ours over peer, smaller is better.",
    "Peers run with torch's own settings, ours with the pipeline's: deterministic algorithms, and bfloat16 where the "
    "hardware multiplies it.",
)


@dataclass(frozen=True)
class Row:
    """Ours against one peer.

    `goal`: what the ratio should be, "≥ 8×" or "≤ 0.6×"; empty: reported only. `ours` and `theirs`: medians in `unit`.
    `ratio`: by the keys of SPREAD. None where nothing was measured, then `note` says why.
    """

    row: str
    case: str
    peer: str = ""
    goal: str = ""
    unit: str = "s"
    ours: float | None = None
    theirs: float | None = None
    ratio: dict[str, float] | None = None
    turns: int = 0
    note: str = ""

    def compared(self, ours: Sequence[float], theirs: Sequence[float], note: str = "", inverse: bool = False) -> "Row":
        """Return the row with what was found: a turn's ratio is theirs over ours, `inverse`: ours over theirs."""
        ratios = [own / other if inverse else other / own for own, other in zip(ours, theirs, strict=True)]
        ratio = dict(zip(SPREAD, np.quantile(ratios, list(SPREAD.values())).tolist(), strict=True))
        middle, other = float(np.median(ours)), float(np.median(theirs))
        return replace(self, ours=middle, theirs=other, ratio=ratio, turns=len(ours), note=note)

    @property
    def verdict(self) -> str:
        if self.ratio is None or not self.goal:
            return UNMEASURED if self.ours is None else REPORT
        over = self.ratio["median"] - bound(self.goal)
        return MET if (over >= 0 if self.goal.startswith("≥") else over <= 0) else UNMET


def bound(goal: str) -> float:
    """Return a goal's number, NaN of none."""
    return float(goal.strip("≥≤× ") or "nan")


def save_rows(folder: Path, name: str, results: list[Row], machine: Plain, load: float, quick: bool = False) -> None:
    """Write one row's results, with the machine that gave them and the cores that others used when it began."""
    plain = [asdict(result) | {"verdict": result.verdict, "load": load} for result in results]
    write_json(folder / "rows" / f"{name}.json", {"machine": machine, "quick": quick, "results": plain})


def read_rows(folder: Path, order: Sequence[str]) -> pd.DataFrame:
    """Return all results, with the columns of HEADER, `machine` and `quick`; rows of `order` come first."""
    found, place = [], {name: index for index, name in enumerate(order)}
    for path in sorted((folder / "rows").glob("*.json"), key=lambda path: (place.get(path.stem, len(place)), path)):
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            shared = {key: content[key] for key in ("machine", "quick")}
            shared["torch"] = content["machine"].get("versions", {}).get("torch")
            for result in content["results"]:
                required = {key: result[key] for key in ("row", "case", "peer", "verdict")}
                result |= required | {f"ratio_{part}": number for part, number in (result["ratio"] or {}).items()}
                found.append({**result, **shared, "processor": content["machine"].get("processor")})
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise FileError(path, f"is no file of benchmark rows ({error!r}); measure its row again") from error
    return pd.DataFrame(found, columns=[*HEADER, "machine", "quick"], dtype=object)


def write(folder: Path, order: Sequence[str], machine: Plain) -> pd.DataFrame:
    """Draw the report from all rows in a folder: benchmarks.*, summary.md, profile.md; return what it shows."""
    found = read_rows(folder, order)
    rows, profiled = found[found["row"] != PROFILE], found[found["row"] == PROFILE]
    if len(profiled):
        write_text(folder / "profile.md", _profile(profiled))
    write_json(folder / "machine.json", machine)
    write_text(folder / "benchmarks.csv", rows[HEADER].to_csv(index=False, lineterminator="\n"))
    where = f"{machine['gpu']}, " if "gpu" in machine else ""
    where += f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    caption = f"Ours against what people use instead, on {where}, {machine['threads']} threads; {_versions(machine)}"
    shown = pd.DataFrame([_shown(row) for row in rows.to_dict("records")], columns=list(HEADINGS), dtype=object)
    narrow = Table([column for column in COLUMNS if column.key in SUMMARY], shown.dropna(subset="goal"))
    for name, table in (("benchmarks", Table(COLUMNS, shown, _notes(rows, machine))), ("summary", narrow)):
        write_text(folder / f"{name}.md", render.text(table, "md", name, caption))
    _chart(rows[rows["ratio_median"].notna()], folder)
    return shown


def _profile(rows: pd.DataFrame) -> str:
    """Return the table of the shares of time: a row a part, a column a training."""
    shares = rows.pivot(index="peer", columns="case", values="ours").loc[rows["peer"].unique(), rows["case"].unique()]
    columns = [Column("peer", "Part"), *(Column(title, f"{title} (%)", decimals=1) for title in shares)]
    on = f"{rows['processor'].iloc[0]}, {rows['machine'].iloc[0]['threads']} threads"
    caption = f"Shares of a training's time by torch's profiler, on {on}"
    return render.text(Table(columns, shares.reset_index()), "md", PROFILE, caption)


def _shown(row: Plain) -> Plain:
    cells = {key: row[key] for key in ("row", "case", "peer", "verdict", "note")} | {"goal": row["goal"] or None}
    cells |= {key: _quantity(row[column], row["unit"]) for key, column in (("own", "ours"), ("other", "theirs"))}
    if pd.notna(row["ratio_median"]):
        median, low, q1, q3, high = (f"{row[ratio]:.3g}" for ratio in RATIOS)
        cells |= {"ratio": f"{median}×", "spread": f"{q1} – {q3} ({low} – {high})"}
    return cells


def _quantity(value: float | None, unit: str) -> str:
    if value is None or pd.isna(value):
        return "–"
    return f"{1000 * value:.3g} ms" if unit == "s" and value < 1 else f"{value:.4g} {unit}".strip()


def _versions(machine: Plain) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(machine.get("versions", {}).items()))


def _notes(rows: pd.DataFrame, machine: Plain) -> list[str]:
    counts = ", ".join(f"{(rows['verdict'] == verdict).sum()} {verdict}" for verdict in (MET, UNMET, UNMEASURED))
    notes = [f"Goals: {counts}.", *NOTES]
    for name, of_row in rows.groupby("row", sort=False):
        other, load = of_row["machine"].iloc[0], of_row["load"].astype(float).max()
        if other != machine:
            notes.append(f"{name}: measured in another run, on {other.get('processor')}; {_versions(other)}.")
        if of_row["quick"].any():
            notes.append(f"{name}: measured with --quick, at small size: no figures to quote.")
        if load > BUSY:
            notes.append(f"{name}: others used {load:.1f} cores when it began; measure it again on an idle machine.")
    return notes


def _chart(rows: pd.DataFrame, folder: Path) -> None:
    # A ratio of accuracies is no measure of ours against another's.
    rows = rows[rows["unit"] != "%"]
    said = "ratio: median, quartiles, extremes\nbar: goal; green: met, red: not met, grey: no goal"
    places, colours = range(len(rows)), rows["verdict"].map(COLOURS).tolist()
    with drawing():
        figure, axes = one(9.0, 1.0 + 0.3 * max(1, len(rows)), xlabel=said, ylabel="", xscale="log")
        for first, last, width in (("low", "high", 1.2), ("q1", "q3", 4)):
            axes.hlines(places, rows[f"ratio_{first}"], rows[f"ratio_{last}"], colours, linewidth=width)
        axes.scatter(rows["ratio_median"], places, color=colours)
        axes.scatter(rows["goal"].map(bound), places, s=120, color="black", marker="|")
        labels = rows["row"] + ": " + rows["case"].str[:60] + " | " + rows["peer"]
        axes.set_yticks(places, labels, fontsize=7)
        axes.invert_yaxis()
        axes.axvline(1, color="black", linewidth=0.8)
        log_ticks(axes.xaxis)
        save(figure, folder, "benchmarks", 150)
