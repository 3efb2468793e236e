"""All methods like for like, the most accurate first: accuracy on the test recordings after the first step and after
T2.
"""

import pandas as pd

from pipeline.report import notes
from pipeline.report.render import Column, Table, columns
from pipeline.report.results import Results
from pipeline.report.standing import standing

ORDER = 0.3


def table(results: Results) -> Table | None:
    """Return a row a method, with its rank and accuracy at 1 and T2 steps; references have no rank."""
    parts = []
    for dataset in results.datasets:
        found, t2 = standing(results, dataset), results.facts(dataset).t2
        frame = found.drop_duplicates("compared").set_index("compared", drop=False)
        for name, t in (("first", 1), ("last", t2)):
            at = found[found["t"] == t].set_index("compared")
            frame[name] = at["accuracy"]
            frame[f"{name}_range_low"], frame[f"{name}_range_high"] = at["wilson_low"], at["wilson_high"]
            frame[f"{name}_rank"] = (
                at.loc[at["kind"] == "snn", "accuracy"].rank(method="min", ascending=False).astype("Int64")
            )
        frame = frame.assign(group=dataset, reference=frame["kind"] != "snn").dropna(
            subset=["first", "last"], how="all"
        )
        parts.append(frame.sort_values(["last", "first"], ascending=False, kind="stable"))
    shown = columns("dataset (compared) title seen seeds")
    for name, words in (("first", "t = 1"), ("last", "T2")):
        shown.append(Column(f"{name}_rank", f"Rank, {words}"))
        shown.append(Column(name, f"Accuracy, {words} (%)"))
        shown.append(Column(f"{name}_range", "95 % interval", interval=True))
    frame = pd.concat(parts)
    said = notes.say("ranking") + notes.seeds(results) + notes.recordings(results)
    return Table(shown, frame, said + notes.unlearned(results, frame, "last_range_low"))
