"""What `-S` sets twice leaves files that can be read: DVC writes a list anew, and a comment behind it may be lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from tests import tiny


def lists(document: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from lists(value, (*path, str(key)))
        elif isinstance(value, list):
            yield ".".join((*path, str(key)))


# The long ones take half a minute.
LONG = ("networks", "recipes")


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name in LONG else []) for name in tiny.files()]
)
def test_a_list_that_is_set_and_set_again_stays_yaml(tmp_path: Path, name: str) -> None:
    text = tiny.files()[name].read_text(encoding="utf-8")
    keys, path = list(lists(yaml.safe_load(text))), tmp_path / "file.yaml"
    wrong = []
    for key in keys:
        path.write_text(text, encoding="utf-8")
        try:
            for setting in (f"{keys[0]}=[1, 2]", f"{key}=[]", f"{key}=[3]"):
                apply_overrides(path, [setting])
                wanted = yaml.safe_load(path.read_text(encoding="utf-8"))
        except Exception:
            wrong.append(key)
            continue
        for part in key.split("."):
            wanted = wanted[part]
        assert wanted == [3]
    assert wrong == [], "put the comments of these lists above them: behind them, DVC's second edit breaks the file"
