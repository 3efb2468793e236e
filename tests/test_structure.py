"""Imports point down only, and importing does nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MODELS = {"torch", "spikingjelly", "pipeline.nets", "pipeline.training", "pipeline.evaluation"}
FORBIDDEN = {
    "pipeline.config": MODELS | {"h5py", "pipeline.events", "pipeline.frames", "pipeline.report"},
    "pipeline.events": MODELS | {"h5py", "pipeline.frames", "pipeline.report"},
    "pipeline.frames": MODELS | {"pipeline.report"},
    "pipeline.nets": {"h5py", "pipeline.frames", "pipeline.training", "pipeline.evaluation", "pipeline.report"},
    "pipeline.training": {"pipeline.events", "pipeline.evaluation", "pipeline.report"},
    "pipeline.evaluation": {"pipeline.training", "pipeline.report"},
    "pipeline.report": MODELS,
}
# SpikingJelly itself brings h5py.
BROUGHT = {"pipeline.nets": {"h5py"}, "pipeline.training": set(), "pipeline.evaluation": set()}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_down(package: str) -> None:
    folder = Path(*package.split("."))
    modules = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in sorted(folder.rglob("*.py"))]
    script = f"import sys, importlib; [importlib.import_module(m) for m in {modules!r}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & (FORBIDDEN[package] - BROUGHT.get(package, set()))
    assert not done.stderr


def test_no_module_is_longer_than_one_sitting() -> None:
    for path in sorted([*Path("pipeline").rglob("*.py"), *Path("stages").rglob("*.py")]):
        assert len(path.read_text().splitlines()) <= 250, path
