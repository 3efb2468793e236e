"""python -m pipeline export: from a weights file, carried anywhere, to files of both formats."""

from __future__ import annotations

import json
import re
from pathlib import Path

import nir
import onnxruntime
import pytest
import torch

from pipeline.__main__ import main
from pipeline.config.network import Network
from pipeline.nets.build import build
from pipeline.nets.weights import save_weights
from tests.export.exact import CLASSES, SIZE, SMALL, STEPS

FILE = {"frame_size": SIZE, "steps": STEPS, "slice_by": "number"}
SEEN = {"file": FILE, "first": 0, "stop": STEPS, "stride": 1, "causal": True, "clip": None}
FRAMES = {"sensor": SIZE, "extent": "sensor", "orientation": [], "resize": "nearest", "selection": SEEN}


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A weights file in the working folder."""
    monkeypatch.chdir(tmp_path)
    network = Network(model=SMALL, activation={"kind": "if"}, steps=STEPS)
    about = {
        "network": network.model_dump(mode="json"), "init": "random", "classes": list("0123456789"), "frames": FRAMES,
        "run": {"dataset": "digits", "ann": None, "recipe": "if", "seed": 0},
    }  # fmt: skip
    save_weights(build(network, CLASSES, SIZE, torch.Generator().manual_seed(0)), "if-0.safetensors", about)
    return Path("if-0.safetensors")


def test_both_files_say_what_the_weights_file_says(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(weights), "--onnx", "out/net.onnx", "--nir", "net.nir"]) == 0
    said = capsys.readouterr()
    assert (
        said.out.splitlines()
        == [
            "out/net.onnx: one step of digits none if seed 0, with 3 states",
            "net.nir: exactly digits none if seed 0",
        ]
        and not said.err
    )
    found = onnxruntime.InferenceSession("out/net.onnx").get_modelmeta().custom_metadata_map
    for metadata in (found, nir.read("net.nir").metadata):
        assert json.loads(metadata["classes"]) == list("0123456789")
        assert json.loads(metadata["frames"])["selection"]["file"]["frame_size"] == list(SIZE)
        assert json.loads(metadata["run"])["recipe"] == "if"


def test_an_approximation_names_each_difference(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(weights), "--nir", "net.nir", "--approximate"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "net.nir: digits none if seed 0 but for 3 differences" and len(lines) == 4
    assert all(line.startswith(f"  act{number}: ") for number, line in enumerate(lines[1:], 1))


def test_nothing_asked_for_and_no_model_are_refused(weights: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", str(weights)]) == 1
    assert main(["export", "nowhere", "--onnx", "net.onnx"]) == 1
    nothing, nowhere = capsys.readouterr().err.splitlines()
    assert nothing.startswith("error: nothing to write; name --onnx FILE") and "nowhere" in nowhere


def test_the_page_steps_a_file(weights: Path) -> None:
    page = (Path(__file__).parents[2] / "docs/export.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert main(["export", str(weights), "--onnx", "out.onnx"]) == 0
    names: dict = {"frames": torch.ones(STEPS, 1, 2, *SIZE).numpy()}
    exec(code, names)
    assert names["answer"] in list("0123456789")
