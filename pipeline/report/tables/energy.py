"""Energy: operations per recording and the 45 nm estimate, beside the ANN's."""

import pandas as pd

from pipeline.report import notes
from pipeline.report.render import Table, columns
from pipeline.report.results import ANN, Results

ORDER = 11
KEYS = "dataset (recipe) title steps seeds firing_rate macs_millions synops_millions energy_uj energy_of_ann"


def table(results: Results) -> Table | None:
    """Return a row a recipe, the ANN and the converted network as references; firing rate 0 to 1, the ANN has none."""
    rows = results.all_rows(results.every(), references=True)
    # Beside the ANN that a recipe takes; the grid's first where it takes none.
    pairs = zip(rows["dataset"], rows["ann"], strict=True)
    anns = [results.cell(dataset, ANN, None if pd.isna(ann) else ann)["energy_uj"] for dataset, ann in pairs]
    of_ann = pd.Series(anns, rows.index)
    frame = rows.assign(energy_of_ann=100 * rows["energy_uj"] / of_ann.where(of_ann > 0))
    return Table(columns(KEYS), frame, [*notes.say("energy"), *notes.seeds(results), *notes.recordings(results)])
