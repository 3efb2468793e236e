"""A colleague gets everything without computing: `dvc push` to a folder, a fresh clone, `dvc pull`."""

from __future__ import annotations

from pathlib import Path

from tests.jobs.conftest import made
from tests.repro.conftest import Clone


def test_a_fresh_clone_pulls_and_has_nothing_to_run(toy: Clone, wanted: Clone, tmp_path: Path) -> None:
    toy.repro()
    toy.run("dvc", "remote", "add", "--default", "shared", str(tmp_path / "remote"))
    toy.run("dvc", "push", "--run-cache")
    toy.run("git", "add", ".")
    toy.run("git", "-c", "user.name=t", "-c", "user.email=t@example.org", "commit", "--quiet", "--message", "all")
    toy.run("git", "clone", "--quiet", ".", str(tmp_path / "clone"))
    clone = Clone(tmp_path / "clone", toy.environment)
    clone.run("dvc", "pull")
    assert clone.repro() == []
    assert made(clone) == made(wanted) and not (clone.root / "log").exists()
    # With the run cache, what a colleague's other grid or seed has in common is not computed either.
    (clone.root / "dvc.lock").unlink()
    clone.run("dvc", "pull", "--run-cache", check=False)
    assert clone.repro() == ["results"]
