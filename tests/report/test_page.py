from __future__ import annotations

import html
import re
import shutil
from base64 import b64encode
from hashlib import sha256
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
from pipeline.report.style import drawing, legend_beside, one, save
from stages._cli import Call
from tests.browser import browser as browser
from tests.browser import measure
from tests.finished import settings_of

DATASET = "mnist-dvs-sim"
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
    settings.settings_text["Recipes"] = "lif:\n  steps: all\nhsd: {}\n"
    report = tmp_path / "reports/trial"
    (report / "figures").mkdir(parents=True)
    columns = [
        Column("a", "Method"),
        Column("recipe", only="csv"),
        *(Column(f"c{index}", f"Column {index}") for index in range(20)),
    ]
    rows = [("HT * _x_ | <i>", 1234.5, "hsd"), ("LIF", -3.0, "lif"), ("x", 20.0, ""), ("y", 9.0, ""), ("z", None, "")]
    frame = pd.DataFrame([
        {"a": title, **{f"c{index}": value for index in range(20)}, "recipe": recipe} for title, value, recipe in rows
    ])  # fmt: skip
    for name in TABLES:
        caption = f"Caption of {name} (the paper's Table 1): accuracy."
        write(Table(columns, frame, ["A note."]), report / "tables", name, caption)
    (report / "tables/latency_by_step.csv").write_text("t\n")
    with drawing():
        for name in ("figure2", "early_exit", "confusion"):
            save(Figure(figsize=(9, 3)), report / "figures", f"{DATASET}_{name}", settings.report.dpi)
        figure, axes = one(6, 3, xlabel="steps T")
        for level, label in ((80, "HSD <i>"), (60, "TET")):
            axes.errorbar([1, 2, 3], [level, level + 5, level + 9], 2, marker="o", label=label)
        legend_beside(axes)
        save(figure, report / "figures", f"{DATASET}_accuracy_vs_t", settings.report.dpi)
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
    assert not tags.open and tags.of("script") == [{}] and not tags.of("link") and not tags.of("iframe")
    script = re.search(r"<script>(.*)</script>", text, re.DOTALL).group(1)
    assert f"script-src 'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" in text
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in tags.of("img"))
    assert not re.search(r"""https?:|//[a-z]|@import|url\((?!#)""", re.sub(r"base64,[^\"]*", "", text))
    assert "default-src 'none'" in text
    links = [str(link["href"]) for link in tags.of("a")]
    ids = [str(attributes["id"]) for _, attributes in tags.found if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert all(link[1:] in ids if link[0] == "#" else (made[1] / link).is_file() for link in links)
    assert "tables/latency_by_step.csv" in links
    kinds = {Path(link).suffix for link in links if link[0] != "#"}
    assert kinds == {".csv", ".tex", ".md", ".pdf", ".svg", ".json"}


def test_the_page_is_complete_and_in_order(made: Made) -> None:
    text = page(*made)
    tags = Tags(text)
    assert tags.of("html")[0]["lang"] == "en"
    assert any(meta.get("name") == "viewport" for meta in tags.of("meta"))
    assert len(tags.of("table")) == len(TABLES) and len(tags.of("img")) == 3 and len(tags.of("svg")) == 1
    assert all(image["alt"] and int(str(image["width"])) > int(str(image["height"])) > 0 for image in tags.of("img"))
    assert all(header["scope"] == "col" for header in tags.of("th"))
    headings = re.findall(r"<h[23][^>]*>([^<]*)</h[23]>", text)
    assert headings == [
        "Contents", "The paper&#39;s tables", "Table 1: Caption of table1_comparison",
        "Table 2: Caption of table2_ablation", "Table 10: Caption of table10_more",
        "The paper&#39;s figures", "Figure 2: accuracy at few time steps", "Beyond the paper", "Early exit", "Latency",
        "Energy", "Diagnostic figures", "Accuracy after each time step", "Confusion", "Settings",
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
    assert '<td style="text-align: left;"><a href="#recipes-hsd">HT * _x_ | &lt;i&gt;</a></td>' in text
    assert (
        "<i>" not in text and "1234.50" in text and "<summary>1 note</summary>" in text and "<li>A note.</li>" in text
    )


def test_the_settings_stand_on_the_page_as_text_with_the_runs_of_each_recipe(made: Made) -> None:
    texts = {"Grid": "grid:\n  name: <b>&amp;", "Data set <i>": "a: 'b'", "Recipes": "lif:\n  steps: all\nhsd: {}\n"}
    text = page(made[0].model_copy(update={"settings_text": texts}), made[1]).partition('id="settings"')[2]
    shown = re.findall(r"<pre[^>]*>(.*?)</pre>", text, re.DOTALL)
    runs = {"none/lif": "lif:\n  steps: all\n", "l8/hsd": "hsd: {}\n"}
    recipes = "".join(f"{entry}  # run: {DATASET}/{name}, seeds 0\n" for name, entry in runs.items())
    assert [html.unescape(re.sub("<[^>]+>", "", part)) for part in shown] == [*list(texts.values())[:2], recipes]
    assert [html.unescape(part) for part in re.findall(r"<summary>(.*?)</summary>", text)] == list(texts)
    assert "<b>" not in text and "<i>" not in text and '<span id="recipes-hsd">hsd: {}\n' in text


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
    (report / f"figures/{DATASET}_figure2.png").unlink()
    (report / f"figures/{DATASET}_accuracy_vs_t.svg").write_text("<svg>")
    with pytest.raises(FileError, match=r"accuracy_vs_t\.svg.*SVG"):
        page(settings, report)
    shutil.rmtree(report / "figures")
    with pytest.raises(FileError, match="figures.*dvc repro"):
        page(settings, report)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_browser_shows_all_of_it_without_scrolling_sideways(
    browser: str, made: Made, tmp_path: Path, width: int
) -> None:
    found = measure(browser, page(*made), width, tmp_path, """
        width: root.scrollWidth, client: root.clientWidth,
        images: [...page.images].map(image => image.complete && image.naturalWidth > 0),
        tables: page.querySelectorAll("table").length,
        scrolling: [...page.querySelectorAll(".scroll")].map(box => box.scrollWidth > box.clientWidth),
    """)  # fmt: skip
    assert found["width"] == found["client"] == width
    assert found["images"] == [True] * 3
    assert found["tables"] == len(TABLES)
    # What is wider than the screen scrolls by itself.
    assert len(found["scrolling"]) == len(TABLES) and all(found["scrolling"])


def test_a_browser_sorts_and_filters_a_table(browser: str, made: Made, tmp_path: Path) -> None:
    found = measure(browser, page(*made), 1280, tmp_path, """
        as_it_was: column(0), up: (click("th:nth-child(2) button"), column(1)), aria: $("th:nth-child(2)").ariaSort,
        down: (click("th:nth-child(2) button"), column(1)), again: (click("th:nth-child(2) button"), column(0)),
        left: (Object.assign($("input"), {value: "LIF"}), $("input").oninput(), column(0)), count: $("output").value,
    """, KNOWN)  # fmt: skip
    assert found["as_it_was"] == found["again"] == ["HT * _x_ | <i>", "LIF", "x", "y", "z"]
    # What has no value is last either way.
    assert found["up"] == ["-3.00", "9.00", "20.00", "1234.50", "–"] and found["aria"] == "ascending"
    assert found["down"] == ["1234.50", "20.00", "9.00", "-3.00", "–"]
    assert found["left"] == ["LIF"] and found["count"] == "1 of 5 rows"


def test_a_browser_says_what_a_point_is_hides_a_series_and_leads_to_settings(
    browser: str, made: Made, tmp_path: Path
) -> None:
    found = measure(browser, page(*made), 1280, tmp_path, """
        near: (hover(1), $("#tip").innerText), far: (hover(1, 200), $("#tip").hidden),
        key: (press($(".plot"), "ArrowLeft"), $("#tip").innerText),
        hidden: (press($("[data-legend]"), "Enter"), page.querySelectorAll(".off").length),
        pressed: $("[data-legend]").getAttribute("aria-pressed"), gone: (hover(1), $("#tip").hidden),
        back: (press($("[data-legend]"), "Enter"), page.querySelectorAll(".off").length),
        folded: $("#recipes-hsd").closest("details").open,
        led: (click("td a"), $("#recipes-hsd").closest("details").open),
    """, KNOWN)  # fmt: skip
    assert found["near"] == "HSD <i>\nsteps T: 2\ntest accuracy (%): 85 (83 to 87)" and found["far"]
    assert found["key"].startswith("TET\nsteps T: 3")
    # The line with its marks, and its bars with their caps.
    assert found["hidden"] >= 2 and found["pressed"] == "true" and found["gone"] and not found["back"]
    assert not found["folded"] and found["led"]


KNOWN = """
    const column = number => [...$("table").tBodies[0].rows].filter(row => !row.hidden)
        .map(row => row.cells[number].innerText);
    const hover = (number, away = 0) => {
        const box = page.querySelectorAll(".point")[number].getBoundingClientRect();
        $(".plot").dispatchEvent(new PointerEvent("pointermove", {clientX: box.x + away, clientY: box.y + away}));
    };
    const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", {key}));
"""
