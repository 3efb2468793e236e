"""Modes of distillation without hybrid training (the paper's Table 5): from the teacher's mean output (response), its
layers' features, or both.
"""

from pipeline.report import notes, paper
from pipeline.report.render import Table, columns
from pipeline.report.results import Results

ORDER = 6
KEYS = "dataset (recipe) title response feature neuron steps seeds accuracy wilson best_val best_test paper"


def table(results: Results) -> Table | None:
    """Return a row for each data set and recipe of report.table5; None where the rows are all Table 2's."""
    names = results.adds(results.settings.report.table5)
    if not names:
        return None
    rows = paper.with_values("table5", results.all_rows(names), results)
    frame = rows.assign(response=rows["loss"] == "kd", feature=rows["features"], neuron=rows["neuron"].str.upper())
    lines = notes.common(results, rows) + notes.epochs(results)
    return Table(columns(KEYS), frame, lines + notes.of_paper("table5", results))
