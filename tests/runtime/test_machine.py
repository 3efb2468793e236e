"""The machine and the end of a stage: chosen by the environment, ended with its dvc."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from pipeline.errors import ConfigError
from pipeline.runtime.guard import Interrupt
from pipeline.runtime.hardware import hardware, workers


def test_machine_is_chosen_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HSD_DEVICE", "cpu")
    for precision in ("fp32", "bf16"):
        monkeypatch.setenv("HSD_PRECISION", precision)
        assert hardware().precision == precision
    monkeypatch.setenv("HSD_PRECISION", "int8")
    assert hardware(trains=False).precision == "int8"
    with pytest.raises(ConfigError, match="int8 is for a network that is used on a CPU"):
        hardware()
    monkeypatch.setenv("HSD_PRECISION", "fp8")
    with pytest.raises(ConfigError, match="HSD_PRECISION"):
        hardware()
    monkeypatch.setenv("HSD_DEVICE", "abacus")
    with pytest.raises(ConfigError, match="HSD_DEVICE"):
        hardware()


def test_threads_are_chosen_by_the_environment_and_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HSD_DEVICE", "cpu")
    before = torch.get_num_threads()
    try:
        for number in (3, 1):
            monkeypatch.setenv("HSD_THREADS", str(number))
            assert hardware().describe()["threads"] == torch.get_num_threads() == number
        monkeypatch.setenv("HSD_THREADS", "many")
        with pytest.raises(ConfigError, match="HSD_THREADS: expected a whole number of at least 1, found 'many'"):
            hardware()
    finally:
        torch.set_num_threads(before)


def test_stage_ends_soon_after_its_dvc(tmp_path: Path) -> None:
    child = tmp_path / "child.py"
    child.write_text(
        "import time; from pipeline.runtime import guard; guard.die_with_dvc(); print('up', flush=True); time.sleep(60)"
    )
    # A process named dvc that runs the child through a shell, as DVC does.
    dvc = tmp_path / "dvc"
    dvc.write_text(f"import subprocess; subprocess.run('{sys.executable} {child}; true', shell=True)")
    parent = subprocess.Popen(
        [sys.executable, str(dvc)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    assert parent.stdout.readline() == b"up\n"
    parent.kill()
    began = time.monotonic()
    # The pipe closes when the last process that holds it, the child, is gone.
    parent.stdout.read()
    assert time.monotonic() - began < 20


def test_workers_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HSD_WORKERS", "3")
    assert workers() == 3
    monkeypatch.delenv("HSD_WORKERS")
    assert workers() >= 1
    for wrong in ("0", "two", "-1"):
        monkeypatch.setenv("HSD_WORKERS", wrong)
        with pytest.raises(ConfigError, match="HSD_WORKERS.*at least 1"):
            workers()


def test_a_second_interrupt_ends_at_once() -> None:
    import signal

    with Interrupt() as interrupt:
        os.kill(os.getpid(), signal.SIGINT)
        assert interrupt.requested
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
