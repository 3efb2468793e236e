"""What `-S` sets twice leaves files that can be read: DVC writes a list anew, and a comment behind it may be lost."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from dvc.utils.hydra import apply_overrides

from tests import tiny

ADVICE = "put the comments of these lists above them: behind them, DVC's second edit breaks the file"


def lists(document: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[str]:
    for key, value in document.items():
        if isinstance(value, dict):
            yield from lists(value, (*path, str(key)))
        elif isinstance(value, list):
            yield ".".join((*path, str(key)))


def broken(text: str, path: Path) -> list[str]:
    """Return the lists of a file that are lost when each is set by two `-S`, after another edit of the file.

    DVC reads and writes the whole file each time, so each entry is tried by itself, with the comments below it.
    """
    wrong = []
    for part in re.split(r"(?m)^(?=\w)", text)[1:]:
        keys = list(lists(yaml.safe_load(part)))
        for key in keys:
            path.write_text(part, encoding="utf-8")
            try:
                for setting in (f"{keys[0]}=[1, 2]", f"{key}=[]", f"{key}=[3]"):
                    apply_overrides(path, [setting])
                    wanted = yaml.safe_load(path.read_text(encoding="utf-8"))
            except Exception:
                wrong.append(key)
                continue
            for name in key.split("."):
                wanted = wanted[name]
            assert wanted == [3]
    return wrong


@pytest.mark.parametrize("name", tiny.files())
def test_a_list_that_is_set_and_set_again_stays_yaml(tmp_path: Path, name: str) -> None:
    assert broken(tiny.files()[name].read_text(encoding="utf-8"), tmp_path / "file.yaml") == [], ADVICE


def test_a_comment_behind_a_list_is_found(tmp_path: Path) -> None:
    text = "# Of both.\none:\n  seeds: [0]\ntwo:\n  # above\n  anns: [l8, l4]  # behind\n  seeds: [0]\n"
    assert broken(text, tmp_path / "file.yaml") == ["two.anns"]
