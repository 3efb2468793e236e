"""What these runs can show: the smallest true difference of two methods that 4 of 5 studies of this size would find."""

from pipeline.report import notes, paired
from pipeline.report.render import Table, columns
from pipeline.report.results import Results
from pipeline.report.statistics import LEVEL, POWER

ORDER = 0.1
KEYS = "dataset steps seeds n_test pairs seeds_sd error alone corrected"


def table(results: Results) -> Table | None:
    """Return a row for each data set and T, medians over report.comparisons, in points; None where there is none."""
    found = paired.comparisons(results)
    if found.empty:
        return None
    grouped = found.groupby(["dataset", "steps"], sort=False)
    medians = grouped[["seeds_sd", "error", "alone", "corrected"]].median()
    frame = medians.assign(seeds=results.count, n_test=grouped["n_test"].first(), pairs=grouped.size()).reset_index()
    frame["dataset"] = frame["dataset"].astype(str)
    lines = notes.say("smallest_difference", count=len(found), level=LEVEL, power=f"{POWER:.0%}") + notes.seeds(
        results, "smallest_"
    )
    return Table(columns(KEYS), frame.assign(group=frame["dataset"]), lines)
