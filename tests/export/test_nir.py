"""NIR: a file read back, by the definitions and by two other libraries, gives our logits; what NIR lacks is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nir
import pytest
import torch
from snntorch.import_nir import import_from_nir as snntorch_reads
from spikingjelly.activation_based.nir_exchange import import_from_nir as spikingjelly_reads

from pipeline.errors import PipelineError
from pipeline.export.nir import export_nir
from pipeline.nets.forward import forward
from tests.export.exact import CONVERTED, QCFS, RESNET, SEW, SIZE, SPIKFORMER, SPIKING, frames, network
from tests.export.reader import read, stepped

VOTING = {"kind": "chain", "layers": [6, "p", 6], "voters": 2, "global_pool": True, "dropout": 0.5}
# Those that other libraries read too: a hard reset to 0, v(0) = 0.
READ = [
    {"kind": "lif"}, {"kind": "lif", "surrogate": {"kind": "rect"}, "threshold": 0.5, "output": "spike"},
    {"kind": "lif", "input_scale": "1-decay", "threshold": 2.0}, {"kind": "plif", "decay": 0.75},
]  # fmt: skip
EXACT = [
    *READ, CONVERTED, {"kind": "if"}, {"kind": "if", "start": 0.0, "threshold": 2.0}, {"kind": "if", "reset": "hard"},
    {"kind": "lif", "reset": "soft", "start": 0.25, "threshold": 0.5}, {"kind": "lif", "reset": "clamp"},
    {"kind": "lif", "decay": 0.25, "start": 0.5, "threshold": 0.5}, {**SPIKING, "train_threshold": True},
]  # fmt: skip
REFUSED = {
    "act1.*QCFS.*converted": QCFS,
    "act1.*a second potential": {"kind": "clif"},
    "act1.*mixes two resets": {"kind": "glif"},
    "act1.*graded": {"kind": "group"},
    "act1.*a number and no spike": {"kind": "lif", "output": "analog"},
}


@pytest.mark.parametrize("activation", EXACT, ids=str)
def test_every_neuron_that_nir_has(tmp_path: Path, activation: dict[str, Any]) -> None:
    net, path = network(activation), tmp_path / "net.nir"
    assert export_nir(net, SIZE, {}, path) == []
    with torch.no_grad():
        torch.testing.assert_close(stepped(read(path), frames()), forward(net, frames()))


@pytest.mark.parametrize("activation", [{"kind": "if", "threshold": 0.5}, {"kind": "lif", "threshold": 0.5}], ids=str)
@pytest.mark.parametrize("model", [RESNET, SEW, VOTING, {**RESNET, "head": "spiking"}], ids=str)
def test_every_model_that_nir_has(tmp_path: Path, model: dict[str, Any], activation: dict[str, Any]) -> None:
    net, path = network(activation, model), tmp_path / "net.nir"
    export_nir(net, SIZE, {}, path)
    with torch.no_grad():
        torch.testing.assert_close(stepped(read(path), frames()), forward(net, frames()))


@pytest.mark.parametrize("activation", READ, ids=str)
def test_other_libraries_give_the_same(tmp_path: Path, activation: dict[str, Any]) -> None:
    net, path = network(activation), tmp_path / "net.nir"
    export_nir(net, SIZE, {}, path)
    with torch.no_grad():
        ours = forward(net, frames())
    torch.testing.assert_close(stepped(spikingjelly_reads(path), frames()), ours)
    # snnTorch flattens the batch away.
    torch.testing.assert_close(stepped(snntorch_reads(nir.read(path)), frames()[:, :1]), ours[:, :1])


@pytest.mark.parametrize("reason", REFUSED)
def test_what_nir_lacks_is_refused_by_name(tmp_path: Path, reason: str) -> None:
    with pytest.raises(PipelineError, match=reason):
        export_nir(network(REFUSED[reason]), SIZE, {}, tmp_path / "net.nir")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("model", "attention", "reason"),
    [
        (SPIKFORMER, None, "pool2 .MaxPool2d.: NIR has no maximum"),
        ({**RESNET, "block": "preact"}, None, "block1.body.bn1 .BatchNorm2d.: .*no layer before it"),
        ({"kind": "chain", "layers": [6], "attention": ["act1"]}, {"kind": "tcja"}, "TCJA needs all 4 frames"),
    ],
)
def test_layers_that_nir_lacks_are_refused_by_name(
    tmp_path: Path, model: dict[str, Any], attention: dict[str, Any] | None, reason: str
) -> None:
    with pytest.raises(PipelineError, match=reason):
        export_nir(network(SPIKING, model, attention), SIZE, {}, tmp_path / "net.nir")


def test_an_approximation_is_plain_and_says_what_differs(tmp_path: Path) -> None:
    net, path = network({"kind": "if"}), tmp_path / "net.nir"
    said = export_nir(net, SIZE, {"classes": ["bar"]}, path, approximate=True)
    assert len(said) == 3 and said[0].startswith("act1: a spike sets v to 0")
    graph = nir.read(path)
    metadata = {key: json.loads(value) for key, value in graph.metadata.items()}
    assert metadata == {"classes": ["bar"], "differences": said, "dt": 1e-4}
    assert {type(node) for node in graph.nodes.values()} & {nir.I, nir.Threshold, nir.IF} == {nir.IF}
    with torch.no_grad():
        assert (stepped(read(path), frames()) - forward(net, frames())).abs().max() > 0.1
