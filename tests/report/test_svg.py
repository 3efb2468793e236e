from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from pipeline.report.build import modules
from pipeline.report.results import Results
from pipeline.report.style import drawing, save
from pipeline.report.svg import SPACE
from tests.report.conftest import Make

DATASET = "mnist-dvs-sim"
MANY = {
    "baselines": ["lif", "if", "tet-full.t1", "tet-full.t3", "tet-full"],
    "recipes": ["skd", "ht", "hsd", "hsd.t1", "hsd.t2"],
}


@pytest.fixture
def many(make: Make) -> Results:
    return make(n_test=100, **MANY)


def drawn(name: str, results: Results, folder: Path) -> ElementTree.Element | None:
    """Draw a figure and return its SVG, if there is one."""
    folder.mkdir(exist_ok=True)
    with drawing():
        save(modules("figures")[name].figure(results, DATASET), folder, name, 30)
    assert {path.suffix for path in folder.glob(f"{name}.*")} >= {".png", ".pdf"}
    file = folder / f"{name}.svg"
    return ElementTree.fromstring(file.read_bytes()) if file.is_file() else None


def titles(root: ElementTree.Element) -> list[list[str]]:
    return [str(title.text).splitlines() for title in root.iter(f"{SPACE}title")]


def of(root: ElementTree.Element, key: str) -> set[str]:
    return {element.attrib[key] for element in root.iter() if key in element.attrib}


def test_a_point_says_its_run_its_seeds_and_its_interval(many: Results, tmp_path: Path) -> None:
    found = [lines for lines in titles(drawn("accuracy_vs_t", many, tmp_path)) if lines[0] == "HT"]
    assert [lines[1] for lines in found] == [f"time steps t: {t}" for t in range(1, 6)]
    cell = many.cell(DATASET, "ht")
    words = "{accuracy:.2f} ± {sd:.2f} %, Wilson 95 % interval {wilson_low:.2f} – {wilson_high:.2f} %"
    assert found[-1][2] == words.format(**cell)
    assert {lines[3] for lines in found} == {f"{DATASET}/l8/ht, seeds 0, 1"}


def test_points_of_one_line_that_are_runs_of_their_own_say_which(many: Results, tmp_path: Path) -> None:
    found = titles(drawn("figure2", many, tmp_path))
    sts = [lines[3] for lines in found if lines[0] == "TET (STS)"]
    assert sts == [f"{DATASET}/none/tet-full{t}, seeds 0, 1" for t in (".t1", ".t3", "")]
    assert {lines[3] for lines in found if lines[0] == "TET (DTS)"} == {f"{DATASET}/none/tet-full, seeds 0, 1"}


@pytest.mark.parametrize("name", ["accuracy_vs_t", "figure2", "energy_accuracy", "early_exit", "firing_rates"])
def test_every_series_of_the_legend_can_be_hidden_and_every_mark_asked(
    many: Results, tmp_path: Path, name: str
) -> None:
    root = drawn(name, many, tmp_path)
    assert of(root, "data-legend") == of(root, "data-series") - {""} and len(of(root, "data-legend")) > 2
    points = [element for element in root.iter() if element.get("class") == "point"]
    assert len(points) == len(titles(root)) > 10
    assert not any("{" in element.get("id", "") for element in root.iter())


def test_bars_say_the_layer(many: Results, tmp_path: Path) -> None:
    first = titles(drawn("firing_rates", many, tmp_path))[0]
    assert first[:2] == ["converted", "layer: conv1"] and first[2].startswith(
        "firing rate (spikes per neuron and step): "
    )


def test_pictures_have_none(many: Results, tmp_path: Path) -> None:
    assert drawn("confusion", many, tmp_path) is None


def test_the_same_figure_has_the_same_bytes_and_two_share_no_id(many: Results, tmp_path: Path) -> None:
    once, again = (drawn("figure2", many, tmp_path / folder) for folder in ("once", "again"))
    assert ElementTree.tostring(once) == ElementTree.tostring(again)
    assert b"202" not in (tmp_path / "once/figure2.svg").read_bytes()[:500]
    other = drawn("accuracy_vs_t", many, tmp_path)
    assert of(once, "id") and not of(once, "id") & of(other, "id")
