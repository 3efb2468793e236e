"""Class names and titles that mean something to Markdown, LaTeX, HTML, matplotlib or a spreadsheet are only text."""

from __future__ import annotations

import csv
import re
from html.parser import HTMLParser
from pathlib import Path

import markdown
import pytest

from pipeline.config.report import ReportSettings
from pipeline.report import build
from pipeline.report.escape import from_markdown
from pipeline.report.page import page
from pipeline.report.results import Results
from pipeline.report.style import drawing
from pipeline.results.cells import csv_plain
from pipeline.results.read import read_confusion
from pipeline.results.table import load, write
from tests.finished import results_of, settings_of, write_results

DATASET = "mnist-dvs-sim"
# As it is, and as it stands in a row of LaTeX.
NAMES = {
    "$x^2$": r"\$x\textasciicircum{}2\$",
    "[x](https://e.org)": "{[}x{]}(https://e.org)",
    "`code` ``": "`code` ``",
    "![i](u) ~~s~~": r"!{[}i{]}(u) \textasciitilde{}\textasciitilde{}s\textasciitilde{}\textasciitilde{}",
    "two\nlines": "two lines",
    "=cmd|'/c calc'!A1": "=cmd|'/c calc'!A1",
    "<script>alert(1)</script> &lt;": r"$<$script$>$alert(1)$<$/script$>$ \&lt;",
    "a|b ||": "a|b ||",
    r"c\d \\ \|": r"c\textbackslash{}d \textbackslash{}\textbackslash{} \textbackslash{}|",
    "50 % {#1}": r"50 \% \{\#1\}",
    "_x_ **y**": r"\_x\_ **y**",
    "-1+1": "-1+1",
    "@SUM(A1)": "@SUM(A1)",
    "''=quoted": "''=quoted",
}
# Everything of a page that is not text.
TAGS = {
    "html", "head", "meta", "title", "style", "body", "header", "h1", "h2", "h3", "code", "p", "nav", "ul", "ol", "li",
    "a", "main", "section", "article", "figure", "img", "figcaption", "div",
    "table", "thead", "tbody", "tr", "th", "td",
    "strong", "em", "details", "summary", "pre", "span", "script",
    "svg", "defs", "clippath", "g", "path", "rect", "use", "text",
}  # fmt: skip


class Text(HTMLParser):
    """The tags of a page, and the text of each cell and item."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []
        self.cells: list[str] = []
        self.inside = False
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [str(value) for name, value in attrs if name in ("href", "src") or name.startswith("on")]
        if tag in ("td", "th", "li"):
            self.cells.append("")
            self.inside = True

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th", "li")

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.cells[-1] += data


def plain(text: str) -> str:
    return text.replace("\n", " ")


@pytest.fixture(scope="module")
def settings() -> ReportSettings:
    """A grid whose recipes have these titles, all of them in Table 2, and hsd's at the head of a column of Table 3."""
    recipes = ["skd", "ht", "ht-kd", "hsd", *(f"new{index}" for index in range(8))]
    found = settings_of(recipes=recipes, anns=["l8", "l4"], seeds=[0])
    titles = dict(zip(found.grid.all_recipes, NAMES, strict=True))
    runs = [run.model_copy(update={"title": titles.get(run.recipe, run.title)}) for run in found.runs]
    return found.model_copy(update={"runs": runs, "report": found.report.model_copy(update={"preview": len(NAMES)})})


@pytest.fixture(scope="module")
def made(settings: ReportSettings, tmp_path_factory: pytest.TempPathFactory) -> Results:
    """All of the report in <root>/reports/trial."""
    root = tmp_path_factory.mktemp("hostile")
    write_results(settings, root, 2 * len(NAMES), list(NAMES))
    results, folder = results_of(settings, root), root / "reports/trial"
    write(results.runs, results.steps, folder)
    build.write_tables(results, folder)
    build.write_figures(results, folder)
    (folder / "index.html").write_text(page(settings, folder), encoding="utf-8")
    return results


@pytest.fixture
def folder(made: Results) -> Path:
    return made.root / "reports/trial"


