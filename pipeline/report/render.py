"""One table as CSV (all digits, for programs), Markdown and LaTeX (for people)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pipeline.report import escape
from pipeline.report.escape import DASH
from pipeline.results.cells import csv_safe
from pipeline.runtime.files import write_text

# Significant digits: more than any number here is known to, fewer than the last bits of a sum.
CSV_DIGITS = 10
# How text is escaped and emphasised.
FORMS = {"md": (escape.markdown, "*{}*"), "tex": (escape.tex, r"\emph{{{}}}")}
HEADINGS = {
    "dataset": "Data set", "title": "Method", "kind": "From", "venue": "Venue", "network": "Network", "seen": "Frames",
    "side": "Side",
    "ht": "HT", "kd": "KD", "skd": "SKD", "response": "Response", "feature": "Feature", "neuron": "Neuron",
    "levels": "L", "steps": "T", "seeds": "Seeds", "accuracy": "Accuracy (%)", "wilson": "95 % interval",
    "best_val": "best_val (%)", "best_test": "paper-compatible (optimistic) (%)", "paper": "Paper (%)",
    "firing_rate": "Firing rate", "macs_millions": "MACs (M)", "synops_millions": "SynOps (M)",
    "energy_uj": "Energy (µJ)", "energy_of_ann": "Energy, % of the ANN's", "first_events": "Events, first step (%)",
    "events": "Events, decision (%)", "change": "Change", "signed": "Difference (points)",
    "bootstrap_text": "95 % interval, paired", "higher": "Seeds that gain", "gained": "Gained", "lost": "Lost",
    "p_text": "p (Holm)", "verdict": "The second is", "camera": "Camera",
    "pairs": "Comparisons", "n_test": "Recordings", "seeds_sd": "sd over seeds", "error": "Standard error",
    "alone": "Smallest difference (points)", "corrected": "after Holm's correction",
    "elsewhere": "Cited, on CIFAR10-DVS: % (T)", "over_steps": "Mean over t (%)",
    "time_ms": "Time, mean (ms)", "time_ms_max": "Time, longest (ms)",
}  # fmt: skip
DECIMALS = {"firing_rate": 3, "gained": 1, "lost": 1, "energy_of_ann": 1, "time_ms": 1, "time_ms_max": 1}
SPREADS = {"accuracy": "sd", "over_steps": "over_steps_sd", "energy_uj": "energy_sd", "events": "events_sd"}
INTERVALS = ("wilson", "bootstrap")
# What goes between braces in a template of LaTeX is LaTeX's.
MARKS: dict[str, Any] = {
    "variable_start_string": "(((", "variable_end_string": ")))", "block_start_string": "<%", "block_end_string": "%>",
    "comment_start_string": "(((#", "comment_end_string": "#)))", "trim_blocks": True, "lstrip_blocks": True,
}  # fmt: skip
LOADER = FileSystemLoader(Path(__file__).parent / "templates")
TEMPLATES = Environment(loader=LOADER, undefined=StrictUndefined, keep_trailing_newline=True, **MARKS)


@dataclass(frozen=True)
class Column:
    """A column: `key` heads it in CSV, `heading` elsewhere; `only` restricts it to csv or to text.

    An interval is two columns of the frame, <key>_low and <key>_high, and one in text. `spread` names the column of a
    deviation, which stands behind a ± in text and by itself in CSV.
    """

    key: str
    heading: str = ""
    decimals: int = 2
    interval: bool = False
    only: str | None = None
    spread: str | None = None

    @property
    def keys(self) -> list[str]:
        """The columns of the frame that it is made of."""
        if self.interval:
            return [f"{self.key}_low", f"{self.key}_high"]
        return [self.key, self.spread] if self.spread else [self.key]


@dataclass(frozen=True)
class Table:
    """A frame, which of its columns are shown, what a reader must know to read it, and long lists that go with it.

    Columns that the frame lacks are left out, in text those without any value too. The frame's `group` says between
    which rows a rule is drawn; `reference` is true of rows that are none of the things compared. `lead`: what is read
    before the table; `said` ends a caption.
    """

    columns: list[Column]
    frame: pd.DataFrame
    notes: list[str] = field(default_factory=list)
    lists: dict[str, "Table"] = field(default_factory=dict)
    said: str = ""
    lead: list[str] = field(default_factory=list)


def columns(keys: str) -> list[Column]:
    """Return columns by key, separated by spaces; (key): in CSV alone, [key]: in text alone."""
    words = [(word.strip("()[]"), {"(": "csv", "[": "text"}.get(word[0])) for word in keys.split()]
    look = [(HEADINGS.get(key, ""), DECIMALS.get(key, 2), key in INTERVALS) for key, _ in words]
    return [Column(key, *how, only, SPREADS.get(key)) for (key, only), how in zip(words, look, strict=True)]


def write(table: Table, folder: Path, name: str, caption: str) -> None:
    """Write <name>.csv, .md and .tex into a folder, and a list of it as <name>_<list>.csv."""
    caption = " ".join([*caption.split(), *table.said.split()])
    for stem, one in {name: table, **{f"{name}_{part}": more for part, more in table.lists.items()}}.items():
        write_text(folder / f"{stem}.csv", csv_frame(one).to_csv(index=False, lineterminator="\n"))
    for form in FORMS:
        write_text(folder / f"{name}.{form}", text(table, form, name, caption))


def csv_frame(table: Table) -> pd.DataFrame:
    """Return the table as CSV has it: switches 1 or 0, nothing where there is no value."""
    keys = [key for column in table.columns if column.only != "text" for key in column.keys]
    return table.frame[[key for key in keys if key in table.frame]].astype(object).map(_plain)


def text(table: Table, form: str, name: str, caption: str) -> str:
    """Return the table in GitHub's Markdown (`form`: md) or LaTeX (tex), references in italics, notes as a list."""
    escaped, emphasis = FORMS[form]
    known = {key: found for key, found in table.frame.items() if found.notna().any()}
    asked = [column for column in table.columns if column.only != "csv" and column.keys[0] in known]
    rows, group = [], object()
    for row in table.frame.to_dict("records"):
        texts = {column.key: escaped(_text(row, column)) for column in asked}
        if row.get("reference"):
            texts |= {key: emphasis.format(text) for key, text in texts.items() if isinstance(row.get(key), str)}
        rows.append((row.get("group") != group, list(texts.values())))
        group = row.get("group")
    words = [known[column.keys[0]].dropna().map(type).eq(str).all() for column in asked]
    return TEMPLATES.get_template(f"table.{form}").render(
        caption=escaped(caption), heads=[escaped(column.heading) for column in asked], rows=rows,
        sides="".join("l" if text else "r" for text in words), notes=map(escaped, table.notes), name=name,
        lead=[*map(escaped, table.lead)],
    )  # fmt: skip


def _text(row: dict[str, Any], column: Column) -> str:
    values = [_shown(row.get(key), column.decimals) for key in column.keys]
    return values[0] if DASH in values else (f" {DASH} " if column.interval else " ± ").join(values)


def _shown(value: Any, decimals: int) -> str:
    if value is False or pd.isna(value):
        return DASH
    return "✓" if value is True else f"{value:.{decimals}f}" if isinstance(value, float) else str(value)


def _plain(value: Any) -> str | int | float:
    if isinstance(value, str) or pd.isna(value):
        return csv_safe(value) if isinstance(value, str) else ""
    return float(f"{value:.{CSV_DIGITS}g}") if isinstance(value, float) else int(value)
