"""ONNX: a file stepped by onnxruntime gives our logits, for every kind of neuron and network that has single steps."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor

from pipeline.errors import PipelineError
from pipeline.export.onnx import export_onnx
from pipeline.nets.forward import forward
from pipeline.nets.layers._spiking import FusedNeuron
from pipeline.pieces import kinds
from tests.export.exact import CONVERTED, QCFS, RESNET, SEW, SIZE, SPIKFORMER, SPIKING, frames, network

NEURONS = [
    QCFS, CONVERTED, {"kind": "if"}, {"kind": "if", "surrogate": {"kind": "arctan"}}, {"kind": "lif"},
    {"kind": "lif", "reset": "soft", "start": 0.25, "threshold": 0.5}, {"kind": "lif", "reset": "clamp"},
    {"kind": "lif", "output": "analog", "act": "selu"}, {"kind": "lif", "surrogate": {"kind": "rect"}},
    {**SPIKING, "train_threshold": True, "start": 0.5}, {"kind": "plif"}, {"kind": "glif"}, {"kind": "clif"},
    {"kind": "group"}, {"kind": "group", "members": "mean-field"},
]  # fmt: skip
NETWORKS = [(RESNET, QCFS), (RESNET, {"kind": "if"}), (SEW, {"kind": "lif"}), (SPIKFORMER, SPIKING)]


def stepped(path: Path, shown: Tensor, keep: bool = True) -> Tensor:
    """Return the logits of a file's network, stepped frame by frame; without `keep` each step begins anew."""
    session = onnxruntime.InferenceSession(path)
    starts = json.loads(session.get_modelmeta().custom_metadata_map["states"])
    first = {
        state.name: np.full(
            [shown.shape[1] if isinstance(side, str) else side for side in state.shape], starts[state.name],
            np.int64 if state.type == "tensor(int64)" else np.float32,
        ) for state in session.get_inputs()[1:]
    }  # fmt: skip
    states, said = first, []
    for frame in shown.numpy():
        logits, *after = session.run(None, {"frame": frame, **states})
        states = dict(zip(states, after, strict=True)) if keep else first
        said.append(torch.from_numpy(logits))
    return torch.stack(said)


@torch.no_grad()
def check(path: Path, net: Any) -> None:
    shown = frames()
    export_onnx(net, SIZE, {}, path)
    ours = forward(net, shown)
    torch.testing.assert_close(stepped(path, shown), ours, rtol=1e-4, atol=1e-5)
    # One recording by itself, as frames come in from a camera.
    torch.testing.assert_close(stepped(path, shown[:, :1]), ours[:, :1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", NEURONS, ids=str)
def test_every_neuron(tmp_path: Path, activation: dict[str, Any]) -> None:
    check(tmp_path / "net.onnx", network(activation))


@pytest.mark.slow
@pytest.mark.parametrize(("model", "activation"), NETWORKS, ids=lambda options: options["kind"])
def test_every_model(tmp_path: Path, model: dict[str, Any], activation: dict[str, Any]) -> None:
    check(tmp_path / "net.onnx", network(activation, model))


def test_no_neuron_and_no_model_is_left_out() -> None:
    neither = {"dropout", "hold", "ma", "rm", "shrink", "ta", "tcja", "vote"}
    assert {options["kind"] for options in NEURONS} - {"converted"} == set(kinds("nets.layers")) - neither
    assert {"chain", *(model["kind"] for model, _ in NETWORKS)} == set(kinds("nets.models"))


def test_a_neuron_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That of docs/adding.md, whose second memory is a number until its first step."""
    page = Path("docs/adding.md").read_text(encoding="utf-8")
    found = page.partition("New file `pipeline/nets/layers/alif.py`:\n\n```python\n")[2].partition("```")[0]
    (tmp_path / "alif.py").write_text(found, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    alif = import_module("alif")
    net = network({"kind": "if"})
    for name, module in list(net.named_modules()):
        if isinstance(module, FusedNeuron):
            parent, _, key = name.rpartition(".")
            setattr(net.get_submodule(parent), key, alif.build(alif.Options(rise=0.3)))
    check(tmp_path / "net.onnx", net.eval())


@torch.no_grad()
def test_states_are_what_the_steps_hand_on(tmp_path: Path) -> None:
    net, shown = network({"kind": "if"}), frames()
    assert export_onnx(net, SIZE, {}, tmp_path / "net.onnx") == ["act1.v", "act2.v", "act3.v"]
    alone, ours = stepped(tmp_path / "net.onnx", shown, keep=False), forward(net, shown)
    torch.testing.assert_close(alone[0], ours[0])
    assert (alone - ours).abs().max() > 0.1


def test_metadata_say_what_it_is_and_nothing_of_the_machine(tmp_path: Path) -> None:
    net, path = network({"kind": "if"}), tmp_path / "net.onnx"
    before = {name: value.clone() for name, value in net.state_dict().items()}
    export_onnx(net, SIZE, {"classes": ["bar", "dot"]}, path)
    said = onnxruntime.InferenceSession(path).get_modelmeta().custom_metadata_map
    found = {key: json.loads(value) for key, value in said.items()}
    assert found == {"classes": ["bar", "dot"], "states": {"act1.v": 0.5, "act2.v": 0.5, "act3.v": 0.5}}
    assert b".py" not in path.read_bytes() and str(Path.cwd()).encode() not in path.read_bytes()
    # The network is as it was, in many steps.
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    forward(net, frames())


def test_attention_over_time_is_refused_with_the_reason(tmp_path: Path) -> None:
    model = {"kind": "chain", "layers": [6, "p", 6], "attention": ["act2"]}
    with pytest.raises(PipelineError, match="TCJA needs all 4 frames before it answers"):
        export_onnx(network({"kind": "if"}, model, {"kind": "tcja"}), SIZE, {}, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())