def test_markdown_shows_titles_as_they_are(folder: Path) -> None:
    for path in (folder / "tables").glob("*.md"):
        found = Text(markdown.markdown(path.read_text(encoding="utf-8"), extensions=["tables"]))
        assert found.tags <= TAGS and "code" not in found.tags and not found.links, path.name
    text = (folder / "tables/table2_ablation.md").read_text(encoding="utf-8")
    rows = [re.split(r"(?<!\\)(?:\\\\)*\|", line) for line in text.splitlines() if line.startswith("| ")]
    assert len({len(row) for row in rows}) == 1
    shown = [from_markdown(row[3].strip()) for row in rows[1:]]
    assert shown[: len(NAMES)] == [plain(name).strip() for name in NAMES]
    cells = Text(markdown.markdown(text, extensions=["tables"])).cells
    assert {plain(name) for name in NAMES} <= set(cells)
    heads = (folder / "tables/table3_quantization.md").read_text(encoding="utf-8").splitlines()[2]
    assert list(NAMES)[5] + " (%)" in from_markdown(heads)


def test_latex_shows_titles_as_they_are(folder: Path) -> None:
    text = (folder / "tables/table2_ablation.tex").read_text(encoding="utf-8")
    assert text.isascii()
    rows = [line.removesuffix(r" \\").split(" & ") for line in text.splitlines() if line.endswith(r" \\")]
    assert len({len(row) for row in rows}) == 1
    assert [row[2] for row in rows[1 : 1 + len(NAMES)]] == list(NAMES.values())
    for path in (folder / "tables").glob("*.tex"):
        body = path.read_text(encoding="utf-8")
        assert body.count("{") == body.count("}") and not re.search(r"(?<!\\)[#^~]", body), path.name
        # Every other dollar closes what the one before began.
        assert len(re.findall(r"(?<!\\)\$", body)) % 2 == 0, path.name


def number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def test_no_cell_of_any_csv_is_a_formula_and_all_come_back(made: Results, folder: Path) -> None:
    paths = list(folder.rglob("*.csv"))
    assert {path.parent.name for path in paths} == {"trial", "tables", "plots"}
    for path in [*paths, *made.root.glob("data/results/*/*/*/*.csv")]:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file, strict=True))
        assert len({len(row) for row in rows}) == 1, path
        odd = [cell for row in rows for cell in row if cell.startswith(tuple("=+-@\t\r")) and not number(cell)]
        assert not odd, path
    titles = load("trial", reports=folder.parent).query("kind == 'snn'").drop_duplicates("recipe")["title"]
    assert titles.tolist() == list(NAMES)
    with (folder / "plots/confusion.csv").open(encoding="utf-8", newline="") as file:
        said = {csv_plain(row["actual"]) for row in csv.DictReader(file)}
    assert said == set(NAMES)
    assert all(read_confusion(run)[0] == list(NAMES) for run in made.folders(DATASET, "hsd"))


def test_figures_show_names_as_they_are(made: Results, folder: Path) -> None:
    drawn = {path.stem for path in (folder / "figures").glob("*.png")}
    names = [name for name in build.modules("figures") if f"{DATASET}_{name}" in drawn]
    assert len(names) >= 9 and all((folder / f"figures/{DATASET}_{name}.pdf").is_file() for name in names)
    # A name that begins with _ would be hidden in a legend.
    shown = [re.sub("^_", " _", plain(name)) for name in NAMES]
    figures = build.modules("figures")
    with drawing():
        confusion = figures["confusion"].figure(made, DATASET).axes[0]
        curves = figures["accuracy_vs_t"].figure(made, DATASET).axes[0]
        camera = figures["camera"].figure(made, DATASET)
    assert [label.get_text() for label in confusion.get_xticklabels()] == shown
    assert [label.get_text() for label in curves.get_legend().get_texts()][1:] == shown
    assert [axes.get_ylabel() for axes in camera.axes[:: len(camera.axes) // len(NAMES)]] == shown
    texts = [*confusion.get_xticklabels(), *curves.get_legend().get_texts()]
    assert not any(text.get_parse_math() for text in texts)


def test_the_page_has_no_markup_of_theirs(settings: ReportSettings, folder: Path) -> None:
    text = (folder / "index.html").read_text(encoding="utf-8")
    found = Text(text)
    assert found.tags <= TAGS
    assert all(link.startswith(("#", "tables/", "figures/", "data:image/png;base64,")) or "/" not in link
               for link in found.links)  # fmt: skip
    assert {plain(name) for name in NAMES} <= set(found.cells)
    assert text.count("<script") == 1 and "e.org)</a>" not in text
    # Settings that would end their place are text as well.
    odd = settings.model_copy(update={"settings_text": {"</summary><script>": "</pre><script>{{ 1 }}"}})
    assert page(odd, folder).count("<script") == 1 and "{{ 1 }}" in page(odd, folder)
