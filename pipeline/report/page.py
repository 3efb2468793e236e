"""The report of a grid as one page that needs nothing beside it: tables, figures and the settings that made them."""

import base64
import hashlib
import re
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined
from PIL import Image

from pipeline.config.report import ReportSettings
from pipeline.errors import FileError
from pipeline.report import paper
from pipeline.report.build import modules
from pipeline.report.escape import from_markdown
from pipeline.report.markup import shown_settings, table_html, targets
from pipeline.report.svg import inline

TEMPLATES = Path(__file__).parent / "templates"
# Pixels of the page to an inch of a figure: its letters become as large as the page's.
INCH = 110
NUMBERED = re.compile(r"(?:table|figure-figure)(\d+)")
PAPERS = re.compile(r" \(the paper's Table \d+\)")
CAPTION = re.compile(r"\A\*\*(.+)\*\*\n")
SENTENCES = re.compile(r"<ol>.*?</ol>\n?", re.DOTALL)
# What comes first, in this order.
FOUND = ("findings", "smallest_difference", "figure-overview", "comparisons", "ranking")
# What goes beyond the paper, in this order: a word in the name of a table or figure, and what heads them together.
TOPICS = {"exit": "Early exit", "latency": "Latency", "energy": "Energy"}


class Entry(NamedTuple):
    """What stands under one heading: tables and pictures as page.html takes them."""

    name: str
    heading: str
    body: list[dict[str, Any]]


def page(settings: ReportSettings, folder: Path) -> str:
    """Return the page of a grid, made from the tables/*.md and figures/<dataset>_<figure>.png of reports/<grid>.

    HTML with style, script and pictures inside, which can be read without the script; the same bytes for the same files
    and settings. FileError: a folder is missing or empty, or a table or figure is damaged.
    """
    texts = shown_settings(settings)
    listed, drawn = _tables(folder / "tables", targets(settings, texts)), _figures(folder / "figures", settings)
    known = {entry.name: entry for entry in (*listed, *drawn)}
    found = [known[name] for name in FOUND if name in known]
    sentences = [line for entry in found for item in entry.body for line in SENTENCES.findall(item.get("html", ""))]
    for item in (item for entry in found for item in entry.body if "html" in item):
        item["html"] = SENTENCES.sub("", item["html"])
    beyond = [entry for entry in known.values() if not NUMBERED.match(entry.name) and entry not in found]
    topics = []
    for topic, heading in TOPICS.items():
        items = [item for entry in beyond if topic in entry.name for item in entry.body]
        topics += [Entry(topic, heading, items)] if items else []
    rest = [entry for entry in beyond if not any(topic in entry.name for topic in TOPICS)]
    sections = [
        ("found", "What was found", found),
        ("tables", "The paper's tables", [entry for entry in listed if NUMBERED.match(entry.name)]),
        ("figures", "The paper's figures", [entry for entry in drawn if NUMBERED.match(entry.name)]),
        ("beyond", "Beyond the paper", topics + [entry for entry in rest if entry in listed]),
        ("diagnostics", "Diagnostic figures", [entry for entry in rest if entry in drawn]),
    ]
    script = (TEMPLATES / "page.js").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((TEMPLATES / "page.html").read_text(encoding="utf-8")).render(
        grid=settings.grid,
        facts={name: settings.datasets[name] for name in settings.grid.datasets}.items(),
        sentences="".join(sentences),
        style=(TEMPLATES / "page.css").read_text(encoding="utf-8"),
        script=script,
        script_digest=base64.b64encode(hashlib.sha256(f"\n{script}\n".encode()).digest()).decode("ascii"),
        sections=[{"id": id_, "heading": heading, "entries": found} for id_, heading, found in sections if found],
        settings=texts,
        files=[name for name in ("metrics.json", "runs.csv", "steps.csv") if (folder / name).is_file()],
    )


def _tables(folder: Path, known: dict[str, str]) -> list[Entry]:
    """Read the tables in their order, then those that are known no more."""
    names = {path.stem for path in folder.glob("*.md")}
    if not names:
        raise FileError(folder, "not found or empty; `dvc repro` makes it")
    entries = []
    for name in sorted(names, key=[*modules("tables"), *sorted(names)].index):
        item, number = _table(folder / f"{name}.md", known), NUMBERED.match(name)
        words = PAPERS.sub("", item["caption"]).partition(": ")[0].removesuffix(".")
        entries.append(Entry(name, f"Table {number.group(1)}: {words}" if number else words, [item]))
    return entries


def _table(path: Path, known: dict[str, str]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise FileError(path, f"is not UTF-8 ({error}); `dvc repro` makes it again") from error
    title = CAPTION.match(text)
    html = table_html(text[title.end() :] if title else text, path.with_suffix(".csv"), known)
    if title is None or html is None:
        raise FileError(path, "expected **a caption**, then a table; `dvc repro` makes it again")
    # A list too long to be read stands beside its table as csv alone.
    lists = [file for file in sorted(path.parent.glob(f"{path.stem}_*.csv")) if not file.with_suffix(".md").is_file()]
    files = [*(path.with_suffix(f".{kind}") for kind in ("csv", "tex", "md")), *lists]
    links = [f"tables/{file.name}" for file in files if file.is_file()]
    return {"caption": from_markdown(title.group(1)), "html": html, "files": links}


def _figures(folder: Path, settings: ReportSettings) -> list[Entry]:
    """Read the figures in their order, one entry for all data sets."""
    if not any(folder.glob("*.png")):
        raise FileError(folder, "not found or empty; `dvc repro` makes it")
    entries = []
    facts_of = {dataset: settings.datasets[dataset] for dataset in settings.grid.datasets}
    for name, module in modules("figures").items():
        heading, _, text = (module.__doc__ or "").partition("\n\n")
        items = []
        more = [module.said(settings)] if hasattr(module, "said") else []
        for dataset, facts in [("", None), *facts_of.items()]:
            place = f"{dataset} ({'simulated' if facts.simulated else 'real'} camera)" if facts else "All data sets"
            said = [f"{place}.", *text.split(), *more, *paper.notes(name, facts.paper if facts else None)]
            path = folder / f"{dataset}_{name}.png" if dataset else folder / f"{name}.png"
            if path.is_file():
                picture = _picture(path, settings.report.dpi)
                items.append({**picture, "alt": f"{heading}, {place}", "caption": " ".join(said)})
        if items:
            entries.append(Entry(f"figure-{name}", heading, items))
    return entries


def _picture(path: Path, dpi: int) -> dict[str, Any]:
    """Return a figure as SVG if it is there, else as PNG, at its size on the page, and the files of it."""
    vector, pdf = path.with_suffix(".svg"), path.with_suffix(".pdf")
    links = [f"figures/{file.name}" for file in (vector, pdf) if file.is_file()]
    if vector.is_file():
        return {"svg": inline(vector, INCH), "files": links}
    try:
        with Image.open(path, formats=["PNG"]) as picture:
            width, height = (round(pixels * INCH / dpi) for pixels in picture.size)
    except OSError as error:
        raise FileError(path, f"is no PNG file ({error}); `dvc repro` makes it again") from error
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"source": f"data:image/png;base64,{data}", "width": width, "height": height, "files": links}
