"""Neighbouring rows of the ablation on the same test recordings."""

import pandas as pd

from pipeline.report import notes, paired
from pipeline.report.render import Table, columns
from pipeline.report.results import Results

ORDER = 3
KEYS = "dataset (before) (after) change seeds (difference) [signed] (bootstrap) [bootstrap_text] higher gained lost"
TESTS = "[p_text] (p_median) (p_by_seed)"


def table(results: Results) -> Table | None:
    """Return a row a pair of neighbours, differences in points; None where there is none."""
    pairs = paired.ablation(results)
    if not pairs:
        return None
    frame = pd.DataFrame(pairs).assign(group=[pair["dataset"] for pair in pairs])
    return Table(columns(f"{KEYS} {TESTS}"), frame, notes.paired(results) + notes.say("table2_paired"))
