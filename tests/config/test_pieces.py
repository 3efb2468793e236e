"""A piece whose file is not what its group asks for is refused before anything runs, with what is missing."""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from pipeline.config.catalogues import parse
from pipeline.config.check import check
from pipeline.config.probe import problem_of_loss
from pipeline.errors import ConfigError
from pipeline.nets import layers, models
from pipeline.training import losses
from tests import tiny

HEAD = """
from typing import Literal
from pipeline.training.losses import Loss, LossOptions

class Options(LossOptions):
    kind: Literal["half"] = "half"
"""
BARE = """
class Half(Loss):
    def forward(self, logits, targets, features, teacher):
        return logits.sum()

def build(options):
    return Half()
"""


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "has no function build"),
        (BARE, "loss half: it must return a dict of its parts, of ce, distillation, found Tensor"),
        (
            BARE.replace("logits.sum()", '{"loss": logits.sum()}'),
            "must return a dict of its parts, of ce, distillation, found ['loss']",
        ),
        (BARE.replace("logits.sum()", '{"ce": logits}'), "each part must be a scalar"),
        (BARE.replace("logits.sum()", '{"ce": 1.0}'), "each part must be a scalar tensor"),
        (BARE.replace("logits.sum()", '{"ce": logits.detach().sum()}'), "no gradient comes back from it to the logits"),
    ],
)
def test_a_loss_that_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str) -> None:
    (tmp_path / "half.py").write_text(HEAD + body)
    monkeypatch.setattr(losses, "__path__", [*losses.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "pipeline.training.losses.half", raising=False)
    problem_of_loss.cache_clear()
    documents = tiny.documents()
    documents["recipes"]["new"] = {"loss": {"kind": "half"}}
    documents["grid"]["grid"]["baselines"] = ["new"]
    params = parse(documents)
    with pytest.raises(ConfigError) as error:
        check(params, "grid", params.grid)
    assert message in str(error.value) and "params/recipes.yaml: new" in str(error.value)


def test_attention_in_a_network_that_names_no_place_for_it() -> None:
    documents = tiny.documents()
    documents["networks"]["vgg-snn"]["attention"] = []
    documents["grid"]["grid"]["baselines"] = ["tcja.t5"]
    params = parse(documents)
    with pytest.raises(ConfigError, match="the network names no activation behind which it goes"):
        check(params, "grid", params.grid)


@pytest.mark.parametrize("kind", ["lif", "dropout", "vote"])
def test_a_layer_that_is_no_attention(kind: str) -> None:
    documents = tiny.documents()
    documents["recipes"]["tcja"]["attention"] = {"kind": kind}
    documents["grid"]["grid"]["baselines"] = ["tcja.t5"]
    params = parse(documents)
    with pytest.raises(ConfigError, match=f"for tcja.t5 on {tiny.DATASET}: attention: {kind} is no attention"):
        check(params, "grid", params.grid)


NEURON = """
from typing import Literal
from spikingjelly.activation_based import neuron, surrogate
from pipeline.config.base import Group

class Options(Group):
    kind: Literal["rest"] = "rest"

def build(options, channels=None, steps=None):
    return Rest(1.0, 0.0, surrogate.ATan(), step_mode="m")

class Rest(neuron.BaseNode):
    def single_step_functional_forward(self, inputs, states, **_):
        v, rests = states
        return inputs, states
"""


def test_a_neuron_that_fails_is_named_with_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "layers"
    folder.mkdir()
    (folder / "rest.py").write_text(NEURON)
    monkeypatch.setattr(layers, "__path__", [*layers.__path__, str(folder)])
    documents = tiny.documents()
    documents["recipes"]["new"] = {"neuron": {"kind": "rest"}}
    documents["grid"]["grid"]["baselines"] = ["new"]
    params = parse(documents)
    with pytest.raises(ConfigError, match=r"for new on .*: not enough values to unpack .*/layers/rest\.py, line 14\)"):
        check(params, "grid", params.grid)


MODEL = """
from typing import Literal
from spikingjelly.activation_based import layer
from torch import nn
from pipeline.config.base import Group

class Options(Group):
    kind: Literal["own"] = "own"
    width: float = 1.0
    attention: list[str] = []

def build(options, classes, size, activation, generator=None):
    return nn.Sequential(
        layer.Conv2d(2, 4, 3, padding=1), activation(4), layer.Flatten(), layer.Linear(4 * 18 * 18, classes)
    )
"""


@pytest.mark.parametrize(
    ("right", "wrong", "message"),
    [
        ("", "", None),
        ("layer.Conv2d(", "nn.Conv2d(", r"frames \[2, 2, 2, 18, 18\] cannot pass it: "),
        ("layer.Flatten(", "nn.Flatten(", r"frames \[2, 2, 2, 18, 18\] cannot pass it: "),
        ("4 * 18 * 18", "4 * 9 * 9", r"frames \[2, 2, 2, 18, 18\] cannot pass it: "),
        ("activation(4)", "activation(4), layer.Conv2d(8, 8, 1)", r"frames \[2, 2, 2, 18, 18\] cannot pass it: "),
        ("18, classes)", "18, 10)", "it gives 10 logits for 7 classes"),
        (", layer.Linear(4 * 18 * 18, classes)", "", "it gives 1296 logits for 7 classes"),
    ],
)
def test_a_network_that_frames_cannot_pass_is_named_with_its_recipe(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, right: str, wrong: str, message: str | None
) -> None:
    (tmp_path / "own.py").write_text(MODEL.replace(right, wrong))
    monkeypatch.setattr(models, "__path__", [*models.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "pipeline.nets.models.own", raising=False)
    # A file of this name was another in the case before; what is known of other networks stays.
    checking = import_module("pipeline.config.probe")
    for name in ("check_built", "_passed"):
        monkeypatch.setattr(checking, name, cache(getattr(checking, name).__wrapped__))
    documents = tiny.documents()
    documents["networks"]["mine"] = {"kind": "own"}
    documents["recipes"]["new"] = {"network": "mine"}
    documents["grid"]["grid"]["baselines"] = ["new"]
    params = parse(documents)
    if message is None:
        check(params, "grid", params.grid)
        return
    with pytest.raises(ConfigError, match=f"params/networks.yaml: mine, for new on {tiny.DATASET}: {message}"):
        check(params, "grid", params.grid)
