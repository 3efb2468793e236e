"""The stages results, tables, figures and page on a finished grid."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from matplotlib.figure import Figure

import stages.figures
import stages.page
import stages.results
import stages.tables
from pipeline.config.report import ReportSettings
from pipeline.errors import FileError
from pipeline.report.tables import energy
from pipeline.results import load
from pipeline.results.read import digest
from stages._cli import Call
from tests.finished import settings_of, write_results

DATASET = "mnist-dvs-sim"
# What the grid of these tests has the runs for, and what is CSV alone.
TABLES = (
    "findings",
    "smallest_difference",
    "comparisons",
    "ranking",
    "table2_ablation",
    "table3_quantization",
    "early_exit",
    "latency",
    "conversion",
    "energy",
)
LISTS = ("conversion_by_seed", "early_exit_by_threshold", "latency_by_step")
FIGURES = (
    "accuracy_vs_t", "camera", "confusion", "early_exit", "energy_accuracy", "exit_reliability", "figure2",
    "firing_rates", "quantization", "training_curves",
)  # fmt: skip
# Those without series, which are PNG on the page.
PICTURES = ("camera", "confusion")
HSD = Path(f"data/results/{DATASET}/l8/hsd-1")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ReportSettings:
    """A small grid, finished in the folder the test is in."""
    monkeypatch.chdir(tmp_path)
    found = settings_of()
    write_results(found, Path(), 60)
    return found


def results(settings: ReportSettings) -> None:
    stages.results.main(Call(stages.results.Settings(grid=settings.grid.name, runs=settings.runs), {}))


def tables(settings: ReportSettings) -> None:
    """Write the tables, and what stands for older figures, for to draw them takes long."""
    results(settings)
    stages.tables.main(Call(settings, {}))
    old = Path("reports/trial/figures/old.png")
    old.parent.mkdir(exist_ok=True)
    old.write_bytes(b"old")


def report(settings: ReportSettings) -> None:
    results(settings)
    for stage in (stages.tables, stages.figures, stages.page):
        stage.main(Call(settings, {}))


def content(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def outside() -> dict[str, Any]:
    """Return when everything but the report was written, and what it is."""
    return {str(path): (path.stat().st_mtime_ns, path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest())
            for path in sorted(Path().rglob("*")) if path.parts[0] != "reports"}  # fmt: skip


@pytest.mark.parametrize(("seeds", "others"), [([0], []), pytest.param([0, 1], ["other"], marks=pytest.mark.slow)])
def test_a_report_is_whole_the_same_bytes_again_and_all_that_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seeds: list[int], others: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_of(seeds=seeds, datasets=[DATASET, *others], facts={"paper": "ncaltech101"})
    write_results(settings, Path(), 40)
    before = outside()
    assert len(before) > 100
    report(settings)
    first = content(Path("reports/trial"))
    tables = [f"tables/{name}.{kind}" for name in TABLES for kind in ("csv", "md", "tex")]
    tables += [f"tables/{name}.csv" for name in LISTS]
    pictures = [f"figures/{dataset}_{name}" for dataset in settings.grid.datasets for name in FIGURES]
    pictures.append("figures/overview")
    drawn = [f"{name}.{kind}" for name in pictures for kind in ("png", "pdf")]
    drawn += [f"{name}.svg" for name in pictures if not name.endswith(PICTURES)]
    data = [f"plots/{name}.csv" for name in ("accuracy_vs_t", "confusion", "curves")]
    files = ["index.html", "metrics.json", "runs.csv", "steps.csv"]
    assert sorted(first) == sorted([*tables, *drawn, *data, *files])
    for name, written in first.items():
        assert str(tmp_path).encode() not in written and b"matplotlib.org" not in written, name
    Path("reports/trial/figures/left over.png").write_bytes(b"of another grid")
    report(settings)
    assert content(Path("reports/trial")) == first and outside() == before


def test_plots_data_is_what_dvc_yaml_plots(settings: ReportSettings) -> None:
    tables(settings)
    folder = Path("reports/trial/plots")
    declared = yaml.safe_load((Path(__file__).parents[2] / "dvc.yaml").read_text(encoding="utf-8"))["plots"]
    for plot in declared:
        ((asked,),) = (list(entry["y"].items()) for entry in plot.values())
        (x,) = (entry["x"] for entry in plot.values())
        frame = pd.read_csv(folder / Path(asked[0]).name)
        assert {x, asked[1]} <= set(frame), plot
    after = pd.read_csv(folder / "accuracy_vs_t.csv")
    assert len(after) == 7 * 5
    hsd = load("trial").query("recipe == 'hsd' and ann == 'l8'")["accuracy"]
    last = after[(after["recipe"] == "hsd") & (after["t"] == 5)]["accuracy"].item()
    assert last == pytest.approx(100 * hsd.mean(), abs=1e-3)
    said = pd.read_csv(folder / "confusion.csv")
    assert len(said) == 60 and (said["actual"] == said["predicted"]).mean() == pytest.approx(hsd.iloc[0])
    epochs = pd.read_csv(folder / "curves.csv").groupby("recipe")["epoch"].max()
    assert epochs["hsd"] == 4 and epochs["if"] == 8 and "converted" not in epochs
    assert "hsd" in json.loads(Path("reports/trial/metrics.json").read_text())


def test_other_runs_of_data_results_are_not_read(settings: ReportSettings) -> None:
    tables(settings)
    before = content(Path("reports"))
    for other in ("l8/hsd-7", "l64/hsd-0", "l64/ann-0", "none/mine-0"):
        folder = HSD.parents[1] / other
        folder.mkdir(parents=True)
        (folder / "metrics.json").write_text("{")
    tables(settings)
    assert content(Path("reports")) == before


def test_results_have_a_digest_of_all_they_were_read_from(settings: ReportSettings) -> None:
    results(settings)
    runs = load("trial")
    assert runs["results"].str.fullmatch("[0-9a-f]{16}").all() and runs["results"].is_unique
    assert runs.query("recipe == 'hsd' and ann == 'l8' and seed == 1")["results"].item() == digest(HSD)
    (HSD / "layers.csv").rename(HSD / "layer.csv")
    renamed = digest(HSD)
    (HSD / "layer.csv").rename(HSD / "layers.csv")
    (HSD / "layers.csv").write_text((HSD / "layers.csv").read_text() + "x,0.5,1,1\n")
    assert len({renamed, digest(HSD), *runs["results"]}) == len(runs) + 2


def test_results_that_changed_since_or_are_gone_are_named(settings: ReportSettings) -> None:
    tables(settings)
    before = content(Path("reports"))
    with (HSD / "curves.csv").open("a") as file:
        file.write("5,0.5,0.5\n")
    for stage in (stages.tables, stages.figures):
        with pytest.raises(FileError, match=r"hsd-1: was changed after runs\.csv .*dvc repro"):
            stage.main(Call(settings, {}))
    shutil.rmtree(HSD)
    with pytest.raises(FileError, match="hsd-1: not found; `dvc repro` makes it"):
        stages.tables.main(Call(settings, {}))
    assert content(Path("reports")) == before


def test_a_damaged_run_is_named_and_leaves_the_old_report_alone(settings: ReportSettings) -> None:
    tables(settings)
    (HSD / "curves.csv").write_text("epoch\n1\n")
    results(settings)
    before = content(Path("reports"))
    for stage in (stages.tables, stages.figures):
        with pytest.raises(FileError, match=r"hsd-1/curves\.csv: no column loss, accuracy"):
            stage.main(Call(settings, {}))
    assert content(Path("reports")) == before


def test_a_table_or_figure_that_fails_leaves_the_old_report_alone(
    settings: ReportSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables(settings)
    before = content(Path("reports"))

    def fail(*_: Any, **__: Any) -> None:
        raise OSError("disk full")

    # The last of the tables, after the others were written; a figure half drawn.
    monkeypatch.setattr(energy, "table", fail)
    monkeypatch.setattr(Figure, "savefig", fail)
    for stage in (stages.tables, stages.figures):
        with pytest.raises(OSError, match="disk full"):
            stage.main(Call(settings, {}))
    assert content(Path("reports")) == before
    assert not [path for path in Path("reports").rglob("*") if "partial" in path.name]


def test_the_results_of_a_grid_are_three_lines_away(settings: ReportSettings) -> None:
    results(settings)
    script = """
from pipeline.results import load

runs = load("trial")
by_step = load("trial", per="step")
"""
    found: dict[str, Any] = {}
    exec(script, found)
    runs, by_step = found["runs"], found["by_step"]
    means = runs.groupby(["dataset", "ann", "recipe"], dropna=False)["accuracy"].agg(["mean", "std"])
    assert len(means) == len(runs) / 2 and 0 < means.loc[(DATASET, "l8", "hsd"), "mean"] < 1
    after = by_step[by_step["recipe"] == "hsd"].groupby(["ann", "t"])["accuracy"].mean().unstack()
    assert after.shape == (3, 5)
    assert after.loc["l8", 5] == pytest.approx(means.loc[(DATASET, "l8", "hsd"), "mean"])
    assert np.isfinite(by_step[["events", "time_ms"]].to_numpy()).all()
