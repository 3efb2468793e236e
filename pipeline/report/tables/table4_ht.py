"""Hybrid training (HT) under other methods (the paper's Table 4): accuracy on the test recordings."""

from pipeline.report import notes, paired, paper
from pipeline.report.render import Table, columns
from pipeline.report.results import Results

ORDER = 5
KEYS = "dataset (recipe) title ht neuron steps seeds accuracy wilson best_val best_test paper"


def table(results: Results) -> Table | None:
    """Return a row for each data set and recipe of report.table4; None where the rows are all Table 2's."""
    names = results.adds(results.settings.report.table4)
    if not names:
        return None
    rows = paper.with_values("table4", results.all_rows(names), results)
    frame = rows.assign(ht=rows["init"] == "converted", neuron=rows["neuron"].str.upper())
    pairs = paired.among(results, names)
    neurons = [{results.cell(pair["dataset"], pair[end])["neuron"] for end in ("before", "after")} for pair in pairs]
    lines = notes.common(results, rows) + notes.epochs(results) + notes.compared(pairs, results)
    lines += notes.say("neurons") if any(len(both) > 1 for both in neurons) else []
    return Table(columns(KEYS), frame, lines + notes.of_paper("table4", results))
