"""A run's results as files: everything later questions need, so that no answer costs another run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.accuracy import Logits, confusion, correct_after
from pipeline.evaluation.operations import Layer, energy_uj
from pipeline.runtime.files import replacing, write_csv, write_json


@dataclass(frozen=True)
class Arrival:
    """How much of each recording had come when each step answered: both [T, N].

    `share`: of its events, 0 to 1; `time_ms`: since its first event.
    """

    share: NDArray[np.float32]
    time_ms: NDArray[np.float32]

    @classmethod
    def of(cls, ended: NDArray[np.int64], ended_us: NDArray[np.int64], steps: slice, causal: bool = True) -> Arrival:
        """Take it from a frames file's `ended` and `ended_us` [N, T], for the frames that were shown.

        A network that is not `causal` needs all of them for its first step's answer.
        """
        share = (ended[:, steps] / np.maximum(ended[:, -1:], 1)).T.astype(np.float32)
        time_ms = (ended_us[:, steps] / 1000).T.astype(np.float32)
        if not causal:
            share, time_ms = (np.repeat(values[-1:], len(values), axis=0) for values in (share, time_ms))
        return cls(share, time_ms)


@dataclass(frozen=True)
class Maps:
    """The first spiking layer on one recording: spikes uint8 [T, C, H, W], the frames it saw, the recording's name."""

    spikes: NDArray[np.uint8]
    frames: NDArray[np.uint8]
    name: str


def write_results(
    folder: str | Path,
    logits: Logits,
    labels: NDArray[np.int64],
    arrival: Arrival,
    classes: list[str],
    layers: list[Layer],
    curves: tuple[Sequence[str], Sequence[Sequence[float | str]]] | None,
    maps: Maps | None,
    facts: dict[str, Any],
) -> dict[str, Any]:
    """Write a run's results to a folder, whole or not at all.

    Args:
        logits: [T, N, C] on the test recordings. labels: [N].
        arrival: what had come of each recording when each step answered.
        layers: operations and firing rates.
        curves: header and rows, one an epoch, of the training; None where there was none.
        maps: of the first spiking layer; None for a network without.
        facts: further entries of metrics.json.

    Files: metrics.json (flat), logits.npz (logits, label, share, time_ms), maps.npz (spikes, frames, name),
    accuracy.csv (after each step), confusion.csv, layers.csv (operations per recording and firing rates), curves.csv.

    Returns:
        The content of metrics.json.
    """
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
    with replacing(folder) as partial:
        partial.mkdir(parents=True)
        write_json(partial / "metrics.json", metrics)
        _write_npz(partial / "logits.npz", {"logits": logits, "label": labels, **vars(arrival)})
        if maps is not None:
            _write_npz(partial / "maps.npz", {**vars(maps), "name": np.array(maps.name)})
        write_csv(
            partial / "accuracy.csv",
            ("t", "accuracy", "correct", "n"),
            [(t, count / len(labels), count, len(labels)) for t, count in enumerate(correct, start=1)],
        )
        table = confusion(logits, labels)
        write_csv(
            partial / "confusion.csv",
            ("true", *classes),
            [(name, *row) for name, row in zip(classes, table.tolist(), strict=True)],
        )
        write_csv(
            partial / "layers.csv",
            ("layer", "firing_rate", "synops", "macs"),
            [
                (layer.name, "" if layer.firing_rate is None else layer.firing_rate, layer.synops, layer.macs)
                for layer in layers
            ],
        )
        if curves is not None:
            write_csv(partial / "curves.csv", *curves)
    return metrics


def write_run_record(path: str | Path, facts: dict[str, Any]) -> None:
    """Write what varies from run to run (machine, wall time): a file of its own, on which nothing depends."""
    write_json(path, facts)


def _write_npz(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    with open(path, "wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
