from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import data, gpu, loading, machine, memory, nets
from benchmarks.context import QUICK, Context
from benchmarks.ours import Shape
from pipeline.config import load


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A run of seconds: a network of a few channels on frames of 16 px."""
    sizes = replace(
        QUICK,
        events=2_000,
        recordings=24,
        loading_batch=8,
        stored=4,
        batch=3,
        shape=Shape(classes=4, size=(16, 16), width=1 / 16),
        inference_steps=(1, 2),
        memory_steps=(2,),
        phase=3,
        matrix=32,
    )
    return Context(load(), tmp_path, sizes=sizes)


class Here:
    """A candidate in the test's own process, which need not start one for each."""

    def __init__(self, make: Any, *arguments: Any) -> None:
        self.calls = make(*arguments)

    def call(self, name: str) -> Any:
        return self.calls[name]()

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None: ...


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither start processes nor wait for an idle machine."""
    for row in (data, gpu, loading, memory, nets):
        monkeypatch.setattr(row, "Isolated", Here)
    monkeypatch.setattr(loading, "WORKERS", 0)
    monkeypatch.setattr(machine, "load", lambda: 0.0)
