"""What the page makes of a table's Markdown and of the settings: HTML in which a row leads to its runs' settings."""

import re
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import markdown
import pandas as pd

from pipeline.config.report import ReportSettings
from pipeline.report.results import ANN, CONVERTED, base
from pipeline.results.paths import NO_ANN

# Of a table's CSV: the columns that name what a row is of, and how what they name stands in the row.
NAMES = (["before", "after"], ["recipe"], ["compared"])
ARROW = " → "
# Where an entry begins: at a key that is not indented.
ENTRY = re.compile(r"^(?=[^\s#])", re.MULTILINE)
Blocks = list[tuple[str, str]]


def shown_settings(settings: ReportSettings) -> dict[str, Blocks]:
    """Return the settings' texts in parts, an entry each with its id or ""; a recipe says which runs are of it."""
    shown = {}
    for title, text in settings.settings_text.items():
        place = re.sub(r"\W+", "-", title.lower())
        parts = [(part.partition(":")[0], part) for part in ENTRY.split(text)]
        shown[title] = [
            (f"{place}-{key}" if re.fullmatch(r"[\w-]+", key) else "", part + _runs_of(settings, title, key))
            for key, part in parts
        ]
    return shown


def _runs_of(settings: ReportSettings, title: str, key: str) -> str:
    """Return the runs of an entry of recipes as comments of YAML."""
    if title != "Recipes":
        return ""
    found: dict[str, list[str]] = {}
    for run in settings.runs:
        if run.kind == "snn" and base(run.recipe) == key:
            found.setdefault(f"{run.dataset}/{run.ann or NO_ANN}/{run.recipe}", []).append(str(run.seed))
    return "".join(f"  # run: {name}, seeds {', '.join(seeds)}\n" for name, seeds in found.items())


def targets(settings: ReportSettings, shown: dict[str, Blocks]) -> dict[str, str]:
    """Return by the name of a recipe, of ann and converted too, the id of what stands of it among the settings."""
    ids = {id_ for blocks in shown.values() for id_, _ in blocks}
    wanted = {name: f"recipes-{base(name)}" for name in settings.grid.all_recipes}
    wanted |= dict.fromkeys((ANN, CONVERTED), f"anns-{settings.grid.ann}")
    return {name: id_ for name, id_ in wanted.items() if id_ in ids}


def table_html(text: str, csv: Path, known: dict[str, str]) -> str | None:
    """Return Markdown with a table as HTML: a list after the table is folded, rows lead to ids; None without a table.

    `csv`: the same table, with a row for each of its rows; `known`: ids by what the columns of NAMES say.
    """
    try:
        root = ElementTree.fromstring(f"<div>{markdown.markdown(text, extensions=['tables'])}</div>")
    except ElementTree.ParseError:
        return None
    table = root.find("table")
    if table is None:
        return None
    for head in table.iter("th"):
        head.set("scope", "col")
    _link(table, csv, known)
    for index, child in enumerate(list(root)):
        if child is table:
            # Only the table itself may be wider than the screen; its notes are read without scrolling.
            root[index] = Element("div", {"class": "scroll", "role": "region", "tabindex": "0", "aria-label": "table"})
            root[index].append(child)
        elif child.tag == "ul":
            root[index] = Element("details", {"class": "notes"})
            count = len(child)
            SubElement(root[index], "summary").text = f"{count} note{'s' * (count > 1)}"
            root[index].append(child)
    return "\n".join(ElementTree.tostring(child, encoding="unicode", method="html").strip() for child in root)


def _link(table: Element, csv: Path, known: dict[str, str]) -> None:
    """Make what names a row's recipe, or its two, lead to their settings."""
    frame = pd.read_csv(csv, dtype=str, keep_default_na=False) if csv.is_file() else pd.DataFrame()
    keys = next((keys for keys in NAMES if {*keys} <= {*frame}), [])
    rows = table.findall("tbody/tr")
    if not keys or len(rows) != len(frame):
        return
    heads = ["".join(head.itertext()) for head in table.iter("th")]
    place = next((heads.index(head) for head in ("Method", "Change") if head in heads), None)
    for row, names in zip(rows, frame[keys].itertuples(index=False), strict=True):
        if place is None:
            continue
        cell = row[place][0] if len(row[place]) else row[place]
        parts = (cell.text or "").split(ARROW, len(keys) - 1)
        if len(parts) == len(keys):
            cell.text = None
            for part, name in zip(parts, names, strict=True):
                inside = (
                    SubElement(cell, "a", {"href": f"#{known[name]}"}) if name in known else SubElement(cell, "span")
                )
                inside.text, inside.tail = part, ARROW
            cell[-1].tail = None
