"""What a person reads of a run: its last progress bar, the end of its log, a duration."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from rich.console import Console

from pipeline.jobs import show
from pipeline.runtime.progress import progress


def test_progress_is_that_of_the_last_bar_as_our_bars_are_written(capsys: pytest.CaptureFixture[str]) -> None:
    bar = progress((), 40, "mnist-dvs-sim l8 hsd seed 0", "steps")
    bar.set_postfix(epoch=3, loss="0.512", refresh=False)
    bar.update(20)
    bar.refresh()
    printed = capsys.readouterr().err
    assert show.progress(printed).startswith("50 %, epoch=3, loss=0.512, ") and show.progress(printed).endswith(" left")
    assert show.progress("no bar yet\n") == ""
    assert show.progress("hsd:   0%|      | 0/4 [00:00<?, ? steps/s]") == "0 %, ? left"


def test_last_lines_show_the_last_state_of_a_bar() -> None:
    text = "first\n\nhsd:  1%|  \rhsd: 50%|# \rhsd: 99%|##\nerror: no\n\n"
    assert show.last_lines(text, 2) == ["hsd: 99%|##", "error: no"]
    assert show.last_lines("", 2) == []


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.4, "0 s"), (59.6, "1 min 0 s"), (185, "3 min 5 s"), (7800, "2 h 10 min")]
)
def test_durations(seconds: float, said: str) -> None:
    assert show.clock(seconds) == said


def test_board_in_a_log_says_what_runs_and_how_long_the_rest_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, printed, now = tmp_path / "log", io.StringIO(), [100.0]
    log.write_text("hsd:  25%|#  | 1/4 [00:10<00:30, 3.0 steps/s, epoch=1, loss=0.7]")
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    board = show.Board(2)
    board._console = Console(file=printed, width=200)
    board.start("train@a", log)
    now[0] += 40
    board.stop("train@a")
    board.end("train@a", show.DONE)
    board.end("plan", show.UNCHANGED)
    board.start("train@b", log)
    now[0] += 30
    board.look({"train@c", "tune@a"})
    assert printed.getvalue().splitlines() == [
        "train@a: starts",
        "train@a: done, 40 s",
        "train@b: starts",
        "  train@b  30 s  25 %, epoch=1, loss=0.7, 00:30 left",
        # 10 s of b, 40 s of c, and 40 s, the mean of all, of the tuning; two at a time.
        "1 done, 1 unchanged, 1 running, 2 waiting; about 45 s left",
    ]
    board.look({"train@c", "tune@a"})
    assert len(printed.getvalue().splitlines()) == 5
