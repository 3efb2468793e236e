"""A damaged dvc.lock is put back as it was when the last stage began."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.runtime import lock

WHOLE = (
    b"schema: '2.0'\nstages:\n  plan:\n    cmd: python -m stages.plan\n    deps:\n    - path: params\n      md5: 0a\n"
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    (tmp_path / "dvc.lock").write_bytes(WHOLE)
    return tmp_path


@pytest.mark.parametrize("damage", [b"", b"sche", b"schema: '2.0'\nstages:\n  plan:\n    cmd: [", b"\x00" * 40])
def test_what_was_kept_comes_back(folder: Path, damage: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    lock.keep()
    (folder / "dvc.lock").write_bytes(damage)
    # A stage that starts with a damaged lock does not overwrite the copy.
    lock.keep()
    assert main(["doctor"]) == 0
    assert "the last readable one is back" in capsys.readouterr().out
    assert (folder / "dvc.lock").read_bytes() == WHOLE


def test_without_a_copy_it_is_removed_and_a_good_one_is_left_alone(folder: Path) -> None:
    assert lock.mend() == "dvc.lock: readable" and (folder / "dvc.lock").read_bytes() == WHOLE
    (folder / "dvc.lock").write_bytes(b"")
    assert "no copy is left; removed" in lock.mend()
    assert not (folder / "dvc.lock").exists() and "not there" in lock.mend()


@pytest.mark.parametrize("damage", [b"", b'{"a": ', b"\xff\x00"])
def test_a_damaged_list_of_readers_and_writers_is_removed(folder: Path, damage: bytes) -> None:
    rwlock = folder / lock.RWLOCK
    rwlock.parent.mkdir(parents=True)
    rwlock.write_bytes(damage)
    assert "rwlock: was empty or cut" in lock.mend() and not rwlock.exists()
    rwlock.write_bytes(b"{}")
    assert lock.mend() == "dvc.lock: readable" and rwlock.exists()
