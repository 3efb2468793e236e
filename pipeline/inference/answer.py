"""What a network says of one recording."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from pipeline.config.base import Group
from pipeline.evaluation.exits import exit_steps, running_mean
from pipeline.pieces import module_of
from pipeline.results.answers import answers


@dataclass(frozen=True)
class Exit:
    """When a recording is answered early: by which rule of `evaluation.exits`, and how sure it must be, 0 to 1."""

    rule: Group
    threshold: float

    def sureness(self, running: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return how sure running mean logits [T, N, C] are by the rule: [T, N]."""
        sure: NDArray[np.float64] = module_of("evaluation.exits", self.rule).sureness(running)
        return sure


@dataclass(frozen=True)
class Answer:
    """The logits of a recording's steps, float32 [T, C], and what follows from their mean so far.

    `time_ms` float32 [T]: when each step could answer, from the recording's first event; `share` float32 [T]: of its
    events that had come then.
    """

    recording: str
    classes: list[str]
    logits: NDArray[np.float32]
    share: NDArray[np.float32]
    time_ms: NDArray[np.float32]

    @property
    def name(self) -> str:
        """Return the class that is answered after the last step."""
        return self.names[-1]

    @property
    def names(self) -> list[str]:
        """Return the class that would be answered after each step."""
        return [self.classes[answers(self.logits[:, None], step)[0]] for step in range(1, len(self.logits) + 1)]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """Return the softmax of the mean logits after each step, [T, C]."""
        found: NDArray[np.float64] = softmax(running_mean(self.logits[:, None])[:, 0], axis=-1)
        return found

    @property
    def confidence(self) -> list[float]:
        """Return the largest probability after each step, 0 to 1."""
        return [float(value) for value in self.probabilities.max(axis=-1)]

    def exit_step(self, when: Exit) -> int:
        """Return the step, from 1, after which the recording would be answered; the last if it is never sure enough."""
        sure = when.sureness(running_mean(self.logits[:, None]))
        return int(exit_steps(sure, [when.threshold])[0, 0]) + 1

    def as_json(self, when: Exit) -> dict[str, Any]:
        """Return all of it, JSON-able; the class, confidence and time of an early exit under `exit`."""
        names, confidence, time_ms = self.names, self.confidence, self.time_ms.tolist()
        step = self.exit_step(when)
        early = {"step": step, "class": names[step - 1], "confidence": confidence[step - 1], "ms": time_ms[step - 1]}
        return {
            "recording": self.recording,
            "class": self.name,
            "confidence": confidence[-1],
            "steps": [
                {"class": name, "confidence": sure, "ms": ms, "events": share}
                for name, sure, ms, share in zip(names, confidence, time_ms, self.share.tolist(), strict=True)
            ],
            "logits": self.logits.tolist(),
            "exit": {**when.rule.model_dump(), "threshold": when.threshold, **early},
        }
