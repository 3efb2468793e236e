"""How far a training has come, and what was measured on the way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.errors import TrainingError
from pipeline.training.losses import Terms

TERMS = ("loss", "ce", "distillation")
# What may be measured after an epoch, beside the training; none of it changes the training.
MEASURED = ("val_accuracy", "test_accuracy")


@dataclass(frozen=True)
class Curves:
    """One row an epoch: epoch (from 1), learning rate, mean loss terms, accuracy on the training frames, MEASURED.

    None where something was not measured. The accuracy is that of the batches as they were learned on; of recordings
    mixed by an augmentation, that of the first label. `best`: {"epoch", "accuracy", "net"} of the epoch with the
    highest val_accuracy, the first of equals; None where it was never measured.
    """

    header: tuple[str, ...]
    rows: list[list[float | None]]
    best: dict[str, Any] | None = None


class Progress:
    """The state of a training beside its weights. Sums stay on the device until the epoch ends: no batch waits."""

    def __init__(self, device: torch.device) -> None:
        self.epoch = 0
        self.step = 0
        self.rows: list[list[float | None]] = []
        self.best: dict[str, Any] | None = None
        self.sums = torch.zeros(len(TERMS) + 1, dtype=torch.float64, device=device)

    def add(self, terms: Terms, logits: Tensor, labels: Tensor) -> None:
        """Count a step: its terms, and the answers of logits [T, N, C] that are right."""
        weighted = [terms[name].double() * len(labels) for name in TERMS]
        correct = (logits.mean(0).argmax(-1) == labels).sum().double()
        self.sums += torch.stack([*weighted, correct])
        self.step += 1

    def end_epoch(self, rate: float, count: int, title: str) -> None:
        """Make a row of the epoch's means over `count` recordings.

        Raises:
            TrainingError: the loss is not finite.
        """
        means = (self.sums / count).tolist()
        self.epoch, self.step = self.epoch + 1, 0
        self.sums.zero_()
        if not math.isfinite(means[0]):
            raise TrainingError(f"{title}: the loss is {means[0]} in epoch {self.epoch}; lower the learning rate")
        self.rows.append([self.epoch, rate, *means])

    @property
    def losses(self) -> list[float]:
        """The mean loss of each epoch so far."""
        # Behind the epoch and its rate; the loss is never None.
        return [row[2] for row in self.rows]  # type: ignore[misc]

    def note(self, measured: dict[str, float], net: nn.Module) -> None:
        """Put what was measured after the epoch beside it; keep the network that is best on the validation part."""
        self.rows[-1] += [measured.get(name) for name in MEASURED]
        accuracy = measured.get("val_accuracy")
        if accuracy is not None and (self.best is None or accuracy > self.best["accuracy"]):
            state = {name: value.detach().cpu().clone() for name, value in net.state_dict().items()}
            self.best = {"epoch": self.epoch, "accuracy": accuracy, "net": state}

    def curves(self) -> Curves:
        """Return what was measured so far."""
        return Curves(("epoch", "lr", *TERMS, "accuracy", *MEASURED), self.rows, self.best)

    def snapshot(self) -> dict[str, Any]:
        """Return all of it, for a checkpoint."""
        return {"epoch": self.epoch, "step": self.step, "rows": self.rows, "best": self.best, "sums": self.sums}

    def restore(self, saved: dict[str, Any]) -> None:
        """Go back to a snapshot."""
        self.sums.copy_(saved["sums"])
        self.epoch, self.step, self.rows, self.best = (saved[name] for name in ("epoch", "step", "rows", "best"))
