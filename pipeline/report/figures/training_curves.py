"""Training

Loss and accuracy on the training recordings, means over seeds. Losses with distillation have a term more and are not to
be compared with those without.
"""

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.report.results import ANN, Results
from pipeline.report.style import legend_beside, log_ticks, look
from pipeline.results.read import read_curves

ORDER = 6


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw loss and training accuracy against the epoch, mean over seeds: the ANN's phase 1 and the rows of Table 2."""
    drawn = Figure(figsize=(9.2, 3.4), layout="constrained")
    loss, accuracy = drawn.subplots(1, 2)
    for row in results.rows(dataset, [ANN, *results.ablation()]).to_dict("records"):
        mean = results.files(dataset, row["recipe"], read_curves).groupby("place").mean()
        shape = {**look(row, results.settings), "marker": ""}
        loss.plot(mean["epoch"], mean["loss"], **shape)
        accuracy.plot(mean["epoch"], 100 * mean["accuracy"], **shape)
    loss.set(xlabel="epoch", ylabel="training loss", yscale="log", title=f"{results.label(dataset)}: training loss")
    accuracy.set(xlabel="epoch", ylabel="training accuracy (%)", title=f"{results.label(dataset)}: training accuracy")
    log_ticks(loss.yaxis)
    for axes in (loss, accuracy):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    legend_beside(accuracy)
    return drawn
