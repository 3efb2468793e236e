"""Early exit

Each recording is answered as soon as the network is sure enough: a mark is a threshold at which it answers, the lowest
at the left. Dotted: every recording answered after the same number of steps.
"""

import numpy as np
from matplotlib.figure import Figure

from pipeline.config.report import ReportSettings
from pipeline.report.exits import exits, rule
from pipeline.report.results import Results
from pipeline.report.style import GREY, Look, legend_beside, look, one, seeds, which
from pipeline.report.svg import tell

ORDER = 3


def said(settings: ReportSettings) -> str:
    """Return the rule in words."""
    return rule(settings.report)


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw rows of Table 2 and recipes of Figure 4, means over seeds; None where none has more than one step."""
    report = results.settings.report
    names = list(dict.fromkeys([*results.ablation(), *results.present(report.figure4.recipes)]))
    rows = [row for row in results.rows(dataset, names).to_dict("records") if row["steps"] > 1]
    if not rows:
        return None
    span = f"rule {report.exit_rule.kind}, sure ≥ {min(report.exit_at):g} to {max(report.exit_at):g}"
    labels = {
        "xlabel": f"mean time steps T to the answer\n{span}",
        "title": f"{results.label(dataset)}: {seeds(results, 'mean')}",
    }
    drawn, axes = one(6.8, 3.8, **labels)
    dotted: Look = {"linewidth": 1, "linestyle": ":"}
    for row in rows:
        shape = look(row, results.settings)
        fixed = 100 * results.after_steps(dataset, row["recipe"]).mean(axis=0)
        (line,) = axes.plot(np.arange(1, len(fixed) + 1), fixed, color=shape["color"], alpha=0.6, **dotted)
        tell(line, shape["label"])
        mean = exits(results, dataset, row["recipe"])
        (line,) = axes.plot(mean["mean_steps"], mean["accuracy"], **shape)
        tell(line, shape["label"], [
            f"{shape['label']}, sure ≥ {at:g}\n{dataset}/{row['at']}/{row['recipe']}, {which(results)}\n"
            f"mean steps {steps:.2f}, accuracy {accuracy:.2f} %"
            for at, steps, accuracy in mean[["threshold", "mean_steps", "accuracy"]].itertuples(index=False)
        ])  # fmt: skip
    axes.plot([], [], color=GREY, label="all after a fixed T", **dotted)
    axes.set_xticks(range(1, max(row["steps"] for row in rows) + 1))
    legend_beside(axes)
    return drawn
