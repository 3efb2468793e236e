"""Imports point down only, importing does nothing, and no module is too long to be read at a sitting."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

NETWORKS = {"torch", "spikingjelly", "pipeline.nets", "pipeline.training", "pipeline.evaluation"}
LATER = {"pipeline.report", "pipeline.commands", "stages"}
DATA = {"h5py", "pipeline.events", "pipeline.camera", "pipeline.frames"}
# What a package, all its modules imported, must not have loaded.
FORBIDDEN = {
    "pipeline.config": NETWORKS | DATA | LATER,
    "pipeline.runtime": NETWORKS | DATA | LATER | {"pipeline.config", "pipeline.results"},
    "pipeline.events": NETWORKS | LATER | {"h5py", "pipeline.frames", "pipeline.camera", "pipeline.results"},
    "pipeline.camera": NETWORKS | LATER | {"h5py", "pipeline.frames", "pipeline.results"},
    "pipeline.frames": NETWORKS | LATER | {"pipeline.camera", "pipeline.results"},
    "pipeline.nets": DATA | LATER | {"pipeline.training", "pipeline.evaluation", "pipeline.results"},
    "pipeline.training": DATA | LATER | {"pipeline.evaluation", "pipeline.results"},
    "pipeline.evaluation": DATA | LATER | {"pipeline.training", "pipeline.results"},
    "pipeline.evaluation.exits": NETWORKS - {"pipeline.evaluation"} | DATA | LATER,
    "pipeline.inference": LATER | {"pipeline.camera", "pipeline.training"},
    "pipeline.export": DATA | LATER | {"pipeline.training", "pipeline.evaluation", "pipeline.results"},
    "pipeline.results": NETWORKS | DATA | {"pipeline.report", "pipeline.commands", "stages"},
    "pipeline.report": NETWORKS - {"pipeline.evaluation"} | {"pipeline.commands", "stages"},
    "pipeline.commands": NETWORKS | {"stages"},
    "pipeline.jobs": NETWORKS | DATA | {"pipeline.report", "pipeline.commands", "pipeline.results", "stages"},
}
# SpikingJelly itself brings h5py.
BROUGHT = {
    package: {"h5py"} for package in ("pipeline.nets", "pipeline.training", "pipeline.evaluation", "pipeline.export")
}


def modules(*folders: str) -> list[Path]:
    return [path for folder in folders for path in sorted(Path(folder).rglob("*.py"))]


def loaded_by(package: str) -> set[str]:
    """Return all modules that are loaded after those of a package, in a process of their own."""
    paths = modules(package.replace(".", "/"))
    names = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]
    script = f"import sys, importlib; [importlib.import_module(m) for m in {names!r}]; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert not done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("package", FORBIDDEN)
def test_imports_point_down(package: str) -> None:
    assert not loaded_by(package) & (FORBIDDEN[package] - BROUGHT.get(package, set()))


def test_every_package_has_its_place() -> None:
    packages = {".".join(path.parent.parts) for path in modules("pipeline") if path.name == "__init__.py"}
    placed = {name for name in packages if any(f"{name}.".startswith(f"{above}.") for above in FORBIDDEN)}
    assert packages - placed == {"pipeline"}


def test_no_module_is_longer_than_one_sitting() -> None:
    long = {
        path.as_posix(): len(path.read_text(encoding="utf-8").splitlines()) for path in modules("pipeline", "stages")
    }
    assert not {path: lines for path, lines in long.items() if lines > 250}
