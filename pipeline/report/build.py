"""What the stages tables and figures call: everything of a report that the grid has the runs for."""

import importlib
import pkgutil
from pathlib import Path
from types import ModuleType

from pipeline.report import plots, render
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
                render.write(table, listed, name, module.__doc__ or "")
    write_json(folder / "metrics.json", plots.headline(results))


def write_figures(results: Results, folder: Path) -> None:
    """Write figures/<dataset>_<figure>.png and .pdf into reports/<grid>, on an error nothing; raises as the tables."""
    wanted = [(dataset, *item) for dataset in results.datasets for item in modules("figures").items()]
    with replacing(folder / "figures") as directory, drawing():
        directory.mkdir()
        for dataset, name, module in progress(wanted, len(wanted), "figures", "figures"):
            if (figure := module.figure(results, dataset)) is not None:
                save(figure, directory, f"{dataset}_{name}", results.settings.report.dpi)
