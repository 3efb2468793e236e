"""A run's results as files: everything later questions need, so that no answer costs another run."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.results.answers import answers, correct_after
from pipeline.results.cells import csv_safe
from pipeline.results.paths import RunName
from pipeline.runtime.files import replacing, write_csv, write_json

# pJ at 45 nm: a multiply-accumulate and an accumulate in fp32. Source: Horowitz (2014), Computing's energy problem.
MAC_PJ, ACCUMULATE_PJ = 4.6, 0.9
ARRIVAL = ("events", "events_sd", "time_ms", "time_ms_max")
GROUPED = ("of", "t", "accuracy", "correct", "n", *ARRIVAL)


class Layer(Protocol):
    """One layer with synapses, per recording: operations into it, and spikes per neuron and step behind it."""

    name: str
    macs: float
    synops: float
    firing_rate: float | None


@dataclass(frozen=True)
class Maps:
    """The first spiking layer on one recording: spikes uint8 [T, C, H, W], the frames it saw, the recording's name."""

    spikes: NDArray[np.uint8]
    frames: NDArray[np.uint8]
    name: str


@dataclass(frozen=True)
class Grouped:
    """What a network says of the test recordings where its frames are grouped into T': arrays as of `write_run`."""

    logits: NDArray[np.float32]
    share: NDArray[np.floating]
    time_ms: NDArray[np.floating]


def energy_uj(macs: float, synops: float) -> float:
    """Return the estimated energy of a recording, µJ, from its multiply-accumulates and its accumulates."""
    return (macs * MAC_PJ + synops * ACCUMULATE_PJ) * 1e-6


def write_run(
    name: RunName,
    logits: NDArray[np.float32],
    labels: NDArray[np.int64],
    share: NDArray[np.floating],
    time_ms: NDArray[np.floating],
    classes: Sequence[str],
    layers: Sequence[Layer],
    curves: tuple[Sequence[str], Sequence[Sequence[Any]]] | None,
    maps: Maps | None,
    facts: dict[str, Any],
    record: dict[str, Any],
    root: Path = Path(),
    grouped: Sequence[Grouped] = (),
) -> dict[str, Any]:
    """Write a run's results to its folder, whole or not at all, then its record.

    Args:
        logits: [T, N, C] on the test recordings. labels: [N].
        share: of a recording's events, 0 to 1, that had come when step t answered, [T, N].
        time_ms: since its first event, [T, N].
        classes: C names. layers: operations and firing rates.
        curves: header and rows, one an epoch, of the training, None in a row for what was not measured; None where
            there was no training.
        maps: of the first spiking layer; None for a network without.
        facts: further entries of metrics.json.
        record: what varies from run to run of equal results: machine, wall_s.
        root: the folder that holds data/.
        grouped: the same frames grouped into other numbers of steps, for a network that learned on several.

    Files: metrics.json (flat), logits.npz (logits, label, share, time_ms), maps.npz (spikes, frames, name),
    accuracy.csv (after each step), confusion.csv, layers.csv (operations per recording and firing rates), curves.csv,
    grouped.csv (after each step t of T', with what had come by then).

    Returns:
        The content of metrics.json.

    Raises:
        ValueError: logits are not finite: such a network has no results.
    """
    if not np.isfinite(logits).all():
        raise ValueError(f"{name}: logits are not finite; nothing was written")
    correct = correct_after(logits, labels)
    macs, synops = sum(layer.macs for layer in layers), sum(layer.synops for layer in layers)
    rates = [layer.firing_rate for layer in layers if layer.firing_rate is not None]
    metrics: dict[str, Any] = {
        **facts,
        "accuracy": correct[-1] / len(labels),
        "n_test": len(labels),
        "macs": macs,
        "synops": synops,
        "energy_uj": energy_uj(macs, synops),
    }
    if rates:
        metrics["firing_rate"] = sum(rates) / len(rates)
    counts = np.zeros((len(classes), len(classes)), np.int64)
    np.add.at(counts, (labels, answers(logits)), 1)
    steps = [(t, count / len(labels), count, len(labels)) for t, count in enumerate(correct, start=1)]
    titles = [csv_safe(title) for title in classes]
    with replacing(root / name.results) as partial:
        partial.mkdir(parents=True)
        write_json(partial / "metrics.json", metrics)
        _write_npz(partial / "logits.npz", logits=logits, label=labels, share=share, time_ms=time_ms)
        if maps is not None:
            _write_npz(partial / "maps.npz", spikes=maps.spikes, frames=maps.frames, name=np.array(maps.name))
        write_csv(partial / "accuracy.csv", ("t", "accuracy", "correct", "n"), steps)
        rows = [(title, *row) for title, row in zip(titles, counts.tolist(), strict=True)]
        write_csv(partial / "confusion.csv", ("true", *titles), rows)
        costs = [(csv_safe(layer.name), layer.firing_rate, layer.synops, layer.macs) for layer in layers]
        write_csv(partial / "layers.csv", ("layer", "firing_rate", "synops", "macs"), costs)
        if curves is not None:
            write_csv(partial / "curves.csv", *curves)
        if grouped:
            write_csv(
                partial / "grouped.csv", GROUPED, [row for said in grouped for row in _grouped_rows(said, labels)]
            )
    write_json(root / name.record, record)
    return metrics


def _grouped_rows(said: Grouped, labels: NDArray[np.int64]) -> Iterator[tuple[Any, ...]]:
    arrived = arrival(said.share, said.time_ms)
    for t, (correct, come) in enumerate(zip(correct_after(said.logits, labels), arrived, strict=True), start=1):
        # An empty cell where one recording has no spread.
        cells = (None if math.isnan(value) else value for value in come.values())
        yield len(said.logits), t, correct / len(labels), correct, len(labels), *cells


def arrival(share: NDArray[np.floating], time_ms: NDArray[np.floating]) -> list[dict[str, float]]:
    """Return of each step what had come by then, over recordings: arrays [T, N] as `write_run` has them.

    `events`, `events_sd`: mean share and its sample standard deviation, nan for one recording; `time_ms`,
    `time_ms_max`: mean and longest.
    """
    share, time_ms = share.astype(np.float64), time_ms.astype(np.float64)
    spread = share.std(axis=1, ddof=1) if share.shape[1] > 1 else np.full(len(share), np.nan)
    columns = share.mean(axis=1), spread, time_ms.mean(axis=1), time_ms.max(axis=1)
    return [dict(zip(ARRIVAL, map(float, row), strict=True)) for row in zip(*columns, strict=True)]


def _write_npz(path: Path, **arrays: NDArray[Any]) -> None:
    with open(path, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
