"""Ablation (the paper's Table 2): accuracy on the test recordings with and without hybrid training (HT), knowledge
distillation (KD) and step-wise KD (SKD).
"""

from pipeline.report import notes, paired, paper
from pipeline.report.render import Table, columns
from pipeline.report.results import Results

ORDER = 2


def table(results: Results) -> Table | None:
    """Return a row for each data set and recipe, then the ANN and the converted network as references."""
    rows = results.all_rows(results.ablation(), references=True)
    ours = ~rows["reference"]
    switches = {"ht": rows["init"] == "converted", "kd": rows["loss"] == "kd", "skd": rows["loss"] == "skd"}
    frame = paper.with_values("table2", rows, results).assign(
        **{name: switch.astype(object).where(ours) for name, switch in switches.items()},
        kind=ours.map({True: "recipe", False: "reference"}),
        neuron=rows["neuron"].str.upper(),
    )
    one_t = (rows["steps"] == rows["dataset"].map(lambda name: results.facts(name).t2))[ours].all()
    keys = (
        f"dataset (kind) (recipe) title ht kd skd neuron levels {'(steps)' if one_t else 'steps'} seeds accuracy "
        "wilson best_val best_test paper (firing_rate) (macs_millions) (synops_millions) (energy_uj)"
    )
    lines = notes.common(results, frame, one_t) + notes.epochs(results)
    lines += [*notes.references(results), *notes.compared(paired.among(results, results.ablation()), results)]
    return Table(columns(keys), frame, lines + notes.of_paper("table2", results))
