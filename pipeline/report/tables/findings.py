"""In five sentences."""

from typing import Any

import pandas as pd

from pipeline.report import notes, paired
from pipeline.report.paired import ABOVE, BELOW, OPEN
from pipeline.report.render import Column, Table, columns
from pipeline.report.results import CONVERTED, Results, base
from pipeline.report.standing import best, standing
from pipeline.report.statistics import LEVEL, POWER

ORDER = 0
# Whose claims are looked at.
METHOD = "hsd"


def table(results: Results) -> Table | None:
    """Return five sentences, then a row for each data set and T: the best method, HSD, and what report.comparisons say.

    None where the grid has not HSD or nothing to compare it with.
    """
    compared = paired.comparisons(results)
    if compared.empty or METHOD not in results.settings.grid.all_recipes:
        return None
    of_method = compared["before"].map(base).eq(METHOD) | compared["after"].map(base).eq(METHOD)
    rows, shown = [], {}
    for dataset in results.datasets:
        found = standing(results, dataset)
        for t in (1, results.facts(dataset).t2):
            at = found[found["t"] == t].set_index("compared")["accuracy"]
            rows.append({"dataset": dataset, "group": dataset, "steps": t, **best(results, dataset, t)})
            rows[-1] |= {"own": at.get(METHOD), "converted": at.get(CONVERTED)}
            for pair in compared[of_method & (compared["dataset"] == dataset) & (compared["steps"] == t)].itertuples():
                key = f"{pair.before}_{pair.after}"
                shown[key] = Column(key, pair.change, only="text")
                rows[-1][key] = pair.signed + ("" if pair.verdict == OPEN else " *")
    heads = [*columns("dataset steps"), Column("title", "Most accurate"), *columns("accuracy wilson")]
    heads += [Column("level", "Not told apart from it"), Column("own", "HSD (%)"), Column("converted", "Converted (%)")]
    lines = notes.say("findings", level=LEVEL) + notes.paired(results)
    return Table([*heads, *shown.values()], pd.DataFrame(rows), lines, lead=_sentences(results, compared, rows))


def _sentences(results: Results, compared: pd.DataFrame, rows: list[dict[str, Any]]) -> list[str]:
    """Return what the paper claims, what such runs can show, where that holds, where not, and what was best."""
    smallest = compared.groupby(["dataset", "steps"])[["alone", "corrected"]].median()
    spans = {key: " to ".join(dict.fromkeys(f"{end:.1f}" for end in (s.min(), s.max()))) for key, s in smallest.items()}
    methods = {run.method for run in results.settings.runs if run.kind == "snn"}
    labels = ", ".join(results.label(dataset) for dataset in results.datasets)
    counts = {
        "methods": len(methods),
        "seeds": f"{results.count} seed{'s' * (results.count > 1)}",
        "count": len(compared),
        "power": f"{POWER:.0%}",
        "level": LEVEL,
    }
    claims = compared[(compared["after"].map(base) == METHOD) & ~compared["before"].map(base).isin([METHOD, CONVERTED])]
    words = {verdict: _listed(claims[claims["verdict"] == verdict]) for verdict in (ABOVE, BELOW)}
    said = [name if words[verdict] else f"no_{name}" for verdict, name in ((ABOVE, "holds"), (BELOW, "fails"))]
    (rest,) = notes.say("rest", open=(claims["verdict"] == OPEN).sum(), claims=len(claims))
    by = {dataset: [row for row in rows if row["dataset"] == dataset] for dataset in results.datasets}
    ends = [f"{dataset}: {', '.join(map(_won, found))}" for dataset, found in by.items()]
    values = {**words, **counts, **spans, "datasets": labels, "rest": rest, "best": "; ".join(ends)}
    return notes.say("claim", "shown", *said, "best", **values)


def _won(row: dict[str, Any]) -> str:
    own = "" if pd.isna(row["own"]) else f", HSD {row['own']:.2f} %"
    return f"{row['title']} at T = {row['steps']} ({row['accuracy']:.2f} %{own})"


def _listed(claims: pd.DataFrame) -> str:
    """Return from whom HSD differs, at which T, and on which data sets by how many points."""
    parts = []
    for (title, t), rows in claims.groupby(["before_title", "steps"], sort=False):
        found = ", ".join(f"{row.dataset} {row.signed}" for row in rows.itertuples())
        parts.append(f"{title} at T = {t} ({found})")
    return "; ".join(parts)
