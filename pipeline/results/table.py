"""The finished runs of a grid as two tidy frames: a row a run, and a row a run and time step."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from scipy.stats import binomtest

from pipeline.config.names import nearest
from pipeline.config.report import RunEntry
from pipeline.errors import FileError
from pipeline.results.cells import csv_plain, csv_safe
from pipeline.results.paths import RunName
from pipeline.results.read import (
    AGAIN,
    blank,
    digest,
    number,
    read_arrays,
    read_csv,
    read_grouped,
    read_metrics,
    read_steps,
)
from pipeline.results.write import arrival
from pipeline.runtime.files import replacing

# Numbers of metrics.json: those that every run has, those that may be null, those that only some kinds have.
NUMBERS = ("accuracy", "macs", "synops", "energy_uj")
COUNTS = ("n_test", "n_train", "n_skipped")
MEASURED = ("best_val_epoch", "best_val_accuracy", "best_test_epoch", "best_test_accuracy")
TEXT, OPTIONAL_TEXT, COUNT, OPTIONAL_COUNT, FLAG, FLOAT = "text", "text?", "count", "count?", "flag", "float"
RUNS = {
    "dataset": TEXT, "recipe": TEXT, "method": TEXT, "title": TEXT, "kind": TEXT, "ann": OPTIONAL_TEXT,
    "levels": OPTIONAL_COUNT, "network": TEXT, "side": TEXT, "steps": COUNT, "frames": TEXT, "init": TEXT,
    "loss": TEXT, "neuron": TEXT, "gradient": TEXT, "attention": FLAG, "features": FLAG, "causal": FLAG,
    "own_schedule": FLAG, "seed": COUNT, "accuracy": FLOAT, "ci_low": FLOAT, "ci_high": FLOAT,
    "n_test": COUNT, "n_train": COUNT, "n_skipped": COUNT, "accuracy_phase1": FLOAT,
    "accuracy_mean_frame": FLOAT, "best_val_epoch": OPTIONAL_COUNT, "best_val_accuracy": FLOAT,
    "best_test_epoch": OPTIONAL_COUNT, "best_test_accuracy": FLOAT, "firing_rate": FLOAT, "macs": FLOAT,
    "synops": FLOAT, "energy_uj": FLOAT, "wall_s": FLOAT, "settings": TEXT, "split": TEXT, "results": TEXT,
}  # fmt: skip
STEPS = {
    "dataset": TEXT, "recipe": TEXT, "method": TEXT, "kind": TEXT, "ann": OPTIONAL_TEXT, "steps": COUNT,
    "frames": TEXT, "seed": COUNT, "of": COUNT, "t": COUNT, "accuracy": FLOAT, "correct": COUNT, "n": COUNT,
    "ci_low": FLOAT, "ci_high": FLOAT, "events": FLOAT, "events_sd": FLOAT, "time_ms": FLOAT, "time_ms_max": FLOAT,
}  # fmt: skip
COLUMNS = {"run": RUNS, "step": STEPS}
FILES = {"run": "runs.csv", "step": "steps.csv"}


def _flag(cell: str) -> bool:
    if cell not in ("True", "False"):
        raise ValueError(f"expected True or False, found {cell!r}")
    return cell == "True"


# Of a kind of column: its dtype, and how a cell of it is read.
KINDS: dict[str, tuple[str, Callable[[str], Any]]] = {
    TEXT: ("str", csv_plain), OPTIONAL_TEXT: ("str", lambda cell: csv_plain(cell) or None), COUNT: ("int64", int),
    OPTIONAL_COUNT: ("Int64", blank), FLAG: ("bool", _flag), FLOAT: ("float64", blank),
}  # fmt: skip


def collect(entries: Sequence[RunEntry], root: Path = Path()) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Read the results of runs into two frames: (runs, steps), rows in the order of the entries.

    runs: a row a run: what it is (see RunEntry); accuracy, 0 to 1, with its 95 % Wilson interval (ci_low, ci_high);
    counts of recordings; accuracies of other epochs than the last; firing_rate, 0 to 1; macs, synops and energy_uj a
    recording; wall_s, nan where no record is; digests of its settings, of its split and of its folder of results.
    steps: a row a run and time step t: accuracy there with its interval, events (mean share of a recording's events
    that had come, 0 to 1) with their sd over recordings, time_ms and time_ms_max (mean and longest since the first).
    `of` is T, or for a network that learned on several numbers of steps another T', into which the frames were grouped.
    Of a run that answers from several clips of a recording, step t is that of the last clip: all are waited for.

    Args:
        root: the folder that holds data/.

    Raises:
        FileError: a run or file of it is missing or damaged, or two runs of a data set have other test recordings.
    """
    runs: list[dict[str, Any]] = []
    steps: list[dict[str, Any]] = []
    for entry in entries:
        name = RunName(entry.dataset, entry.ann, entry.recipe, entry.seed)
        folder = root / name.results
        run = {**entry.model_dump(), **_measured(folder, entry.kind), "wall_s": _wall(root / name.record)}
        first = next((other for other in runs if other["dataset"] == entry.dataset), run)
        for key in ("n_test", "split"):
            if run[key] != first[key]:
                problem = f"{key} is {run[key]}, that of {first['recipe']} seed {first['seed']} is {first[key]}"
                raise FileError(folder / "metrics.json", f"{problem}: not the same test set; {AGAIN}")
        steps += _steps(folder, run)
        runs.append({**run, "results": digest(folder)})
    return _frame(runs, RUNS), _frame(steps, STEPS)


