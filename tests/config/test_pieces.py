"""A piece whose file is not what its group asks for is refused before anything runs, with what is missing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipeline.config.catalogues import parse
from pipeline.config.check import _problem_of_loss, check
from pipeline.errors import ConfigError
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
        (BARE.replace("logits.sum()", '{"loss": logits.sum()}'), "must return a dict of its parts"),
        (BARE.replace("logits.sum()", '{"ce": logits}'), "each part must be a scalar"),
    ],
)
def test_a_loss_that_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, body: str, message: str) -> None:
    (tmp_path / "half.py").write_text(HEAD + body)
    monkeypatch.setattr(losses, "__path__", [*losses.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "pipeline.training.losses.half", raising=False)
    _problem_of_loss.cache_clear()
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
