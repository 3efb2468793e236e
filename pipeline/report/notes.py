"""What stands under several tables, said from the numbers alone; the sentences are templates/notes.yaml's."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from pipeline.report import paper
from pipeline.report.results import ANN, CONVERTED, Results
from pipeline.report.statistics import LEVEL
from pipeline.results.read import read_confusion

TEXTS = yaml.safe_load((Path(__file__).parent / "templates/notes.yaml").read_text(encoding="utf-8"))


def say(*names: str, **values: Any) -> list[str]:
    """Return the sentences of these names in notes.yaml, filled in."""
    found = [TEXTS[name] for name in names]
    return [text.format(**values) for texts in found for text in (texts if isinstance(texts, list) else [texts])]


def common(results: Results, rows: pd.DataFrame, one_t: bool = False) -> list[str]:
    """Return what accuracies stand on: recordings, seeds, interval, epochs (by the rows); T, where all have T2."""
    said = [*recordings(results, one_t), *say("wilson"), *seeds(results), *say("last_epoch")]
    often = " or ".join(map(str, sorted({results.facts(name).eval_test for name in results.datasets} - {0})))
    often = "each epoch" if often == "1" else f"every {often} epochs and the last"
    shown = [name for name in ("best_val", "best_test") if name in rows and rows[name].notna().any()]
    return said + say(*shown, often=often)


def unlearned(results: Results, rows: pd.DataFrame, low: str = "wilson_low") -> list[str]:
    """Return which spiking networks may as well be guessing, by the lower end of their intervals (column `low`)."""
    lines = []
    for dataset in results.datasets:
        share = 100 / len(read_confusion(results.folders(dataset, CONVERTED)[0])[0])
        found = rows.loc[(rows["dataset"] == dataset) & (rows[low] <= share) & (rows["recipe"] != CONVERTED), "title"]
        lines += say("unlearned", dataset=dataset, titles=", ".join(found), share=share) if len(found) else []
    return lines


def recordings(results: Results, one_t: bool = False) -> list[str]:
    """Return how many recordings there are, what an answer is, and how many bad ones were left out."""
    lines = []
    for cell in (results.cell(dataset, CONVERTED) for dataset in results.datasets):
        lines += say("recordings", t=f"T2 = {cell['steps']}" if one_t else "T", **cell)
        lines += say("skipped", **cell) if cell["n_skipped"] else []
    return lines


def seeds(results: Results, kind: str = "", **values: Any) -> list[str]:
    """Return of what ± is, or what else (`kind`) follows from the number of seeds."""
    return say(f"{kind}seeds" if results.count > 1 else f"{kind}one_seed", count=results.count, **values)


def epochs(results: Results) -> list[str]:
    """Return how long each kind of student learns, and whether hybrid training learns longer."""
    lines = []
    for dataset in results.datasets:
        facts = results.facts(dataset)
        both, random = facts.epochs_ann + facts.epochs_converted, facts.epochs_random
        (said,) = say("as_many" if both == random else "longer" if both > random else "shorter", both=both)
        many = f"{random} epoch{'' if random == 1 else 's'}"
        lines += say("epochs", dataset=dataset, facts=facts, said=said, random=many)
    return lines


def references(results: Results) -> list[str]:
    """Return what the rows of references are."""
    lines = []
    for cell in (results.cell(dataset, ANN) for dataset in results.datasets):
        own = "" if pd.isna(cell["phase1"]) else say("phase1", **cell)[0]
        lines += say("references", own=own, **cell)
    return lines


def systems(methods: Iterable[str]) -> list[str]:
    """Return where the sources of methods disagree, each once."""
    return [TEXTS["systems"][name] for name in dict.fromkeys(methods) if name in TEXTS["systems"]]


def of_paper(table: str, results: Results) -> list[str]:
    """Return what a reader of the paper's values must know."""
    found = {dataset: paper.notes(table, results.facts(dataset).paper) for dataset in results.datasets}
    return [f"{dataset}: {note}" for dataset, notes in found.items() for note in notes]


def compared(pairs: list[dict[str, Any]], results: Results) -> list[str]:
    """Return what comparisons allow to say, and how they are made."""
    return [line for pair in pairs for line in say("change", **pair)] + (paired(results) if pairs else [])


def paired(results: Results) -> list[str]:
    """Return how comparisons are made."""
    return seeds(results, "paired_", level=LEVEL)
