"""Conversion: what the ANN knows, and what the network converted from it knows before any fine-tuning (%)."""

import pandas as pd

from pipeline.report import notes
from pipeline.report.render import Column, Table, columns
from pipeline.report.results import ANN, CONVERTED, Results

ORDER = 12
MEASURED = {"ann": "ANN, frame by frame", "mean_frame": "ANN, mean of the frames", "converted": "Converted"}


def table(results: Results) -> Table | None:
    """Return a row for each data set and ANN, mean over seeds; as CSV a row for each seed too."""
    runs = results.runs[results.runs["ann"].isin(results.settings.grid.all_anns)]
    index = ["dataset", "ann", "seed"]
    found = runs[runs["kind"] == ANN].set_index(index)["accuracy"].rename("ann_accuracy").to_frame()
    converted = runs[runs["kind"] == CONVERTED].set_index(index)
    by_seed = found.assign(mean_frame=converted["accuracy_mean_frame"], converted=converted["accuracy"])
    by_seed = (100 * by_seed).rename(columns={"ann_accuracy": "ann"}).rename_axis(["dataset", "title", "seed"])
    grouped = by_seed.groupby(["dataset", "title"], sort=False)
    spread = grouped.std(ddof=1).rename(columns=lambda name: f"{name}_sd")
    frame = pd.concat([grouped.mean(), spread], axis=1).assign(seeds=results.count).reset_index()
    shown = [Column(key, heading, spread=f"{key}_sd") for key, heading in MEASURED.items()]
    keys = "(dataset) (title) (seed) (ann) (mean_frame) (converted)"
    lists = {"by_seed": Table(columns(keys), by_seed.reset_index())}
    said = [*notes.say("conversion"), *notes.seeds(results), *notes.recordings(results)]
    return Table(
        [*columns("dataset"), Column("title", "ANN"), *columns("seeds"), *shown],
        frame.assign(group=frame["dataset"]),
        said,
        lists,
    )
