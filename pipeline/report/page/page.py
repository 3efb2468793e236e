"""The report of a grid as one page that needs nothing beside it: tables, figures and the settings that made them."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from pipeline.config import Params
from pipeline.report.page.entries import NUMBERED, Entry, figures, tables
from pipeline.report.page.preamble import preamble
from pipeline.report.page.settings import settings

PAPER_FIGURES = ("figure-figure2", "figure-figure4")
# What goes beyond the paper, in this order: a word in the name of a table or figure, and what heads them together.
TOPICS = {"exit": "Early exit", "latency": "Latency", "energy": "Energy"}


@dataclass(frozen=True)
class Section:
    id: str
    heading: str
    entries: tuple[Entry, ...]


def page(report: Path, params: Params) -> str:
    """Build the page of a grid from its finished tables and figures.

    Args:
        report: reports/<grid>, with tables/*.md and figures/<dataset>_<figure>.png in it; links are relative to it.
        params: the settings of the grid.

    Returns:
        HTML without scripts, style and pictures inside; the same bytes for the same files and settings.

    Raises:
        FileError: a folder is missing or empty, or a table is not as `render.write` writes it.
    """
    sections = _sections(tables(report), figures(report, params))
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_own("page.html")).render(
        grid=params.grid.name,
        style=_own("page.css"),
        preamble=preamble(params),
        sections=sections,
        settings=settings(params),
        files=[name for name in ("metrics.json",) if (report / name).is_file()],
    )


def _sections(listed: list[Entry], drawn: list[Entry]) -> list[Section]:
    numbered = [entry for entry in listed if NUMBERED.match(entry.id)]
    shown = [entry for entry in drawn if entry.id in PAPER_FIGURES]
    taken = [*numbered, *shown]
    topics: list[Entry] = []
    for topic, heading in TOPICS.items():
        found = [entry for entry in (*listed, *drawn) if topic in entry.id and entry not in taken]
        taken += found
        if found:
            topics.append(Entry(topic, heading, tuple(item for entry in found for item in entry.body)))
    others = [entry for entry in listed if entry not in taken]
    rest = [entry for entry in drawn if entry not in taken]
    parts = [
        ("tables", "The paper's tables", numbered),
        ("figures", "The paper's figures", shown),
        ("beyond", "Beyond the paper", [*topics, *others]),
        ("diagnostics", "Diagnostic figures", rest),
    ]
    return [Section(name, heading, tuple(entries)) for name, heading, entries in parts if entries]


def _own(name: str) -> str:
    return resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
