"""Comparisons: pairs of methods on the same test recordings, after the same number of time steps."""

from pipeline.report import notes, paired
from pipeline.report.render import Table, columns
from pipeline.report.results import Results

ORDER = 0.2
KEYS = (
    "dataset (before) (after) change steps seeds (difference) [signed] (bootstrap) [bootstrap_text] higher gained lost "
    "(p) (p_holm) [p_text] verdict"
)


def table(results: Results) -> Table | None:
    """Return a row for each of report.comparisons, data set and T, differences in points; None where there is none."""
    frame = paired.comparisons(results)
    if frame.empty:
        return None
    return Table(columns(KEYS), frame, notes.paired(results) + notes.say("comparisons"))
