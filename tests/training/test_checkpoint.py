"""A checkpoint is found by what decides the training, and a file damaged in one bit is not resumed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.training.checkpoint import Checkpoint

STATE = {"epoch": 3, "net": {"weight": torch.arange(7.0)}, "rows": [[1, 0.1, None]], "best": None}


def opened(root: Path) -> Checkpoint:
    return Checkpoint({"lr": 1}, {"frames": "aa"}, "code", root)


def equal(one: dict, two: dict) -> bool:
    weights = (state["net"]["weight"] for state in (one, two))
    return torch.equal(*weights) and all(one[name] == two[name] for name in ("epoch", "rows", "best"))


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    checkpoint = opened(tmp_path)
    assert checkpoint.load() is None
    checkpoint.save(STATE)
    assert equal(opened(tmp_path).load(), STATE)
    checkpoint.save({**STATE, "epoch": 4})
    assert checkpoint.load()["epoch"] == 4 and len(list(checkpoint.path.parent.iterdir())) == 1
    checkpoint.delete()
    checkpoint.delete()
    assert checkpoint.load() is None


def test_another_setting_input_or_code_is_another_checkpoint(tmp_path: Path) -> None:
    assert opened(tmp_path).path == opened(tmp_path).path
    others = [
        Checkpoint({"lr": 2}, {"frames": "aa"}, "code", tmp_path),
        Checkpoint({"lr": 1}, {"frames": "ab"}, "code", tmp_path),
        Checkpoint({"lr": 1}, {"images": "aa"}, "code", tmp_path),
        Checkpoint({"lr": 1}, {"frames": "aa"}, "edited", tmp_path),
    ]
    assert len({opened(tmp_path).path, *(other.path for other in others)}) == 5


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_bit_anywhere_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str], data: st.DataObject) -> None:
    checkpoint = opened(tmp_path)
    checkpoint.save(STATE)
    content = bytearray(checkpoint.path.read_bytes())
    bit = data.draw(st.integers(0, 8 * len(content) - 1))
    content[bit // 8] ^= 1 << bit % 8
    checkpoint.path.write_bytes(content)
    assert checkpoint.load() is None and not checkpoint.path.exists()
    assert f"{checkpoint.path}: unreadable, the training starts over" in capsys.readouterr().err


def test_a_file_of_another_length_is_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = opened(tmp_path)
    checkpoint.save(STATE)
    content = checkpoint.path.read_bytes()
    for damaged in (b"", b"no checkpoint", b"\x80\x02.", content[:-1], content[:71], content + b"\0", content[72:]):
        checkpoint.path.write_bytes(damaged)
        assert checkpoint.load() is None
        assert "starts over" in capsys.readouterr().err


def test_it_is_on_the_disk_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done, sync, replace = [], os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda file: done.append("fsync") or sync(file))
    monkeypatch.setattr(os, "replace", lambda *paths: done.append("replace") or replace(*paths))
    opened(tmp_path).save(STATE)
    assert done == ["fsync", "replace"]


def test_a_full_disk_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = opened(tmp_path)
    checkpoint.save(STATE)

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save({**STATE, "epoch": 9})
    assert equal(checkpoint.load(), STATE) and len(list(checkpoint.path.parent.iterdir())) == 1
