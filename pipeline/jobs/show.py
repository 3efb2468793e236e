"""What a person sees of many runs: a line for each that runs, how many are done, and how long the rest may take."""

from __future__ import annotations

import re
import time
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text

# The last bar of tqdm: percent, time left, and what stands behind the rate.
BAR = re.compile(r"(\d+)%\|[^\[\r\n]*\[[^<\r\n]*<([^,\]]+)(?:,[^,\]]*)?(?:, ([^\]\r\n]*))?\]")
TAIL_BYTES = 2000
# What may become of a stage.
UNCHANGED, RESTORED, DONE, FAILED, STOPPED = "unchanged", "from the run cache", "done", "failed", "stopped"
# Seconds between two looks at the running stages where they are drawn anew, and where each look is more lines.
LIVE, LOGGED = 1.0, 30.0


@dataclass
class Board:
    """The state of all stages, drawn in place in a terminal and as lines elsewhere.

    Args:
        workers: how many run at once.
    """

    workers: int
    counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    _began: dict[str, tuple[float, Path]] = field(default_factory=dict)
    _took: dict[str, float] = field(default_factory=dict)
    _taken: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self._shown = time.monotonic()
        self._console = Console(highlight=False, soft_wrap=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=True)

    def __enter__(self) -> Board:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def say(self, line: str) -> None:
        """Print a line that stays."""
        self._console.print(Text(line))

    def start(self, name: str, log: Path) -> None:
        self._began[name] = (time.monotonic(), log)
        self.say(f"{name}: starts")

    def stop(self, name: str) -> None:
        """Take a stage off those that run; what became of it is said by `end`."""
        self._took[name] = time.monotonic() - self._began.pop(name)[0]

    def end(self, name: str, became: str) -> None:
        """Count a stage by what became of it, and say so unless nothing did."""
        self.counts[became] += 1
        took = self._took.pop(name, None)
        if took is not None and became == DONE:
            self._taken[_kind(name)].append(took)
        if became != UNCHANGED:
            self.say(f"{name}: {became}" + ("" if took is None else f", {clock(took)}"))

    def look(self, waiting: Collection[str]) -> None:
        """Draw what runs, every second in a terminal, every half a minute elsewhere."""
        live = self._live.is_started
        if time.monotonic() - self._shown < (LIVE if live else LOGGED):
            return
        self._shown = time.monotonic()
        lines = [self._line(name) for name in self._began]
        known = ", ".join(f"{count} {what}" for what, count in self.counts.items())
        left = self._left(waiting)
        last = f"{known or 'none done'}, {len(self._began)} running, {len(waiting)} waiting"
        lines.append(last + ("" if left is None else f"; about {clock(left)} left"))
        if live:
            self._live.update(Text("\n".join(lines), overflow="ellipsis", no_wrap=True), refresh=True)
        else:
            self.say("\n".join(lines))

    def _line(self, name: str) -> str:
        began, log = self._began[name]
        return f"  {name}  {clock(time.monotonic() - began)}  {progress(tail(log))}"

    def _left(self, waiting: Collection[str]) -> float | None:
        """Return how many seconds all that is not done may take, or None as long as no stage has ended."""
        every = [seconds for taken in self._taken.values() for seconds in taken]
        if not every:
            return None

        def mean(name: str) -> float:
            taken = self._taken.get(_kind(name), every)
            return sum(taken) / len(taken)

        now = time.monotonic()
        running = sum(max(0.0, mean(name) - (now - began)) for name, (began, _) in self._began.items())
        return (running + sum(map(mean, waiting))) / self.workers


def tail(log: Path) -> str:
    """Return the end of what a stage has printed, as far as it is there."""
    try:
        with open(log, "rb") as file:
            file.seek(max(0, log.stat().st_size - TAIL_BYTES))
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def progress(text: str) -> str:
    """Return percent, epoch, loss and time left of the last progress bar in a text; empty: there is none."""
    bars: list[tuple[str, str, str]] = BAR.findall(text)
    if not bars:
        return ""
    percent, left, said = bars[-1]
    return ", ".join(filter(None, [f"{percent} %", said, f"{left} left"]))


def last_lines(text: str, count: int) -> list[str]:
    """Return the last lines of a log, of a progress bar the last state."""
    lines = [line.rpartition("\r")[2].rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    return [line for line in lines if line][-count:]


def clock(seconds: float) -> str:
    """Return a duration as people say it: 42 s, 3 min 5 s, 2 h 10 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    return f"{whole // 60} min {whole % 60} s" if whole < 3600 else f"{whole // 3600} h {whole % 3600 // 60} min"


def _kind(name: str) -> str:
    return name.partition("@")[0]
