"""All figures of a grid, in the order in which the page shows them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from matplotlib.figure import Figure

from pipeline.config import Params
from pipeline.report.figures.curves import accuracy_vs_t, figure2, quantization, training_curves
from pipeline.report.figures.diagnostics import confusion, firing_rates
from pipeline.report.figures.ratemaps import figure4
from pipeline.report.figures.tradeoffs import early_exit, energy_accuracy
from pipeline.report.results import Results

# Each draws one data set, or gives None where the grid lacks the runs it shows.
DRAWN: Mapping[str, Callable[[Results, Params, str], Figure | None]] = {
    "figure2": figure2,
    "figure4": figure4,
    "early_exit": early_exit,
    "energy_accuracy": energy_accuracy,
    "accuracy_vs_t": accuracy_vs_t,
    "training_curves": training_curves,
    "firing_rates": firing_rates,
    "quantization": quantization,
    "confusion": confusion,
}
