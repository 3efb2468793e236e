"""Our rows beside other systems' as the paper cites them: its Table 1."""

from __future__ import annotations

from pipeline.config import Params
from pipeline.report import cited, paper, rows
from pipeline.report.results import Results
from pipeline.report.tables import cells, notes
from pipeline.report.tables.render import Column, Row, Table, Value

SEEN = {"phase2": "phase 2", "whole": "whole"}
OURS, CITED, REPRODUCED = "run here", "cited", "cited (†)"


def table1(results: Results, params: Params) -> Table:
    """Build the comparison: for each data set our rows of report.table1 and, apart, the paper's Table 1 as citations.

    Accuracies in percent; a cited one has the digits that are printed. A data set that is none of the paper's has only
    our rows, and a note says so.

    Raises:
        FileError: a run lacks a number.
        ConfigError: datasets.<name>.paper is no column of the paper's tables.

    Source: Table 1.
    """
    groups: list[list[Row]] = []
    for dataset in results.grid.datasets:
        groups.append(_ours(results, params, dataset))
        column = params.dataset(dataset).paper
        if column is not None:
            groups.append([_cited(figure, dataset) for figure in cited.of(column)])
    ours = [row for group in groups for row in group if not row.reference]
    has_cited = any(row.reference for group in groups for row in group)
    columns = [
        *cells.named(),
        Column("kind", "From", left=True),
        Column("venue", "Venue", left=True, only=None if has_cited else "csv"),
        Column("network", "Network", left=True),
        Column("frames", "Frames", left=True),
        Column("steps", "T"),
        Column("seeds", "Seeds"),
        *cells.accuracies(),
        *cells.selected(ours),
        *cells.columns_of_paper(results, params),
        Column("source", "", only="csv"),
    ]
    caption = "Comparison (the paper's Table 1): accuracy on the test recordings; cited figures are not our runs."
    lines = [*notes.common(results), *notes.selection(ours, results, params), *_notes(results, params, has_cited)]
    return Table("tab:comparison", caption, columns, [group for group in groups if group], lines)


def _ours(results: Results, params: Params, dataset: str) -> list[Row]:
    found, seen = [], set()
    settings = params.dataset(dataset)
    for name in rows.present(results, params.report.table1):
        recipe, steps = params.recipe(name), params.steps_of(dataset, name)
        # Where T2 is 5, HSD at 5 steps and at all steps are one network.
        same = recipe.model_copy(update={"steps": steps}).model_dump_json()
        if same in seen:
            continue
        seen.add(same)
        cell = results.cell(dataset, results.grid.ann, name)
        values: dict[str, Value] = {
            **cells.name_of(cell, params),
            **cells.accuracy_of(cell),
            **cells.selected_of(cell),
            "kind": OURS,
            "network": settings.network,
            "frames": SEEN[recipe.frames],
            "steps": str(steps),
            "paper": paper.figure("table1", recipe, steps, settings.paper),
        }
        found.append(Row(values))
    return found


def _cited(figure: cited.Figure, dataset: str) -> Row:
    values: dict[str, Value] = {
        "dataset": dataset,
        "title": f"{figure.method} [{figure.reference}]" if figure.reference else figure.method,
        "kind": REPRODUCED if figure.reproduced else CITED,
        "venue": figure.venue,
        "network": figure.network,
        "steps": figure.steps,
        "accuracy": figure.accuracy,
        "source": figure.source,
    }
    return Row(values, reference=True)


def _notes(results: Results, params: Params, has_cited: bool) -> list[str]:
    lines = [
        "Frames, whole: the recording split into T frames, from its start to its end; phase 2: those after the frames "
        "that the ANN learns on."
    ]
    if has_cited:
        lines.append(
            "Rows in italics are the paper's Table 1 as printed, with its numbers of references: cited, not run here, "
            "mostly with other networks and numbers of time steps. †: marked by the paper as its authors' "
            "reproduction. A network with a slash is CIFAR10-DVS's and DVS-Gesture's."
        )
    lines += [
        f"{dataset} is no data set of the paper: none of its figures compares, so only our runs stand here."
        for dataset in results.grid.datasets
        if params.dataset(dataset).paper is None
    ]
    return lines + notes.of_paper("table1", results, params)
