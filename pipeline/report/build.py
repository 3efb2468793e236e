"""What the stages tables and figures call: everything of a report that the grid has the runs for."""

import importlib
import pkgutil
from dataclasses import replace
from pathlib import Path
from types import ModuleType

from pipeline.report import plots, render
from pipeline.report.render import Table, columns
from pipeline.report.results import Results
from pipeline.report.style import drawing, save
from pipeline.runtime.files import replacing, write_json
from pipeline.runtime.progress import progress


def modules(group: str) -> dict[str, ModuleType]:
    """Return the modules of the tables or the figures by name, in their order."""
    package = importlib.import_module(f"pipeline.report.{group}")
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    found = {name: importlib.import_module(f"{package.__name__}.{name}") for name in names}
    return dict(sorted(found.items(), key=lambda item: (item[1].ORDER, item[0])))


def write_tables(results: Results, folder: Path) -> None:
    """Write tables, plots and metrics.json into reports/<grid>, what the grid has the runs for, on an error nothing.

    FileError: a run lacks a number or file. ConfigError: datasets.<name>.paper is no column of the paper's tables.
    """
    with replacing(folder / "plots") as curves, replacing(folder / "tables") as listed:
        curves.mkdir()
        listed.mkdir()
        plots.write(results, curves)
        for name, module in modules("tables").items():
            if (table := module.table(results)) is not None:
                render.write(with_camera(table, results), listed, name, module.__doc__ or "")
    write_json(folder / "metrics.json", plots.headline(results))


def with_camera(table: Table, results: Results) -> Table:
    """Return a table that says behind each data set whether a simulated or a real camera saw it."""
    place = 1 + [column.key for column in table.columns].index("dataset")
    shown = [*table.columns[:place], *columns("camera"), *table.columns[place:]]
    return replace(table, columns=shown, frame=table.frame.assign(camera=table.frame["dataset"].map(results.camera)))


def write_figures(results: Results, folder: Path) -> None:
    """Write figures/<dataset>_<figure>.png and .pdf into reports/<grid>, on an error nothing; raises as the tables.

    And <figure>.png and .pdf of those that show all data sets.
    """
    drawn = modules("figures").items()
    wanted = [("", *item) for item in drawn if hasattr(item[1], "overview")]
    wanted += [(dataset, *item) for dataset in results.datasets for item in drawn if hasattr(item[1], "figure")]
    with replacing(folder / "figures") as directory, drawing():
        directory.mkdir()
        for dataset, name, module in progress(wanted, len(wanted), "figures", "figures"):
            figure = module.figure(results, dataset) if dataset else module.overview(results)
            if figure is not None:
                save(figure, directory, f"{dataset}_{name}" if dataset else name, results.settings.report.dpi)
