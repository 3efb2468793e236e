"""One table as CSV (all digits, for programs), Markdown and LaTeX (for people)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.runtime.files import write_csv, write_text

Value = str | bool | int | float | tuple[float, float] | None

# Significant digits: more than any number here is known to, fewer than the last bits of a sum.
CSV_DIGITS = 10
DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"
TEX = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", DASH: "--", "✓": r"$\checkmark$", "µ": r"$\mu$",
    "→": r"$\rightarrow$", "±": r"$\pm$", MINUS: "$-$", "<": "$<$", ">": "$>$", "≥": r"$\geq$", "†": r"$\dagger$",
}  # fmt: skip
MARKDOWN = {"\\": "\\\\", "|": "\\|", "*": "\\*", "_": "\\_", "<": "&lt;"}


@dataclass(frozen=True)
class Column:
    """A column: `key` heads it in CSV, `heading` elsewhere; `only` restricts it to csv or to text.

    An interval is two columns in CSV, <key>_low and <key>_high, and one elsewhere. `spread` names the column of a
    deviation, which stands behind a ± in text and by itself in CSV.
    """

    key: str
    heading: str
    decimals: int = 2
    interval: bool = False
    left: bool = False
    only: str | None = None
    spread: str | None = None


@dataclass(frozen=True)
class Row:
    """Values by column key; a reference is set apart, for it is not one of the things compared."""

    values: Mapping[str, Value]
    reference: bool = False


@dataclass(frozen=True)
class Table:
    """A table with what a reader must know to read it; a rule is drawn between groups of rows."""

    label: str
    caption: str
    columns: list[Column]
    groups: list[list[Row]]
    notes: list[str] = field(default_factory=list)

    @property
    def rows(self) -> list[Row]:
        return [row for group in self.groups for row in group]


def write(table: Table, directory: Path, name: str) -> None:
    """Write <name>.csv, <name>.md and <name>.tex into a directory; csv alone where no column is for text."""
    header = [key for column in _columns(table, "csv") for key in _csv_keys(column)]
    write_csv(directory / f"{name}.csv", header, csv_rows(table))
    if not _columns(table, "text"):
        return
    write_text(directory / f"{name}.md", markdown(table))
    write_text(directory / f"{name}.tex", tex(table))


def csv_rows(table: Table) -> list[list[str | int | float]]:
    """Give the rows as CSV has them: switches 1 or 0, nothing where there is no value."""
    rows = []
    for row in table.rows:
        cells: list[str | int | float] = []
        for column in _columns(table, "csv"):
            value = row.values.get(column.key)
            if column.interval:
                cells += [_plain(end) for end in (value if isinstance(value, tuple) else (None, None))]
            else:
                cells.append(_plain(value))
                cells += [_plain(row.values.get(column.spread))] if column.spread else []
        rows.append(cells)
    return rows


def markdown(table: Table) -> str:
    """Give the table in GitHub's Markdown, references in italics, notes as a list."""
    columns = _columns(table, "text")
    lines = [f"**{_escape(table.caption, MARKDOWN)}**", ""]
    lines.append("| " + " | ".join(_escape(column.heading, MARKDOWN) for column in columns) + " |")
    lines.append("|" + "|".join(":--" if column.left else "--:" for column in columns) + "|")
    for row in table.rows:
        cells = _cells(row, columns, MARKDOWN, lambda text: f"*{text}*")
        lines.append("| " + " | ".join(cells) + " |")
    lines += ["", *(f"- {_escape(note, MARKDOWN)}" for note in table.notes)]
    return "\n".join(lines) + "\n"


def tex(table: Table) -> str:
    """Give the table in LaTeX, no wider than the page; it needs the packages booktabs, amssymb and graphicx."""
    columns = _columns(table, "text")
    lines = [
        "% needs \\usepackage{booktabs,amssymb,graphicx}",
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{_escape(table.caption, TEX)}}}",
        rf"\label{{{table.label}}}",
        r"\footnotesize",
        r"\resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%",
        rf"\begin{{tabular}}{{{''.join('l' if column.left else 'r' for column in columns)}}}",
        r"\toprule",
        " & ".join(_escape(column.heading, TEX) for column in columns) + r" \\",
    ]
    for group in table.groups:
        lines.append(r"\midrule")
        lines += [" & ".join(_cells(row, columns, TEX, lambda text: rf"\emph{{{text}}}")) + r" \\" for row in group]
    lines += [r"\bottomrule", r"\end{tabular}}"]
    if table.notes:
        lines += [r"\begin{itemize}", *(rf"\item {_escape(note, TEX)}" for note in table.notes), r"\end{itemize}"]
    return "\n".join([*lines, r"\end{table*}"]) + "\n"


def _columns(table: Table, place: str) -> list[Column]:
    return [column for column in table.columns if column.only in (None, place)]


def _csv_keys(column: Column) -> list[str]:
    if column.interval:
        return [f"{column.key}_low", f"{column.key}_high"]
    return [column.key, column.spread] if column.spread else [column.key]


def _plain(value: Value) -> str | int | float:
    if value is None or isinstance(value, tuple):
        return ""
    if isinstance(value, bool):
        return int(value)
    return float(f"{value:.{CSV_DIGITS}g}") if isinstance(value, float) else value


def _cells(row: Row, columns: list[Column], escapes: Mapping[str, str], emphasise: Callable[[str], str]) -> list[str]:
    cells = []
    for column in columns:
        value = row.values.get(column.key)
        shown = _shown(value, column)
        spread = row.values.get(column.spread) if column.spread else None
        text = _escape(shown if spread is None else f"{shown} ± {_shown(spread, column)}", escapes)
        cells.append(emphasise(text) if row.reference and isinstance(value, str) and text else text)
    return cells


def _shown(value: Value, column: Column) -> str:
    if value is None or value is False:
        return DASH
    if value is True:
        return "✓"
    if isinstance(value, tuple):
        return f"{value[0]:.{column.decimals}f} {DASH} {value[1]:.{column.decimals}f}"
    return f"{value:.{column.decimals}f}" if isinstance(value, float) else str(value)


def _escape(text: str, escapes: Mapping[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)
