"""Firing rate of each layer

Spikes per neuron and time step on the test recordings; bars: sample standard deviation over seeds.
"""

from matplotlib.figure import Figure

from pipeline.report.escape import plot
from pipeline.report.results import CONVERTED, Results
from pipeline.report.style import legend_beside, look, one, seeds
from pipeline.results.read import read_layers

ORDER = 7


def figure(results: Results, dataset: str) -> Figure | None:
    """Draw spikes per neuron and time step by layer: the converted network and the rows of Table 2; bars: sd."""
    rows = results.rows(dataset, [CONVERTED, *results.ablation()]).to_dict("records")
    found = {row["recipe"]: results.files(dataset, row["recipe"], read_layers) for row in rows}
    # Layers without neurons behind them, as the read-out, have no rate.
    rates = {name: layers.dropna(subset="firing_rate").groupby("layer", sort=False) for name, layers in found.items()}
    names = list(dict.fromkeys(layer for grouped in rates.values() for layer in grouped.groups))
    labels = {"xlabel": "layer", "ylabel": "firing rate (spikes per neuron and step)"}
    drawn, axes = one(
        max(6.6, 0.6 * len(names) + 2.4), 3.6, title=f"{results.label(dataset)}: {seeds(results)}", **labels
    )
    width = 0.8 / len(rows)
    for index, row in enumerate(rows):
        grouped = rates[row["recipe"]]["firing_rate"]
        mean, sd = grouped.mean(), grouped.std(ddof=1) if results.count > 1 else None
        places = [names.index(layer) + width * (index + 0.5) - 0.4 for layer in mean.index]
        shape = {key: look(row, results.settings)[key] for key in ("label", "color")}
        thin = {"elinewidth": 0.7, "capsize": 1.2}
        axes.bar(places, mean, width, yerr=sd, error_kw=thin, edgecolor="black", linewidth=0.3, **shape)
    axes.grid(False, axis="x")
    axes.set_xticks(range(len(names)), map(plot, names), rotation=45, ha="right")
    axes.set_ylim(bottom=0)
    legend_beside(axes)
    return drawn
