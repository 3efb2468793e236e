"""Figures as SVG whose parts say what they are: each point in its <title>, each series by its name.

What an artist is travels through matplotlib in its gid, as JSON; nothing else of it reaches the file.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.container import BarContainer, Container, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter

from pipeline.errors import FileError

SPACE = "{http://www.w3.org/2000/svg}"
LINK = "{http://www.w3.org/1999/xlink}href"
# To an inch.
POINTS = 72
REFERRED = re.compile(r"url\(#([^)]+)\)")
# Written without a prefix, which HTML would not know.
ElementTree.register_namespace("", SPACE.strip("{}"))
# Verdana is as wide, where that is missing.
FONT = "'DejaVu Sans'"
# What matplotlib has for a line that is drawn without marks.
NO_MARK = ("", "None", " ", None)


def tell(artist: Artist, series: str, points: Iterable[str] = ()) -> None:
    """Let an artist say which series it belongs to, a line with marks or a bar also what each point is."""
    artist.set_gid(json.dumps({"series": series, "points": list(points)}))


def interactive(figure: Figure, name: str) -> str | None:
    """Return a figure as SVG, its layout found already, the same text for the same figure; None if it has no series.

    Groups of class `series` have data-series, marks and bars the class `point`, texts of the legend data-legend.
    `name`: of the figure, from which its ids are made, so that figures can stand on one page.
    """
    named = {series for axes in figure.axes for series in _named(axes)} - {""}
    if not named:
        return None
    legends = [legend for place in (figure, *figure.axes) if (legend := _legend(place))]
    for text in (text for legend in legends for text in legend.get_texts() if text.get_text() in named):
        text.set_gid(json.dumps({"legend": text.get_text()}))
    file = BytesIO()
    with rc_context({"svg.hashsalt": name, "svg.fonttype": "none"}):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _finished(ElementTree.fromstring(file.getvalue()))


def inline(path: Path, inch: int) -> str:
    """Return a figure's file as a part of a page, an inch of it so many pixels; FileError: it is no such file."""
    try:
        root = ElementTree.fromstring(path.read_bytes())
        size = {key: float(root.attrib[key].removesuffix("pt")) * inch / POINTS for key in ("width", "height")}
    except (ElementTree.ParseError, KeyError, ValueError) as error:
        raise FileError(path, f"is no SVG file of a figure ({error}); `dvc repro` makes it again") from error
    root.attrib |= {key: f"{pixels:.0f}" for key, pixels in size.items()}
    # In HTML the element alone says what it is.
    return ElementTree.tostring(root, encoding="unicode").replace(f' xmlns="{SPACE.strip("{}")}"', "", 1)


def _legend(place: Any) -> Any:
    return place.get_legend() if isinstance(place, Axes) else next(iter(place.legends), None)


def _named(axes: Axes) -> Iterator[str]:
    """Let what is drawn say what it is, as far as it does not yet; return the labels of the series."""
    # Bars of errors upon bars have no label of their own.
    above = {id(bars.errorbar): bars for bars in axes.containers if isinstance(bars, BarContainer)}
    inside: set[Artist] = set()
    for container in axes.containers:
        label = _label(above.get(id(container), container))
        if isinstance(container, ErrorbarContainer):
            line, caps, bars = container.lines
            ends = [segment for collection in bars for segment in collection.get_segments()]
            _tell_line(axes, line, label, ends)
            inside |= {line, *caps, *bars}
            for part in (*caps, *bars):
                tell(part, label)
        elif isinstance(container, BarContainer):
            for bar in container.patches:
                tell(bar, label, [_said(axes, label, bar.get_x() + bar.get_width() / 2, bar.get_height())])
        yield label
    for line in axes.lines:
        if line not in inside:
            _tell_line(axes, line, _label(line), [])
            yield _label(line)


def _label(of: Artist | Container) -> str:
    """Return a label as the legend has it, "" if it has none."""
    label = of.get_label()
    return "" if label is None or str(label).startswith("_") else str(label)


def _tell_line(axes: Axes, line: Line2D | None, label: str, ends: list[Any]) -> None:
    if line is not None and line.get_gid() is None:
        marked = line.get_marker() not in NO_MARK
        tell(line, label, [_said(axes, label, x, y, ends) for x, y in np.asarray(line.get_xydata())] if marked else ())


def _said(axes: Axes, label: str, x: float, y: float, ends: Sequence[Any] = ()) -> str:
    """Return what a point is: its series, its place by the axes' labels, and how far bars reach through it."""
    lines = [label] if label else []
    for index, (axis, value) in enumerate(((axes.xaxis, x), (axes.yaxis, y))):
        other = (y, x)[index]
        # A bar along this axis is at one place of the other.
        through = [end[:, index] for end in ends if np.allclose(end[:, 1 - index], other) and np.ptp(end[:, index])]
        reach = "".join(f" ({min(bar):.4g} to {max(bar):.4g})" for bar in through)
        words = axis.get_label_text().partition("\n")[0]
        lines.append(f"{words}: {_word(axis, value)}{reach}".removeprefix(": "))
    return "\n".join(lines)


def _word(axis: Axis, value: float) -> str:
    """Return a value as the axis has it: the text of its tick, where ticks have places and texts of their own."""
    if isinstance(axis.get_major_locator(), FixedLocator) and isinstance(axis.get_major_formatter(), FuncFormatter):
        ticks = axis.get_majorticklocs()
        return axis.get_ticklabels()[int(np.abs(ticks - value).argmin())].get_text()
    return f"{value:.4g}"


def _finished(root: ElementTree.Element) -> str:
    """Return the text of a file in which gids have become classes, titles and data."""
    elements = list(root.iter())
    # Dates of it, and a sheet whose rules would be the whole page's.
    for part in [*root.findall(f"{SPACE}metadata"), *root.findall(f"{SPACE}defs/{SPACE}style/..")]:
        root.remove(part)
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")
    elements = list(root.iter())
    for element in elements:
        if LINK in element.attrib:
            element.set("href", element.attrib.pop(LINK))
        if element.get("id", "").startswith("{"):
            _say(element, json.loads(element.attrib.pop("id")))
    texts = " ".join(value for element in elements for value in element.attrib.values())
    used = {*REFERRED.findall(texts), *(element.get("href", "").removeprefix("#") for element in elements)}
    for element in elements:
        if element.get("id") not in used:
            element.attrib.pop("id", None)
    return ElementTree.tostring(root, encoding="unicode").replace(FONT, f"{FONT}, Verdana, sans-serif") + "\n"


def _say(group: ElementTree.Element, said: dict[str, Any]) -> None:
    if "legend" in said:
        group.set("data-legend", said["legend"])
        return
    group.set("data-series", said["series"])
    marks = list(group.iter(f"{SPACE}use")) or list(group.findall(f"{SPACE}path"))
    for mark, text in zip(marks, said["points"], strict=bool(said["points"])):
        mark.set("class", "point")
        ElementTree.SubElement(mark, f"{SPACE}title").text = text
