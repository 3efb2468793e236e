"""All tables of a grid's report, by the names of their files."""

from __future__ import annotations

from pipeline.config import Params
from pipeline.report import rows
from pipeline.report.results import Results
from pipeline.report.tables.ablation import paired_table, table2
from pipeline.report.tables.comparison import table1
from pipeline.report.tables.costs import energy, latency, latency_by_step
from pipeline.report.tables.early_exit import early_exit, exits_by_threshold
from pipeline.report.tables.methods import table4, table5
from pipeline.report.tables.quantization import table3
from pipeline.report.tables.render import Table

# A table of one row compares nothing.
FEWEST = 2


def build(results: Results, params: Params) -> dict[str, Table]:
    """Make every table that the grid has the runs for, in the paper's order, what goes beyond the paper last.

    Left out: tables with fewer than two rows, and those of Tables 1, 4 and 5 whose rows are all Table 2's.

    Raises:
        FileError: a run lacks a number or file.
        ConfigError: datasets.<name>.paper is no column of the paper's tables.
    """
    report, known = params.report, set(rows.ablation(results, params))
    makers = {
        "table1_comparison": table1 if _adds(results, report.table1, known) else None,
        "table2_ablation": table2,
        "table2_paired": paired_table,
        "table3_quantization": table3 if len(results.grid.anns) >= FEWEST else None,
        "table4_ht": table4 if _adds(results, report.table4, known) else None,
        "table5_distillation": table5 if _adds(results, report.table5, known) else None,
        "early_exit": early_exit,
        "early_exit_by_threshold": exits_by_threshold,
        "latency": latency,
        "latency_by_step": latency_by_step,
        "energy": energy,
    }
    made = {name: maker(results, params) for name, maker in makers.items() if maker is not None}
    return {name: table for name, table in made.items() if table.rows}


def _adds(results: Results, names: list[str], known: set[str]) -> bool:
    found = rows.present(results, names)
    return len(found) >= FEWEST and not set(found) <= known
