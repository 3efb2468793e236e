"""What cannot be learned is refused before anything runs, with what could be."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from pipeline.config.training import Training
from tests.training.small import training

FEATURE = {"kind": "feature", "layers": ["act2"]}
NDA = {"kind": "nda", "roll_px": 2}


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ({"kind": "cee"}, r"unknown kind 'cee'; did you mean 'ce'\?"),
        ({"of": "mean"}, r"expected \{kind: ..., ...\}, found .*; kinds: ce, early, ensemble, feature, kd"),
        ({"kind": "ce", "off": "mean"}, r"kind 'ce' has no option 'off'; did you mean 'of'\?"),
        ({"kind": "ce", "of": "all"}, "of: input should be 'mean', 'steps' or 'prefix', found 'all'"),
        ({"kind": "ce", "weight": 0.5}, "kind 'ce' has no option 'weight'; known: of, prefix, smoothing"),
        ({"kind": "ce", "prefix": "sum"}, "prefix: sum says how logits up to a step come together; set of: prefix"),
        ({"kind": "ce", "smoothing": 1.0}, "smoothing: .* less than 1, found 1.0"),
        ({"kind": "kd", "mix": "convex"}, "weight: with mix: convex it must be below 1, found 1.0"),
        ({"kind": "skd", "mix": "convex"}, "kind 'skd' has no option 'mix'"),
        ({"kind": "ensemble"}, "losses: ensemble has no cross-entropy of the labels; add one that has"),
        ([{"kind": "ce"}, {"kind": "rate-mse"}], "losses: ce and rate-mse each have a cross-entropy"),
        ([{"kind": "ce"}, {"kind": "w2s", "direction": "up"}], "direction: .* 'weak' or 'strong', found 'up'"),
        (
            [{"kind": "ce"}, {"kind": "early", "layers": ["act2", "act4"], "weights": [1.0]}],
            "weights: 1 of them for 2 layers; give one each",
        ),
        ({"kind": "tet", "weight": 1.5}, "weight: .* less than or equal to 1, found 1.5"),
        ({"kind": "tet", "ce": "steps"}, "kind 'tet' has no option 'ce'; known: target, weight"),
        ({"kind": "kd", "weight": 0.0}, "weight: .* greater than 0, found 0.0"),
        ({"kind": "skd", "temprature": 2.0}, r"kind 'skd' has no option 'temprature'; did you mean 'temperature'\?"),
        ({"kind": "skd", "temperature": 0.0}, "temperature: .* greater than 0, found 0.0"),
        ({"kind": "kd", "average": "probs"}, "average: .* 'probabilities' or 'logits', found 'probs'"),
        ([{"kind": "ce"}, {"kind": "feature"}], "option 'layers' of kind 'feature' is missing"),
        ([{"kind": "ce"}, {**FEATURE, "layers": []}], "layers: .* at least 1 item"),
        ([{"kind": "ce"}, {**FEATURE, "layers": ["a", "a"]}], "layers: listed twice: a"),
        ([{"kind": "ce"}, {**FEATURE, "weight": 0.0}], "weight: .* greater than 0, found 0.0"),
        (FEATURE, "losses: feature has no cross-entropy of the labels; add one that has, such as ce"),
        ([{"kind": "ce"}, {"kind": "kd"}], "losses: ce and kd each have a cross-entropy of the labels; keep one"),
    ],
)
def test_losses_that_cannot_be(losses, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        training(losses)


@pytest.mark.parametrize(
    "losses",
    [
        {"kind": "ce"},
        {"kind": "skd"},
        {"kind": "kd", "ce": "steps"},
        [{"kind": "tet"}, FEATURE],
        {"kind": "rate-mse"},
        {"kind": "ce", "of": "prefix"},
        [{"kind": "tet"}, {"kind": "ensemble"}],
        [{"kind": "tet"}, {"kind": "w2s"}],
    ],
)
def test_a_gradient_of_single_steps_takes_means_over_steps(losses) -> None:
    with pytest.raises(ValidationError, match="gradient: sltt goes back after each time step"):
        training(losses, "sltt")
    training(losses, "bptt")


@pytest.mark.parametrize("losses", [{"kind": "ce", "of": "steps"}, {"kind": "tet"}, {"kind": "skd", "ce": "steps"}])
def test_and_takes_those_that_are(losses) -> None:
    assert training(losses, "sltt").gradient.stepwise


@pytest.mark.parametrize(
    ("augmentations", "message"),
    [
        ({"kind": "nda"}, "kind 'nda' varies nothing here"),
        ({"kind": "nda", "roll": 3}, r"kind 'nda' has no option 'roll'; did you mean 'roll_px'\?"),
        ({"kind": "nda", "roll_px": -1}, "roll_px: .* greater than or equal to 0, found -1"),
        ({"kind": "cutmix", "alpha": 0.0}, "alpha: .* greater than 0, found 0.0"),
        ({"kind": "cutmix", "probability": 1.5}, "probability: .* less than or equal to 1, found 1.5"),
        (
            [{"kind": "cutmix"}, NDA, {"kind": "cutmix"}],
            "augmentations: cutmix and cutmix both mix recordings; keep one",
        ),
    ],
)
def test_augmentations_that_cannot_be(augmentations, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        training(augmentations=augmentations)


def test_one_piece_is_a_list_of_one_and_what_is_written_reads_back() -> None:
    settings = training({"kind": "skd", "weight": 0.5}, augmentations=NDA)
    assert [loss.kind for loss in settings.losses] == ["skd"]
    assert [piece.kind for piece in settings.augmentations] == ["nda"]
    assert Training.model_validate(settings.model_dump()) == settings
    # Defaults are written too: what a run was made with is complete.
    assert settings.model_dump()["losses"][0]["temperature"] == 2.0
    assert not training().augmentations and not training().needs_teacher and settings.needs_teacher


def test_settings_without_pieces_load_no_torch() -> None:
    script = (
        "import sys, pipeline.config.training as t; t.EvalEvery(validation=1, test=0); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
