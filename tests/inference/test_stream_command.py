"""`python -m pipeline stream` on a recording that is played, a pipe and a socket, each as `classify` has it."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.__main__ import main
from pipeline.events import atis
from tests import npz
from tests.inference.small import framing, recording, write_weights
from tests.tiny import ROOT

COUNT = 2003


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a weights file and a recording in two formats, far from the project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HSD_DEVICE", "cpu")
    monkeypatch.setenv("HSD_PRECISION", "fp32")
    write_weights(Path("w.safetensors"), framing(4, first=1))
    atis.write(Path("a.bin"), recording())
    npz.write(Path("a.npz"), recording())
    return tmp_path


def whole(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Return the steps of the recording as `classify` says them."""
    assert main(["classify", "w.safetensors", "a.bin", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["recordings"]
    return row["steps"]


def same(text: str, steps: list[dict[str, Any]]) -> None:
    said = [json.loads(line) for line in text.splitlines()]
    assert [step["class"] for step in said] == [step["class"] for step in steps]
    assert [step["final"] for step in said] == [False] * (len(steps) - 1) + [True]
    assert [step["ms"] for step in said] == pytest.approx([step["ms"] for step in steps])
    assert [step["confidence"] for step in said] == pytest.approx([step["confidence"] for step in steps], abs=1e-3)


def test_a_recording_is_played(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = whole(capsys)
    for words in (["a.bin"], ["a.npz"], ["a.bin", "--speed", "20", "--packet-ms", "3"], ["a.bin", "--events", "2003"]):
        assert main(["stream", "w.safetensors", *words, "--json"]) == 0
        same(capsys.readouterr().out, steps)
    assert main(["stream", "w.safetensors", "a.bin", "--exit", "confidence", "--threshold", "0"]) == 0
    line = f"    1  t=1   {steps[0]['ms']:8.1f} ms  {steps[0]['confidence']:.2f}  {steps[0]['class']}  answer\n"
    assert capsys.readouterr().out == line
    assert main(["stream", "w.safetensors", "a.bin", "--at-once", "--events-per-frame", "300"]) == 0
    # Six frames of 300 events and one of 203, answered as it is.
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [f"{line[0]} {line[1]}" for line in lines] == [
        "1 t=1", "1 t=2", "1 t=3", "2 t=1", "2 t=2", "2 t=3", "3 t=1", "3 t=1",
    ]  # fmt: skip


def started(*words: str, **pipes: Any) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "HSD_THREADS": "1"}
    command = [sys.executable, "-m", "pipeline", "stream", "w.safetensors", *words, "--json"]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, **pipes)


def test_a_pipe_is_answered(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps = whole(capsys)
    with open("a.bin", "rb") as file:
        running = started("-", "--events", str(COUNT), stdin=file)
        out, _ = running.communicate(timeout=120)
    assert running.returncode == 0
    same(out, steps)


def test_a_socket_is_answered_while_events_come(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steps, data = whole(capsys), Path("a.bin").read_bytes()
    running = started("tcp:0", "--events", str(COUNT), stderr=subprocess.PIPE)
    try:
        assert running.stderr is not None and running.stdout is not None
        port = int(running.stderr.readline().removeprefix("tcp:").partition(":")[0])
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            # Two of the four frames, of which the network sees the second: it answers before more has come.
            connection.sendall(data[: 5 * 1003 + 2])
            first = running.stdout.readline()
            connection.sendall(data[5 * 1003 + 2 :])
        rest, _ = running.communicate(timeout=120)
    finally:
        running.kill()
    assert running.returncode == 0 and json.loads(first)["step"] == 1
    same(first + rest, steps)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-"], "how many events a frame has, or a recording"),
        (["nothing.bin"], "nothing.bin: cannot be read"),
        (["tcp:99999", "--events", "9"], "tcp:99999: cannot be listened to"),
        (["a.bin", "--events", "0"], "a frame ends before it has an event"),
        (["a.bin", "--sensor", "3", "3"], "off the sensor of 3 x 3"),
    ],
)
def test_what_cannot_be_answered_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(["stream", "w.safetensors", *words]) == 1
    printed = capsys.readouterr()
    assert said in printed.err and printed.out == ""


def test_wrong_numbers_are_refused(folder: Path) -> None:
    for words in (["--packet-ms", "0"], ["--speed", "-1"], ["--threshold", "2"], ["--events", "3", "--frame-ms", "1"]):
        with pytest.raises(SystemExit):
            main(["stream", "w.safetensors", "a.bin", *words])
