from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

import stages.page
from pipeline.config.report import ReportSettings
from pipeline.errors import FileError
from pipeline.report.page import page
from pipeline.report.render import Column, Table, write
from pipeline.report.style import drawing, save
from stages._cli import Call
from tests.finished import settings_of

DATASET = "mnist-dvs-sim"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
TABLES = ("table1_comparison", "table2_ablation", "table10_more", "early_exit", "latency", "energy")
VOID = {"meta", "img"}


class Tags(HTMLParser):
    """Every tag with its attributes, and that each is closed by its own."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def made(tmp_path: Path) -> tuple[ReportSettings, Path]:
    """The settings of a grid and reports/trial with tables and figures."""
    settings = settings_of(recipes=["hsd"], baselines=["lif"], anns=["l8"], sweep=[], seeds=[0])
    report = tmp_path / "reports/trial"
    (report / "figures").mkdir(parents=True)
    columns = [Column("a", "Method <b>"), *(Column(f"c{index}", f"Column {index}") for index in range(20))]
    frame = pd.DataFrame([{"a": "HT * _x_ | <i>", **{f"c{index}": 1234.5 for index in range(20)}}])
    for name in TABLES:
        caption = f"Caption of {name} (the paper's Table 1): accuracy."
        write(Table(columns, frame, ["A note."]), report / "tables", name, caption)
    (report / "tables/latency_by_step.csv").write_text("t\n")
    with drawing():
        for name in ("figure2", "early_exit", "confusion"):
            save(Figure(figsize=(9, 3)), report / "figures", f"{DATASET}_{name}", settings.report.dpi)
    (report / "metrics.json").write_text("{}")
    return settings, report


Made = tuple[ReportSettings, Path]


def test_the_stage_writes_the_same_bytes_again(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, report = made
    monkeypatch.chdir(report.parents[1])
    stages.page.main(Call(settings, {}))
    first = (report / "index.html").read_bytes()
    stages.page.main(Call(settings, {}))
    assert (report / "index.html").read_bytes() == first == page(settings, report).encode()
    assert str(report).encode() not in first


def test_the_page_needs_nothing_beside_it(made: Made) -> None:
    text = page(*made)
    tags = Tags(text)
    assert not tags.open and not tags.of("script") and not tags.of("link") and not tags.of("iframe")
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in tags.of("img"))
    assert not re.search(r"""https?:|//[a-z]|@import|url\(""", re.sub(r"base64,[^\"]*", "", text))
    assert "default-src 'none'" in text
    links = [str(link["href"]) for link in tags.of("a")]
    ids = [str(attributes["id"]) for _, attributes in tags.found if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert all(link[1:] in ids if link[0] == "#" else (made[1] / link).is_file() for link in links)
    assert "tables/latency_by_step.csv" in links
    kinds = {Path(link).suffix for link in links if link[0] != "#"}
    assert kinds == {".csv", ".tex", ".md", ".pdf", ".json"}


def test_the_page_is_complete_and_in_order(made: Made) -> None:
    text = page(*made)
    tags = Tags(text)
    assert tags.of("html")[0]["lang"] == "en"
    assert any(meta.get("name") == "viewport" for meta in tags.of("meta"))
    assert len(tags.of("table")) == len(TABLES) and len(tags.of("img")) == 3
    assert all(image["alt"] and int(str(image["width"])) > int(str(image["height"])) > 0 for image in tags.of("img"))
    assert all(header["scope"] == "col" for header in tags.of("th"))
    headings = re.findall(r"<h[23][^>]*>([^<]*)</h[23]>", text)
    assert headings == [
        "Contents", "The paper&#39;s tables", "Table 1: Caption of table1_comparison",
        "Table 2: Caption of table2_ablation", "Table 10: Caption of table10_more",
        "The paper&#39;s figures", "Figure 2: accuracy at few time steps", "Beyond the paper", "Early exit", "Latency",
        "Energy", "Diagnostic figures", "Confusion", "Settings",
    ]  # fmt: skip
    # The table and the figure of one thing stand together.
    beyond = text.index("Beyond the paper</h2>")
    exits = text[text.index(">Early exit</h3>", beyond) : text.index(">Latency</h3>", beyond)]
    assert "Caption of early_exit" in exits and "<img" in exits


def test_captions_say_what_settings_and_the_paper_add(made: Made) -> None:
    settings, report = made
    assert "Rule confidence, of the mean of the logits so far: sure is the largest softmax" in page(settings, report)
    assert "The paper prints" not in page(settings, report)
    facts = {"paper": "cifar10dvs"}
    changed = settings_of(recipes=["hsd"], baselines=["lif"], anns=["l8"], sweep=[], seeds=[0], facts=facts)
    assert "at T = 1: TET (STS) 74.82 %, HSD 75.81 %." in page(changed, report)


def test_what_a_table_holds_stands_on_the_page_as_text(made: Made) -> None:
    text = page(*made)
    assert '<td style="text-align: left;">HT * _x_ | &lt;i&gt;</td>' in text
    assert "<i>" not in text and "Method <b>" not in text and "1234.50" in text and "<li>A note.</li>" in text


def test_the_settings_stand_on_the_page_as_text(made: Made) -> None:
    texts = {"Grid": "grid:\n  name: <b>&amp;", "Data set <i>": "a: 'b'"}
    text = page(made[0].model_copy(update={"settings_text": texts}), made[1])
    assert [html.unescape(part) for part in re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.S)] == list(texts.values())
    assert [html.unescape(part) for part in re.findall(r"<summary>(.*?)</summary>", text)] == list(texts)
    assert "<b>" not in text and "<i>" not in text


