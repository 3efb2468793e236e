"""Comparison (the paper's Table 1): accuracy on the test recordings; cited figures are not our runs."""

import pandas as pd

from pipeline.report import notes, paper
from pipeline.report.render import Table, columns
from pipeline.report.results import Results, base

ORDER = 1
KEYS = "dataset (recipe) title kind venue network seen steps seeds accuracy wilson best_val best_test paper (source)"


def table(results: Results) -> Table | None:
    """Return our rows of report.table1 and, apart, the paper's Table 1 as printed; None where they are Table 2's."""
    names = results.adds(results.settings.report.table1)
    if not names:
        return None
    parts: list[pd.DataFrame] = []
    for dataset in results.datasets:
        facts, rows = results.facts(dataset), results.rows(dataset, names)
        # Where T2 is 5, HSD at 5 steps and at all steps are one network.
        rows = rows[~pd.DataFrame({"base": rows["recipe"].map(base), "T": rows["steps"]}).duplicated()]
        rows = paper.with_values("table1", rows, results)
        rows = rows.assign(kind="run here", network=facts.network, venue=None, source=None)
        cited = paper.cited()[paper.cited()["dataset"] == facts.paper].copy()
        cited["title"] = cited["method"] + (" [" + cited["reference"] + "]").where(cited["reference"] != "", "")
        cited["kind"] = cited["reproduced"].map({"1": "cited (†)", "0": "cited"})
        parts.append(rows.astype(object).assign(group=len(parts), reference=False))
        parts.append(cited.astype(object).assign(group=len(parts), reference=True, dataset=dataset))
    frame = pd.concat([part for part in parts if len(part)])
    lines = notes.common(results, frame) + notes.say("frames_seen")
    lines += notes.say("cited") if frame["reference"].any() else []
    foreign = [name for name in results.datasets if results.facts(name).paper is None]
    lines += [line for name in foreign for line in notes.say("foreign", dataset=name)]
    return Table(columns(KEYS), frame, lines + notes.of_paper("table1", results))
