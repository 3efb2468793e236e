"""What a report's page shows, read from the finished tables and figures."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import markdown

from pipeline.config import Params
from pipeline.errors import FileError
from pipeline.report.page.captions import CAPTIONS, caption

PNG = b"\x89PNG\r\n\x1a\n"
# Pixels of the page to an inch of a figure: its letters become as large as the page's.
INCH = 110
NUMBERED = re.compile(r"table(\d+)")
PAPERS = re.compile(r" \(the paper's Table \d+\)")
CAPTION = re.compile(r"\A\*\*(.+)\*\*\n")


@dataclass(frozen=True)
class Entry:
    """A table or figure: where a link finds it, what heads it, what it shows."""

    id: str
    heading: str
    body: tuple[Table | Picture, ...]


@dataclass(frozen=True)
class Table:
    caption: str
    html: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Picture:
    alt: str
    caption: str
    source: str
    width: int
    height: int
    files: tuple[str, ...]


def tables(report: Path) -> list[Entry]:
    """Read tables/*.md of a report, numbered ones first.

    Raises:
        FileError: there is none, or one is not as `render.write` writes it.
    """
    paths = _found((report / "tables").glob("*.md"), report / "tables")
    found = [(path.stem, _table(path)) for path in paths]
    return [Entry(stem, _heading(stem, table.caption), (table,)) for stem, table in found]


def _table(path: Path) -> Table:
    text = path.read_text(encoding="utf-8")
    title = CAPTION.match(text)
    html = markdown.markdown(text[title.end() :] if title else text, extensions=["tables"])
    if title is None or "<table>" not in html:
        raise FileError(path, "expected **a caption**, then a table; `dvc repro` makes it again")
    # Only the table itself may be wider than the screen; its notes are read without scrolling.
    html = html.replace("<table>", '<div class="scroll" role="region" tabindex="0" aria-label="table"><table>')
    html = re.sub(r"<th(?=[ >])", '<th scope="col"', html.replace("</table>", "</table></div>"))
    # A list too long to be read stands beside its table as csv alone.
    lists = [file for file in sorted(path.parent.glob(f"{path.stem}_*.csv")) if not file.with_suffix(".md").is_file()]
    files = [*(path.with_suffix(f".{kind}") for kind in ("csv", "tex", "md")), *lists]
    links = tuple(f"tables/{file.name}" for file in files if file.is_file())
    return Table(_plain(title.group(1)), html, links)


def figures(report: Path, params: Params) -> list[Entry]:
    """Read figures/<dataset>_<figure>.png of a report in the order of CAPTIONS, one entry for all data sets.

    Raises:
        FileError: there is none, or one is no PNG file.
    """
    folder = report / "figures"
    _found(folder.glob("*.png"), folder)
    entries = []
    for name, words in CAPTIONS.items():
        paths = [(dataset, folder / f"{dataset}_{name}.png") for dataset in params.grid.datasets]
        pictures = tuple(_picture(path, dataset, name, params) for dataset, path in paths if path.is_file())
        if pictures:
            entries.append(Entry(f"figure-{name}", words.heading, pictures))
    return entries


def _picture(path: Path, dataset: str, name: str, params: Params) -> Picture:
    data, pdf = path.read_bytes(), path.with_suffix(".pdf")
    if data[:8] != PNG or len(data) < 24:
        raise FileError(path, "is no PNG file; `dvc repro` makes it again")
    width, height = (round(int.from_bytes(data[at : at + 4], "big") * INCH / params.report.dpi) for at in (16, 20))
    return Picture(
        alt=f"{CAPTIONS[name].heading}, {dataset}",
        caption=caption(name, dataset, params.dataset(dataset).paper),
        source="data:image/png;base64," + base64.b64encode(data).decode("ascii"),
        width=width,
        height=height,
        files=(f"figures/{pdf.name}",) if pdf.is_file() else (),
    )


def _found(paths: Iterable[Path], folder: Path) -> list[Path]:
    """List numbered files first, by number, then the others by name."""
    found = sorted(paths, key=lambda path: (_number(path.stem) or math.inf, path.stem))
    if not found:
        raise FileError(folder, "not found or empty; `dvc repro` makes it")
    return found


def _number(stem: str) -> int | None:
    match = NUMBERED.match(stem)
    return int(match.group(1)) if match else None


def _heading(stem: str, title: str) -> str:
    """Head a table by its number and what its caption says before a colon; its number is not said twice."""
    number = _number(stem)
    words = PAPERS.sub("", title).partition(": ")[0].removesuffix(".")
    return words if number is None else f"Table {number}: {words}"


def _plain(text: str) -> str:
    """Take the escapes out of a line of Markdown."""
    return re.sub(r"\\(.)", r"\1", text).replace("&lt;", "<")
