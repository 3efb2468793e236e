from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from benchmarks import core, data
from benchmarks.core import Context
from pipeline.config.catalogues import load


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """A run at small size."""
    return Context(load(), tmp_path, quick=True)


class Here(nullcontext[None]):
    """A candidate in the test's own process, which need not start one for each."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.calls = make()

    def __enter__(self) -> "Here":  # type: ignore[override]
        return self

    def call(self, name: str, clocked: bool = False) -> Any:
        return core.seconds(self.calls[name]) if clocked else self.calls[name]()


@pytest.fixture(autouse=True)
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither start processes nor wait for an idle machine."""
    monkeypatch.setattr(core, "Candidate", Here)
    monkeypatch.setattr(data, "WORKERS", 0)
    monkeypatch.setattr(core, "others", lambda: 0.0)
