"""The live classifier: takes packets of events, steps the network once with each frame, answers as soon as it may."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from spikingjelly.activation_based import functional

from pipeline.errors import ConfigError, PipelineError
from pipeline.evaluation.exits import running_mean
from pipeline.events.types import Events
from pipeline.frames.integrate import Slices
from pipeline.frames.sample import as_shown, turns_of
from pipeline.inference.answer import Exit
from pipeline.inference.framer import ClosedFrame, Framer
from pipeline.inference.model import Model
from pipeline.inference.prepare import ready
from pipeline.inference.rule import FrameRule
from pipeline.inference.sources import Packet
from pipeline.nets.forward import laid_out
from pipeline.results.answers import answers


@dataclass(frozen=True)
class Step:
    """What the network says after a step.

    `recording`, `step`: from 1. `name`, `confidence`: the class of the mean logits so far, and its probability.
    `logits` float32 [C]: of this step. `ms`: of the last event that had come, from the recording's first. `final`:
    whether it is the answer, by early exit or after the last step.
    """

    recording: int
    step: int
    name: str
    confidence: float
    logits: NDArray[np.float32]
    ms: float
    final: bool

    def as_json(self) -> dict[str, Any]:
        """Return it JSON-able."""
        said = {key: getattr(self, key) for key in ("recording", "step", "confidence", "ms", "final")}
        return {**said, "class": self.name, "logits": self.logits.tolist()}


class LiveClassifier:
    """Answers to a stream with the network of a model, one recording after the other; memory does not grow.

    The network steps on the frames that it has learned to see, of those that the rule makes of a recording; with
    `at_once` on all of them, from the first. Between recordings its neurons begin anew. After an early exit the rest of
    the recording is let by, or with `at_once` the next one begins with the next event.

    Args:
        rule: as `rule_of` makes it with the same `at_once`.
        when: early exit; None answers after the last step.
        suffix: the format that the events come in (.bin), whose files the model may turn.
        sensor: height and width of what frames show, px; None is that of the model.

    Raises:
        PipelineError: the network cannot answer step by step, or the model does not know what frames show.
    """

    def __init__(
        self,
        model: Model,
        rule: FrameRule,
        when: Exit | None = None,
        at_once: bool = False,
        suffix: str = ".bin",
        sensor: tuple[int, int] | None = None,
    ) -> None:
        framing = model.framing
        if sensor is None and framing.extent == "recording":
            raise ConfigError(
                f"{model.title}: its frames show each recording up to its own largest x and y, which a stream does not "
                "say; give the height and width (sensor)"
            )
        self._sensor = sensor or (framing.sensor[0], framing.sensor[1])
        self._turns = turns_of(Path(f"stream{suffix}"), framing.settings)
        self._net = ready(model.network, model.hardware)
        try:
            functional.set_step_mode(self._net, "s")
        except ValueError as error:
            raise PipelineError(f"{model.title}: {error}") from error
        seen = framing.selection
        every = at_once or seen.clip is not None
        self._seen = range(seen.steps) if every else range(seen.first, seen.stop, seen.stride)
        if len(rule.ends) <= self._seen[-1]:
            raise ValueError(f"a rule of {len(rule.ends)} frames has no frame {self._seen[-1]}: made for at_once?")
        self._model, self._when, self._at_once = model, when, every
        self._framer, self._recording = Framer(rule), 0
        # Logits of the steps of the recording so far, and what was said last.
        self._logits: list[NDArray[np.float32]] = []
        self._last: Step | None = None

    def feed(self, events: Events, until_us: int | None = None) -> list[Step]:
        """Return what the network says after each frame that ends with a packet; arguments as of `Framer.feed`."""
        return self._said(self._framer.feed(events, until_us))

    def end(self) -> list[Step]:
        """Return what is left to say when the stream ends; what was said last is said again if it was no answer yet."""
        said = self._said(self._framer.end())
        if self._last is not None and not self._last.final:
            said.append(replace(self._last, final=True))
        return said

    def run(self, packets: Iterable[Packet]) -> Iterator[Step]:
        """Yield what the network says of a whole stream, as soon as it says it."""
        for packet in packets:
            yield from self.feed(packet.events, packet.until_us)
        yield from self.end()

    def _said(self, frames: Iterator[ClosedFrame]) -> list[Step]:
        said = []
        for frame in frames:
            if frame.place == 0:
                functional.reset_net(self._net)
                self._recording, self._logits, self._last = self._recording + 1, [], None
            if frame.place in self._seen and not (self._last and self._last.final):
                self._last = self._step(frame)
                said.append(self._last)
                if self._last.final and self._at_once:
                    self._framer.restart()
        return said

    def _step(self, frame: ClosedFrame) -> Step:
        self._logits.append(self._answer(frame))
        logits = np.stack(self._logits)[:, None]
        running = running_mean(logits)
        chosen = int(answers(logits)[0])
        sure = self._when is not None and self._when.sureness(running)[-1, 0] >= self._when.threshold
        return Step(
            recording=self._recording,
            step=len(logits),
            name=self._model.classes[chosen],
            confidence=float(softmax(running[-1, 0])[chosen]),
            logits=self._logits[-1],
            ms=(frame.last_us - frame.begin_us) / 1000,
            final=sure or len(logits) == len(self._seen),
        )

    @torch.no_grad()
    def _answer(self, frame: ClosedFrame) -> NDArray[np.float32]:
        """Step the network with a frame; return its logits, float32 [C]."""
        framing, machine = self._model.framing, self._model.hardware
        try:
            counts = Slices(frame.events, self._sensor, self._turns).frames(1, framing.size, resize=framing.resize)
        except ValueError as error:
            raise PipelineError(f"the stream: {error}") from error
        seen = torch.from_numpy(as_shown(counts)).to(machine.device)
        with machine.autocast():
            out = self._net(laid_out(seen[None])[0])
        logits: NDArray[np.float32] = out[0].float().cpu().numpy()
        return logits
