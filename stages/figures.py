"""Draw the figures of the grid, each as PNG and PDF, from its finished runs and frames."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from pipeline.config import Params
from pipeline.report.figures.camera import camera
from pipeline.report.figures.drawn import DRAWN
from pipeline.report.figures.recordings import preview
from pipeline.report.figures.style import drawing, save
from pipeline.report.results import Results, load
from pipeline.runtime.files import replacing
from pipeline.runtime.progress import progress
from stages import _cli, _paths

RESULTS = _paths.DATA / "results"
REPORTS = Path("reports")


def main(params: Params, _: Namespace) -> None:
    """Write reports/<grid>/figures/<dataset>_<figure>.png and .pdf; those whose runs the grid lacks are left out."""
    results = load(RESULTS, params.grid)
    total = len(params.grid.datasets) * (len(DRAWN) + 1)
    with replacing(REPORTS / params.grid.name / "figures") as directory, drawing():
        directory.mkdir()
        for name, figure in progress(draw(results, params), total, "figures", "figures"):
            if figure is not None:
                save(figure, directory, name, params.report.dpi)


def draw(results: Results, params: Params) -> Iterator[tuple[str, Figure | None]]:
    """Draw them one after the other: name and figure, or None for one that is left out."""
    for dataset in params.grid.datasets:
        for name, function in DRAWN.items():
            yield f"{dataset}_{name}", function(results, params, dataset)
        recordings = preview(_paths.frames(dataset), params.report.preview)
        yield f"{dataset}_camera", camera(recordings, params.dataset(dataset).phases)


if __name__ == "__main__":
    _cli.run(main)
