"""Every recipe of params.yaml from end to end on tiny frames, and which frames each of them learns on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.config import parse
from pipeline.errors import ConfigError
from pipeline.evaluation.accuracy import predict
from pipeline.frames.store import load
from pipeline.nets import FrameNet
from pipeline.nets.build import build_snn
from pipeline.nets.weights import load_weights
from pipeline.runtime.hardware import Hardware
from stages import convert, finetune, train_ann
from tests import tiny
from tests.stages.conftest import FRAMES, TEST, WHOLE, arrays, change_frames, metrics, run, weights, write_frames

RECIPES = parse(tiny.params()).recipes
CPU = Hardware(torch.device("cpu"), "fp32")
# Frames of phase 1 and 2 as on the embedded recordings, so that all recipes fit.
T1, T2, T = 5, 5, 10


def full(document: dict[str, Any]) -> dict[str, Any]:
    embedded = document["datasets"]["embedded"]
    embedded["integrate"]["steps"], embedded["whole"] = T, [1, 2, 3, 4, 5, 10]
    embedded["phases"].update(t1=T1, t2=T2)
    embedded["monitor"].update(validation=0, test=0)
    for schedule in (embedded["train_ann"]["schedule"], *embedded["finetune"].values()):
        schedule["epochs"] = 1
    return document


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory):
    """A folder with frames, an ANN and its conversion, for all recipes to share; to be left as it is."""
    root = tmp_path_factory.mktemp("recipes")
    document = full(tiny.params())
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("HSD_DEVICE", "cpu")
        patch.setenv("HSD_PRECISION", "fp32")
        write_frames(steps=T)
        for steps in document["datasets"]["embedded"]["whole"]:
            write_frames(steps, steps, WHOLE / f"t{steps}.h5")
        run(train_ann, document)
        run(convert, document)
        yield document


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_runs_and_answers_as_it_says(trained: dict[str, Any], name: str) -> None:
    recipe = RECIPES[name]
    ann = "l4" if recipe.needs_ann else "none"
    run(finetune, trained, ann="l4" if recipe.needs_ann else None, recipe=name)
    steps = recipe.steps if recipe.steps != "all" else (T if recipe.frames == "whole" else T2)
    found = arrays(name, ann)
    assert found["logits"].shape == (steps, TEST, 3) and np.isfinite(found["logits"]).all()
    # What has come at each step: of a whole recording all of it, in phase 2 what phase 1 took included.
    if recipe.frames == "whole":
        wanted, each = np.arange(1, steps + 1) / steps, 2.0 * np.arange(1, steps + 1)
    else:
        wanted, each = (T1 + np.arange(1, steps + 1)) / T, 2.0 * (T1 + np.arange(1, steps + 1))
    if recipe.attention:
        # It mixes all steps: even the first answer has waited for the last frame.
        wanted, each = np.full(steps, wanted[-1]), np.full(steps, each[-1])
    np.testing.assert_allclose(found["share"], np.tile(wanted[:, None], TEST), rtol=1e-6)
    np.testing.assert_allclose(found["time_ms"], np.tile(each[:, None], TEST), rtol=1e-6)
    maps = arrays(name, ann, "maps")
    assert maps["spikes"].shape == (steps, 2, 18, 18) and maps["frames"].shape == (steps, 2, 18, 18)
    path = WHOLE / f"t{steps}.h5" if recipe.frames == "whole" else FRAMES
    test = load(path, 1)
    start = 0 if recipe.frames == "whole" else T1
    np.testing.assert_array_equal(maps["frames"], test.frames[0, start : start + steps])
    assert str(maps["name"]) == test.names[0] == "a/15"
    numbers = metrics(name, ann)
    assert (numbers["n_train"], numbers["n_test"], numbers["seed"]) == (15, TEST, 0)
    assert ("levels" in numbers) == recipe.needs_ann and numbers["firing_rate"] >= 0
    assert [numbers[f"best_{side}_{what}"] for side in ("val", "test") for what in ("epoch", "accuracy")] == [None] * 4
    # Nothing that only the training needs is kept.
    assert b"align" not in weights(name, ann) and not list(Path(".dvc/tmp/trainings").glob("*.pt"))
    tcja = [line for line in layers(name, ann) if line.startswith("tcja_")]
    assert len(tcja) == (2 if recipe.attention else 0)


def layers(name: str, ann: str) -> list[str]:
    return Path(f"data/results/embedded/{ann}/{name}-0/layers.csv").read_text().splitlines()


def network(document: dict[str, Any], name: str) -> FrameNet:
    params = parse(document)
    shape = build_snn(
        params.network_of("embedded"), 3, (18, 18), params.recipe(name), params.steps_of("embedded", name)
    )
    return load_weights(shape, Path(f"data/models/embedded/none/{name}-0.safetensors"))


def test_dts_is_the_network_of_all_frames_cut_short(trained: dict[str, Any]) -> None:
    """tet-all at T': its own weights, on the first T' frames of the recording split into all of them."""
    run(finetune, trained, ann=None, recipe="tet-all")
    net, frames = network(trained, "tet-all"), load(WHOLE / f"t{T}.h5", 1).frames
    logits = arrays("tet-all")["logits"]
    for steps in (1, 3, T):
        np.testing.assert_allclose(predict(net, frames[:, :steps], 8, CPU), logits[:steps], rtol=1e-4, atol=1e-4)
    assert arrays("tet-all")["share"][2, 0] == pytest.approx(3 / T)


def test_a_network_with_attention_cannot_be_cut_short(trained: dict[str, Any]) -> None:
    run(finetune, trained, ann=None, recipe="tcja-5")
    net, frames = network(trained, "tcja-5"), load(WHOLE / "t5.h5", 1).frames
    assert predict(net, frames, 8, CPU).shape == (5, TEST, 3)
    with pytest.raises(ValueError, match="built for 5 time steps and mixes all of them, found 3"):
        predict(net, frames[:, :3], 8, CPU)


def test_sts_and_dts_learn_each_on_its_own_split_of_the_recordings(document: dict[str, Any]) -> None:
    document["datasets"]["embedded"]["whole"] = [2, 5]
    for steps in (2, 5):
        write_frames(steps, steps, WHOLE / f"t{steps}.h5")
    before = {}
    for name in ("tet-2", "tet-all"):
        run(finetune, document, ann=None, recipe=name)
        before[name] = weights(name)
    # The frames of the phases are nothing to them, and each other's neither.
    change_frames(FRAMES, [0, 1, 2, 3, 4])
    change_frames(WHOLE / "t2.h5", [0])
    for name in before:
        run(finetune, document, ann=None, recipe=name)
    assert weights("tet-2") != before["tet-2"] and weights("tet-all") == before["tet-all"]
    before["tet-2"] = weights("tet-2")
    # Of its own split DTS learns on every frame, the last too.
    change_frames(WHOLE / "t5.h5", [4])
    for name in before:
        run(finetune, document, ann=None, recipe=name)
    assert weights("tet-2") == before["tet-2"] and weights("tet-all") != before["tet-all"]


def test_hsd_at_fewer_steps_starts_from_the_same_conversion_and_learns_on_the_first_frames(
    document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(train_ann, document)
    run(convert, document)
    starts = {}

    def recorded(student: FrameNet, frames: np.ndarray, *arguments: Any) -> Any:
        starts[frames.shape[1]] = {name: value.clone() for name, value in student.state_dict().items()}
        return fit(student, frames, *arguments)

    fit = finetune.fit
    monkeypatch.setattr(finetune, "fit", recorded)
    for name in ("hsd", "hsd-1", "hsd-2"):
        run(finetune, document, recipe=name)
    # t2 is 2: two steps are all there are.
    assert weights("hsd", "l4") == weights("hsd-2", "l4") != weights("hsd-1", "l4")
    assert all(torch.equal(starts[1][name], starts[2][name]) for name in starts[2])
    # Phase 2 is frames 2 and 3: of those HSD-1 sees the first alone.
    before = weights("hsd-1", "l4"), arrays("hsd-1", "l4")["logits"]
    for side in (0, 1):
        change_frames(FRAMES, [3, 4], side)
    run(finetune, document, recipe="hsd-1")
    assert weights("hsd-1", "l4") == before[0]
    np.testing.assert_array_equal(arrays("hsd-1", "l4")["logits"], before[1])
    change_frames(FRAMES, [2])
    run(finetune, document, recipe="hsd-1")
    assert weights("hsd-1", "l4") != before[0]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("sltt", {"training": "bptt"}), ("sltt", {"neuron": "if"}), ("tet", {"loss": "ce"}), ("tet", {"target": 0.0}),
        ("if", {"ce": "steps"}), ("if", {"detach_reset": True}), ("if", {"train_threshold": True}),
        ("if", {"threshold": 0.5}), ("if", {"steps": 1}),
    ],
)  # fmt: skip
def test_each_key_of_a_recipe_reaches_the_training(document: dict[str, Any], name: str, other: dict[str, Any]) -> None:
    made = []
    for entry in (document["recipes"][name], {**document["recipes"][name], **other}):
        document["recipes"][name] = entry
        run(finetune, document, ann=None, recipe=name)
        made.append(weights(name))
    assert made[0] != made[1]


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("feature", {"tap_weight": 2.0}), ("feature", {"taps": ["act2"]}), ("kd", {"loss": "skd"}),
        ("kd", {"temperature": 1.0}), ("kd", {"average": "logits"}), ("kd", {"weight": 0.5}),
        ("hsd", {"init": "random"}),
    ],
)  # fmt: skip
def test_each_key_of_a_recipe_with_an_ann_reaches_the_training(
    trained: dict[str, Any], name: str, other: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(finetune, trained, recipe=name)
    before = weights(name, "l4")
    monkeypatch.setitem(trained["recipes"], name, {**trained["recipes"][name], **other})
    run(finetune, trained, recipe=name)
    assert weights(name, "l4") != before


def test_an_ann_that_is_needed_is_asked_for(document: dict[str, Any]) -> None:
    for name in ("hsd", "kd", "feature"):
        with pytest.raises(ConfigError, match=f"recipe '{name}' needs an ANN; name one with --ann"):
            run(finetune, document, ann=None, recipe=name)
