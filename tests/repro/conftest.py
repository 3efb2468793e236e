"""A temporary clone of the working tree, made tiny, in which `dvc` is really run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import tiny

REPOSITORY = Path(__file__).parents[2]
# Single-threaded: the networks are too small for more, and threads of parallel processes fight.
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "HSD_WORKERS": "1", "HSD_DEVICE": "cpu", "DVC_NO_ANALYTICS": "1"}


@dataclass
class Clone:
    """A repository of its own: what git tracks or would track here, with tiny settings, committed."""

    root: Path
    environment: dict[str, str]

    def run(self, *command: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command, cwd=self.root, env=self.environment, text=True, capture_output=True, check=False, timeout=280
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}\n{done.stderr}")
        return done

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command, cwd=self.root, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip

    def repro(self, *arguments: str) -> list[str]:
        """Reproduce, and name the stages that ran."""
        return re.findall(r"Running stage '([^']+)'", self.run("dvc", "repro", *arguments).stdout)

    def change(self, path: str, value: Any) -> None:
        """Set a key of params.yaml (grid.<grid>.<key>) or of a file of params/ (<file>.<entry>.<key>)."""
        documents = tiny.read(self.root)
        tiny.change(documents, path, value)
        tiny.write_params(self.root, documents)

    def edit(self, path: str, old: str, new: str) -> None:
        """Edit a file's text."""
        text = (self.root / path).read_text(encoding="utf-8")
        assert old in text, (path, old)
        (self.root / path).write_text(text.replace(old, new, 1), encoding="utf-8")

    def files(self, pattern: str) -> dict[str, bytes]:
        found = sorted(path for path in self.root.glob(pattern) if path.is_file())
        return {str(path.relative_to(self.root)): path.read_bytes() for path in found}


def environment_of(root: Path) -> dict[str, str]:
    """Return what the commands of a clone find in their environment: this Python, and a DVC of their own."""
    site = str(root.parent / f"{root.name}-site")
    own = {f"DVC_{kind}": site for kind in ("SITE_CACHE_DIR", "GLOBAL_CONFIG_DIR", "SYSTEM_CONFIG_DIR")}
    return {**ENVIRONMENT, **own, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def make_clone(root: Path) -> Clone:
    root.mkdir(parents=True)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY, text=True, capture_output=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    for name in listed:
        if (REPOSITORY / name).is_file() and name != "dvc.lock":
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(REPOSITORY / name, root / name)
    tiny.write_params(root, tiny.documents())
    tiny.write_images(root)
    clone = Clone(root, {**os.environ, **environment_of(root)})
    for command in (
        ["git", "init", "--quiet"],
        ["git", "add", "--all"],
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--message", "tiny"],
    ):
        clone.run(*command)
    return clone


@pytest.fixture(scope="session")
def reproduced(tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """A clone after one `dvc repro`; do not change it, copy it."""
    clone = make_clone(tmp_path_factory.mktemp("repro") / "clone")
    clone.repro()
    return clone


@pytest.fixture
def copy(reproduced: Clone, tmp_path: Path) -> Clone:
    """A copy of the reproduced clone, to be changed."""
    shutil.copytree(reproduced.root, tmp_path / "copy", symlinks=True)
    site = str(tmp_path / "site")
    return Clone(
        tmp_path / "copy",
        {**reproduced.environment, "DVC_SITE_CACHE_DIR": site, "DVC_GLOBAL_CONFIG_DIR": site},
    )