def preamble(report: Path, **changes: Any) -> list[str]:
    header = page(settings_of(**changes), report).partition("</header>")[0]
    return [" ".join(html.unescape(part).split()) for part in re.findall(r"<p>(.*?)</p>", header, re.S)]


def test_the_preamble_is_said_from_the_settings(made: Made) -> None:
    grid, selection, simulated, _ = preamble(made[1])
    runs = f"The grid trial runs 6 recipes and 3 ANNs on {DATASET}"
    assert grid == f"{runs}, with 2 seeds (0 and 1); accuracies are means over them."
    assert "last epoch" in selection and "paper-compatible" in selection
    assert (
        "simulated" in simulated and "0.125 times the paper" in simulated and "reproduce none of the paper" in simulated
    )
    facts = {"simulated": False, "eval_test": 0}
    grid, selection, foreign, signs = preamble(made[1], seeds=[0], facts=facts)
    assert "a single seed" in grid and "paper-compatible" not in selection
    assert foreign == f"From a real camera: {DATASET}. Not in the paper, so without its figures beside ours."
    assert "simulated or real" in signs and "cited as printed" in signs
    known = preamble(made[1], facts={**facts, "paper": "cifar10dvs"})[2]
    assert known.startswith(f"From a real camera, the paper's data: {DATASET};")


def test_missing_or_damaged_parts_are_named(made: Made) -> None:
    settings, report = made
    (report / "tables/latency.md").write_text("no table")
    with pytest.raises(FileError, match=r"latency\.md.*caption"):
        page(settings, report)
    (report / "tables/latency.md").write_bytes(b"**\xff**\n")
    with pytest.raises(FileError, match=r"latency\.md.*UTF-8"):
        page(settings, report)
    (report / "tables/latency.md").unlink()
    (report / f"figures/{DATASET}_figure2.png").write_bytes(b"junk")
    with pytest.raises(FileError, match=r"_figure2\.png.*PNG"):
        page(settings, report)
    shutil.rmtree(report / "figures")
    with pytest.raises(FileError, match="figures.*dvc repro"):
        page(settings, report)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_all_of_it_without_scrolling_sideways(made: Made, tmp_path: Path, width: int) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        pytest.skip(f"no {', '.join(BROWSERS)} on this machine")
    found = measure(browser, page(*made), width, tmp_path)
    assert found["width"] == found["client"] == width
    assert found["images"] == [True] * 3
    assert found["tables"] == len(TABLES)
    # What is wider than the screen scrolls by itself.
    assert len(found["scrolling"]) == len(TABLES) and all(found["scrolling"])


def measure(browser: str, text: str, width: int, folder: Path) -> dict[str, Any]:
    """Show a page in a frame of a width, which a browser's window need not reach down to, and measure it there."""
    script = """
        const page = document.querySelector("iframe").contentDocument, root = page.documentElement;
        document.title = JSON.stringify({
            width: root.scrollWidth, client: root.clientWidth,
            images: [...page.images].map(image => image.complete && image.naturalWidth > 0),
            tables: page.querySelectorAll("table").length,
            scrolling: [...page.querySelectorAll(".scroll")].map(box => box.scrollWidth > box.clientWidth),
        })
    """
    frame = f'<iframe style="border:0" width={width} height=60000 srcdoc="{html.escape(text)}"></iframe>'
    outer = folder / "outer.html"
    outer.write_text(f"<!doctype html><title></title>{frame}<script>window.onload = () => {{{script}}}</script>")
    profile = folder / "profile"
    done = subprocess.run(
        [browser, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", outer.as_uri()],
        capture_output=True, text=True, check=True, timeout=120,
    )  # fmt: skip
    title = re.search(r"<title>(.*?)</title>", done.stdout)
    assert title, done.stdout[:500]
    measured: dict[str, Any] = json.loads(html.unescape(title.group(1)))
    return measured
