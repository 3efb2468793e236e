"""What a weights file says of its network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from pipeline.errors import WeightsError
from pipeline.nets.weights import load_weights, read_about, save_weights

ROOT = Path(__file__).parents[2]
ABOUT: dict[str, Any] = {"run": {"recipe": "hsd", "seed": 0}, "classes": ["a", "é"], "split": "0f", "levels": None}


def zeros(path: Path) -> bytes:
    """Write a network without any chance in it, and return its file."""
    net = nn.Linear(2, 2)
    for part in net.parameters():
        nn.init.zeros_(part)
    save_weights(net, path, ABOUT)
    return path.read_bytes()


def test_it_comes_back_and_the_weights_too(tmp_path: Path) -> None:
    net, path = nn.Linear(3, 2), tmp_path / "w.safetensors"
    save_weights(net, path, ABOUT)
    assert read_about(path) == ABOUT
    again = load_weights(nn.Linear(3, 2), path)
    assert all((again.state_dict()[name] == value).all() for name, value in net.state_dict().items())


def test_equal_networks_are_equal_bytes_in_every_process(tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.safetensors" for number in range(3)]
    script = "import sys; from pathlib import Path; from tests.nets.test_weights import zeros; zeros(Path(sys.argv[1]))"
    # Another order of Python's sets and dicts of strings, if any has one.
    environment = {**os.environ, "PYTHONHASHSEED": "1"}
    subprocess.run([sys.executable, "-c", script, str(paths[0])], check=True, env=environment, cwd=ROOT)
    assert {zeros(paths[1]), zeros(paths[2])} == {paths[0].read_bytes()}


def test_a_file_that_says_nothing_or_is_damaged_is_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match=r"w\.safetensors: not found"):
        read_about(path)
    save_weights(nn.Linear(3, 2), path)
    with pytest.raises(WeightsError, match=r"w\.safetensors: damaged, or written by another program"):
        read_about(path)
    save_weights(nn.Linear(3, 2), path, ABOUT)
    data = path.read_bytes()
    for cut in (b"", data[:5], data[:60], b"\xff" * 64):
        path.write_bytes(cut)
        with pytest.raises(WeightsError, match=r"w\.safetensors"):
            read_about(path)
