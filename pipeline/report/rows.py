"""Which runs of a grid stand in a table or figure, in which order."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.config import Params
from pipeline.report.results import Results


def present(results: Results, names: Sequence[str]) -> list[str]:
    """List those of the named recipes that the grid has, in the order in which they are named."""
    return [name for name in names if name in results.recipes]


def ablation(results: Results, params: Params) -> list[str]:
    """List the rows of Table 2: report.table2, then the recipes of the grid that no table or figure under report names.

    So a new recipe is seen as soon as the grid has it.
    """
    rows, elsewhere = present(results, params.report.table2), named(params)
    return rows + [name for name in results.recipes if name not in elsewhere]


def compared(results: Results, params: Params) -> list[str]:
    """List the rows of Tables 2, 4, 5 and 1, each once, in this order."""
    report = params.report
    names = [*ablation(results, params), *report.table4, *report.table5, *report.table1]
    return present(results, list(dict.fromkeys(names)))


def every(results: Results, params: Params) -> list[str]:
    """List all recipes of the grid: those of the tables, then the others in the grid's order."""
    return list(dict.fromkeys([*compared(results, params), *results.recipes]))


def named(params: Params) -> set[str]:
    """Give every recipe that a table or figure under report names, whether the grid has it or not."""
    report = params.report
    lists = [report.table1, report.table2, report.table4, report.table5, report.figure4.runs, *report.figure2.values()]
    return {name for names in lists for name in names}
