"""What an answer costs: events and time waited for, operations and energy."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipeline.config import Params
from pipeline.report import rows
from pipeline.report.results import ANN, CONVERTED, Cell, Results
from pipeline.report.tables import cells, notes
from pipeline.report.tables.comparison import SEEN
from pipeline.report.tables.render import Column, Row, Table, Value

# Of a recording's events: beyond it a recipe is said to wait for all.
ALL = 0.9995
ENERGY = (
    "Energy: 4.6 pJ a multiply-accumulate (MAC) and 0.9 pJ a synaptic operation (SynOp: an accumulate that a spike "
    "causes), at 45 nm (Horowitz, 2014): an estimate of arithmetic alone, without memory, not a measurement."
)


def latency(results: Results, params: Params) -> Table:
    """Build latency told three ways, a row a recipe: time steps, events consumed (%), and time to the decision (ms).

    Raises:
        FileError: a run lacks its arrays.
    """
    columns = [
        *cells.named(),
        Column("frames", "Frames", left=True),
        Column("steps", "T"),
        Column("first_events", "Events, first step (%)"),
        Column("events", "Events, decision (%)", spread="events_sd"),
        Column("time_ms", "Time, mean (ms)", decimals=1),
        Column("time_ms_max", "Time, longest (ms)", decimals=1),
    ]
    groups, lines = [], []
    for dataset in results.grid.datasets:
        group, waits = [], []
        for name in rows.every(results, params):
            cell = results.cell(dataset, results.grid.ann, name)
            kept = cell.runs[0].arrays()
            if kept.share[-1].mean() >= ALL:
                waits.append(len(kept.share))
            first = {"first_events": 100 * float(kept.share[0].mean())}
            group.append(Row({**_named(cell, params), **first, **_waited(kept.share[-1], kept.time_ms[-1])}))
        groups.append(group)
        if waits:
            span = f"{min(waits)} to {max(waits)}" if min(waits) < max(waits) else f"{waits[0]}"
            lines.append(
                f"On {dataset}, {len(waits)} of {len(group)} recipes answer when all events have come, with T = "
                f"{span}: among them fewer time steps are no earlier answer."
            )
    lines = [
        "Events: share of a recording's events that had come at the end of the first step, and when the answer was "
        "given (± sd over recordings); mean over the test recordings. Time: from a recording's first event to the "
        "answer, without computation.",
        "Time steps count what is computed, not what is waited for. A recipe on the frames of phase 2 begins when "
        "those of phase 1 have passed: its few time steps save computation, not the events before them.",
        *lines,
    ]
    return Table("tab:latency", "Latency: what has passed when an answer is given.", columns, groups, lines)


def latency_by_step(results: Results, params: Params) -> Table:
    """Build the same for an answer after each step t, with the accuracy there (%), mean over seeds; csv alone."""
    keys = ("dataset", "run", "frames", "steps", "t", "accuracy")
    columns = [
        *(Column(key, "", only="csv") for key in keys),
        Column("events", "", only="csv", spread="events_sd"),
        Column("time_ms", "", only="csv"),
        Column("time_ms_max", "", only="csv"),
    ]
    found = []
    for dataset in results.grid.datasets:
        for name in rows.every(results, params):
            cell = results.cell(dataset, results.grid.ann, name)
            kept = cell.runs[0].arrays()
            after = 100 * cell.series("accuracy.csv", "accuracy").mean(axis=0)
            for t, (accuracy, share, time_ms) in enumerate(zip(after, kept.share, kept.time_ms, strict=True), start=1):
                waited = _waited(share, time_ms)
                found.append(Row({**_named(cell, params), "t": t, "accuracy": float(accuracy), **waited}))
    return Table("tab:steps", "Latency by step.", columns, [found])


def energy(results: Results, params: Params) -> Table:
    """Build operations and energy per recording, a row a recipe, the ANN and the converted network as references.

    Firing rate 0 to 1, operations in millions, energy in microjoule and in percent of the ANN's.

    Raises:
        FileError: a run lacks a number.
    """
    columns = [
        *cells.named(),
        Column("steps", "T"),
        Column("seeds", "Seeds"),
        Column("firing_rate", "Firing rate", decimals=3),
        Column("macs_millions", "MACs (M)"),
        Column("synops_millions", "SynOps (M)"),
        Column("energy_uj", "Energy (µJ)", spread="energy_sd"),
        Column("energy_of_ann", "Energy, % of the ANN's", decimals=1),
    ]
    groups = []
    for dataset in results.grid.datasets:
        ann = results.cell(dataset, results.grid.ann, ANN)
        group = [
            _spent(results.cell(dataset, results.grid.ann, name), ann, params) for name in rows.every(results, params)
        ]
        references = [_spent(results.cell(dataset, results.grid.ann, name), ann, params) for name in (ANN, CONVERTED)]
        groups += [group, references]
    lines = [
        ENERGY,
        "MACs: in the SNNs those of the first layer, which sees counts of events and not spikes. Firing rate: spikes "
        "per neuron and step, mean over layers. All per recording and for all T time steps.",
        "The ANN's are for the T frames in its row, one pass each; a recipe with another T answers from other frames.",
        notes.seeds(results),
        *notes.recordings(results),
    ]
    caption = "Energy: operations per recording and the 45 nm estimate, beside the ANN's."
    return Table("tab:energy", caption, columns, groups, lines)


def _named(cell: Cell, params: Params) -> dict[str, Value]:
    return {
        **cells.name_of(cell, params),
        "frames": SEEN[params.recipe(cell.name).frames],
        "steps": params.steps_of(cell.dataset, cell.name),
    }


def _waited(share: npt.NDArray[np.float64], time_ms: npt.NDArray[np.float64]) -> dict[str, Value]:
    """Say what had passed: shares and times of the recordings, [N] each."""
    return {
        "events": 100 * float(share.mean()),
        "events_sd": 100 * float(share.std(ddof=1)) if len(share) > 1 else None,
        "time_ms": float(time_ms.mean()),
        "time_ms_max": float(time_ms.max()),
    }


def _spent(cell: Cell, ann: Cell, params: Params) -> Row:
    reference = cell.name in (ANN, CONVERTED)
    titles = {ANN: "reference: ANN (teacher)", CONVERTED: "reference: converted, not fine-tuned"}
    used, base = cell.mean("energy_uj"), ann.mean("energy_uj")
    steps = params.dataset(cell.dataset).phases.t2 if reference else params.steps_of(cell.dataset, cell.name)
    values: dict[str, Value] = {
        "dataset": cell.dataset,
        "run": cell.name,
        "title": titles[cell.name] if reference else params.title(cell.name),
        "steps": steps,
        "seeds": len(cell.runs),
        **cells.costs_of(cell, fires=cell.name != ANN),
        "energy_sd": cell.spread("energy_uj"),
        "energy_of_ann": 100 * used / base if used is not None and base else None,
    }
    return Row(values, reference=reference)
