"""`pip wheel .` makes a wheel with the library, the stages and the files that they read."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest


@pytest.mark.slow
def test_the_wheel_has_every_file_of_the_library(tmp_path: Path) -> None:
    packages = ("pipeline", "stages")
    for name in ("pyproject.toml", "README.md", "LICENSE", *packages):
        copy = shutil.copytree if Path(name).is_dir() else shutil.copy
        copy(name, tmp_path / name)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-index", "--no-deps", "--no-build-isolation", ".", "-w", "made"],
        cwd=tmp_path, check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = (tmp_path / "made").glob("*.whl")
    wanted = {
        path.as_posix() for name in packages for path in Path(name).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }  # fmt: skip
    with zipfile.ZipFile(wheel) as archive:
        assert {name for name in archive.namelist() if name.startswith(packages)} == wanted
