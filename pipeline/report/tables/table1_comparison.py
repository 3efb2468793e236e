"""Comparison (the paper's Table 1): accuracy on the test recordings; cited figures are not our runs."""

import pandas as pd

from pipeline.report import notes, paper
from pipeline.report.render import Table, columns
from pipeline.report.results import CONVERTED, OWN_SETTINGS, Results, base

ORDER = 1
KEYS = (
    "dataset (recipe) title kind venue network side seen steps events seeds accuracy wilson best_val best_test paper "
    "elsewhere (source)"
)
FROM = {False: "run here", True: "run here, own settings"}


def table(results: Results) -> Table | None:
    """Return our rows of report.table1, behind those of a method the paper's Table 1 as printed.

    None where there are no rows beside Table 2's.
    """
    names = results.adds(results.settings.report.table1)
    if not names:
        return None
    parts = [part for dataset in results.datasets for part in _of(results, dataset, names)]
    frame = pd.concat([part for part in parts if len(part)])
    lines = notes.common(results, frame) + notes.unlearned(results, frame) + notes.say("frames_seen", "events_seen")
    lines += notes.say("own_settings") if (frame["kind"] == FROM[True]).any() else []
    lines += notes.say("cited") if frame["reference"].any() else []
    foreign = [name for name in results.datasets if results.facts(name).paper is None]
    lines += [line for name in foreign for line in notes.say("foreign", dataset=name)]
    lines += notes.systems(frame["system"])
    return Table(columns(KEYS), frame, lines + notes.of_paper("table1", results))


def _of(results: Results, dataset: str, names: list[str]) -> list[pd.DataFrame]:
    """Return the rows of a data set, method by method: ours, then those cited; methods that are cited alone first."""
    rows = results.rows(dataset, names)
    # Where T2 is 5, HSD at 5 steps and at all steps are one network.
    rows = rows[~pd.DataFrame({"base": rows["recipe"].map(base), "T": rows["steps"]}).duplicated()]
    rows = paper.with_values("table1", rows, results)
    events = [results.events_at_answer(dataset, name) for name in rows["recipe"]]
    # Another column says whose settings they are.
    titles = rows["title"].str.removesuffix(OWN_SETTINGS).where(rows["recipe"] != CONVERTED, "QCFS alone (converted)")
    ours = rows.assign(
        kind=rows["own_schedule"].map(FROM), title=titles, system=rows["method"], events=events, venue=None, source=None
    )
    if results.facts(dataset).paper is None:
        ours["elsewhere"] = ours["system"].map(paper.elsewhere())
    cited = paper.cited()[paper.cited()["dataset"] == results.facts(dataset).paper].copy()
    cited["title"] = cited["method"] + (" [" + cited["reference"] + "]").where(cited["reference"] != "", "")
    cited["kind"] = cited["reproduced"].map({"1": "cited (†)", "0": "cited"})
    own = list(dict.fromkeys(ours["system"]))
    order = [*(name for name in dict.fromkeys(cited["system"]) if name not in own), *own]
    both = [(ours.astype(object), False), (cited.astype(object), True)]
    return [
        part[part["system"] == name].assign(group=dataset, dataset=dataset, reference=reference)
        for name in order
        for part, reference in both
    ]
