"""Early exit: reliability

How often an answer is right against how sure the network is of it, after the first step and after all, in equal ranges
of confidence; a mark's area grows with the share of answers in its range; ranges with fewer than 1 in 200 are left out.
On the dotted line a network is right as often as it is sure; below it is too sure of itself.
"""

from matplotlib.figure import Figure

from pipeline.report.exits import calibration
from pipeline.report.results import Results
from pipeline.report.style import GREY, legend_beside, look, which
from pipeline.report.svg import tell

ORDER = 3.5
# Share of all answers in a range, below which it says nothing.
LEAST = 0.005


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw accuracy against confidence (%) of the rows of Table 2, all seeds together."""
    rows = results.rows(dataset, results.ablation()).to_dict("records")
    if not rows:
        return None
    drawn = Figure(figsize=(8.6, 3.6), layout="constrained")
    both = drawn.subplots(1, 2, sharex=True, sharey=True)
    for axes, t in zip(both, (1, -1), strict=True):
        axes.axline((0, 0), slope=1, color=GREY, linestyle=":", linewidth=1)
        # The name of the data set once: it is too long to stand twice.
        title = f"{results.label(dataset)}: t = 1" if t == 1 else "all steps"
        axes.set(xlabel="confidence (%)", title=title)
        for row in rows:
            if row["causal"] or t == -1:
                found, shape = calibration(results, dataset, row["recipe"], t), look(row, results.settings)
                found = found[found["share"] >= LEAST]
                axes.plot(100 * found["sure"], 100 * found["right"], **{**shape, "marker": "", "linewidth": 1})
                marks = axes.scatter(100 * found["sure"], 100 * found["right"], 90 * found["share"], shape["color"])
                said = "{0}\nsure {1:.1f} %, right {2:.1f} %\n{3:.1f} % of its answers, {4}"
                numbers = (100 * found[["sure", "right", "share"]]).itertuples(index=False)
                tell(marks, shape["label"], [said.format(shape["label"], *row, which(results)) for row in numbers])
    both[0].set(ylabel="test accuracy (%)")
    legend_beside(both[1])
    return drawn