def write(runs: pd.DataFrame, steps: pd.DataFrame, folder: Path) -> None:
    """Write runs.csv and steps.csv into reports/<grid>; floats with the shortest digits that read back equal."""
    for frame, file in ((runs, FILES["run"]), (steps, FILES["step"])):
        text = frame.select_dtypes("str").columns
        safe = frame.assign(**{name: frame[name].map(csv_safe, na_action="ignore") for name in text})
        with replacing(folder / file) as partial:
            safe.to_csv(partial, index=False, lineterminator="\n")


def load(grid: str, per: Literal["run", "step"] = "run", reports: str | Path = "reports") -> pd.DataFrame:
    """Read the results of a grid: a row a run, or a row a run and time step; columns as `collect` says.

    Raises:
        FileError: the grid has no such file yet, or it is damaged.
        ValueError: `per` is neither run nor step.
    """
    if per not in COLUMNS:
        raise ValueError(f"per: expected run or step, found {per!r}")
    columns = COLUMNS[per]
    if not (Path(reports) / grid / FILES[per]).exists():
        known = [path.parent.name for path in Path(reports).glob(f"*/{FILES[per]}")]
        raise FileError(Path(reports) / grid, f"no results of a grid {grid!r}; {nearest(grid, known)}")
    found = read_csv(Path(reports) / grid / FILES[per], {name: KINDS[kind][1] for name, kind in columns.items()})
    return _frame(found, columns)


def _measured(folder: Path, kind: str) -> dict[str, Any]:
    metrics = read_metrics(folder)
    found: dict[str, Any] = {key: number(metrics, key, folder) for key in NUMBERS}
    found |= {key: int(number(metrics, key, folder)) for key in COUNTS}
    found |= {key: number(metrics, key, folder, null=True) for key in MEASURED}
    found["firing_rate"] = math.nan if kind == "ann" else number(metrics, "firing_rate", folder)
    for key in ("accuracy_phase1", "accuracy_mean_frame"):
        found[key] = number({key: None, **metrics}, key, folder, null=True)
    found["split"] = str(metrics.get("split", ""))
    if not 0 <= found["accuracy"] <= 1 or found["n_test"] < 1:
        raise FileError(folder / "metrics.json", f"accuracy {found['accuracy']:g} of {found['n_test']} is not in 0..1")
    low, high = _wilson(round(found["accuracy"] * found["n_test"]), found["n_test"])
    return {**found, "ci_low": low, "ci_high": high}


def _steps(folder: Path, run: dict[str, Any]) -> list[dict[str, Any]]:
    kept = read_arrays(folder, run["steps"])
    own = zip(read_steps(folder, run["steps"]).to_dict("records"), arrival(kept.share, kept.time_ms), strict=True)
    rows: list[dict[str, Any]] = [{"of": run["steps"], **row, **come} for row, come in own]
    if (grouped := read_grouped(folder)) is not None:
        rows += grouped.to_dict("records")
    found = []
    for row in rows:
        low, high = _wilson(row["correct"], row["n"])
        found.append({**run, **row, "ci_low": low, "ci_high": high})
    return found


@cache
def _wilson(correct: int, n: int) -> tuple[float, float]:
    low, high = binomtest(correct, n).proportion_ci(method="wilson")
    return float(low), float(high)


def _wall(record: Path) -> float:
    """Return how long a run took, s; nan where its record is gone, for no result depends on it."""
    try:
        return float(json.loads(record.read_text(encoding="utf-8"))["wall_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return math.nan


def _frame(rows: Any, columns: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns)).astype({name: KINDS[kind][0] for name, kind in columns.items()})
