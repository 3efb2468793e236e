"""Every recipe of params/recipes.yaml from end to end on tiny frames, and which frames each of them learns on."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load
from torch import nn

from pipeline.config.catalogues import parse
from pipeline.evaluation.accuracy import predict
from pipeline.nets.build import build
from pipeline.nets.weights import load_weights
from pipeline.results.paths import RunName
from pipeline.runtime.hardware import Hardware
from stages import train_snn
from tests import tiny
from tests.stages.conftest import (
    DATASET,
    TEST,
    TRAIN,
    arrays,
    call,
    change_frames,
    file,
    metrics,
    one,
    run,
    seen,
    small,
    weights,
    write_frames,
)  # fmt: skip

# Those with networks of their own are tested in tests/systems/.
RECIPES = {name: recipe for name, recipe in parse(tiny.documents()).recipes.items() if recipe.network is None}
CPU = Hardware(torch.device("cpu"), "fp32")
# Frames of phase 1 and 2 as on the simulated camera's recordings, so that all recipes fit.
T1, T2, T = 5, 5, 10
SHORTER = ("hsd.t1", "hsd.t3", "tet.t2", "tet-full.t1", "tet-full.t3", "tcja.t5", "sltt-full.t5")


def full() -> tiny.Documents:
    """Return settings of one epoch with as many frames as the real ones."""
    documents = small()
    for path, value in (
        ("integrate.steps", T), ("phases", {"offset": 0, "t1": T1, "t2": T2}),
        ("eval_every", {"validation": 0, "test": 0}),
    ):  # fmt: skip
        tiny.change(documents, f"datasets.{DATASET}.{path}", value)
    for schedule in documents["schedules"].values():
        schedule |= {"epochs": 1, "warmup": None}
        schedule.get("decay", {}).pop("hold", None)
    return documents


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tiny.Documents]:
    """A folder with frames, an ANN and its conversion, for all recipes to share; to be left as it is."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("recipes"))
        patch.setenv("HSD_DEVICE", "cpu")
        patch.setenv("HSD_PRECISION", "fp32")
        for steps in (1, 3, 5, T):
            write_frames(steps, steps)
        documents = full()
        run("train_ann", documents)
        run("convert", documents)
        yield documents


def ann_of(recipe: str) -> str | None:
    return "l4" if RECIPES[recipe.partition(".")[0]].needs_ann else None


# The ANN here learns on halves; a recipe that needs another order is another's settings (hsd-plus: hsd's).
HERE = [name for name, recipe in RECIPES.items() if recipe.order is None]


@pytest.mark.parametrize("name", [*HERE, *SHORTER])
def test_every_recipe_runs_and_answers_as_it_says(trained: tiny.Documents, name: str) -> None:
    recipe, ann = RECIPES[name.partition(".")[0]], ann_of(name)
    run("train_snn", trained, name, ann)
    whole = recipe.frames == "full"
    steps = int(name.partition(".t")[2] or (T if whole else T2))
    found = arrays(name, ann)
    assert found["logits"].shape == (steps, TEST, 3) and np.isfinite(found["logits"]).all()
    # What has come at each step: of a full recording all of it, in phase 2 what phase 1 took included.
    come = np.arange(1, steps + 1) + (0 if whole else T1)
    wanted, each = come / (steps if whole else T), 2.0 * come
    if recipe.attention:
        # It mixes all steps: even the first answer has waited for the last frame.
        wanted, each = np.full(steps, wanted[-1]), np.full(steps, each[-1])
    np.testing.assert_allclose(found["share"], np.tile(wanted[:, None], TEST), rtol=1e-6)
    np.testing.assert_allclose(found["time_ms"], np.tile(each[:, None], TEST), rtol=1e-6)
    maps, test = arrays(name, ann, "maps"), seen(name, ann=ann)
    assert maps["spikes"].shape == (steps, 2, 18, 18) and test.header.steps == (steps if whole else T)
    np.testing.assert_array_equal(maps["frames"], test.frames[0])
    assert str(maps["name"]) == test.names[0] == "a/15"
    numbers = metrics(name, ann)
    assert (numbers["n_train"], numbers["n_test"], numbers["seed"]) == (TRAIN, TEST, 0)
    assert ("levels" in numbers) == recipe.needs_ann and numbers["firing_rate"] >= 0
    assert [numbers[f"best_{side}_{what}"] for side in ("val", "test") for what in ("epoch", "accuracy")] == [None] * 4
    # Nothing that only the training needs is kept.
    assert b"align" not in weights(name, ann) and not list(Path(".dvc/tmp/trainings").glob("*.pt"))
    layers = (RunName(DATASET, ann, name, 0).results / "layers.csv").read_text()
    assert layers.count("tcja_") == (2 if recipe.attention else 0)


def network(documents: tiny.Documents, name: str) -> nn.Module:
    shape = build(call(one(documents, name, None), "train_snn").settings.network, 3, (18, 18))
    return load_weights(shape, RunName(DATASET, None, name, 0).weights)


def test_dts_is_the_network_of_all_frames_cut_short(trained: tiny.Documents) -> None:
    """tet-full at T': its own weights, on the first T' frames of the recording split into all of them."""
    run("train_snn", trained, "tet-full", None)
    net, frames = network(trained, "tet-full"), seen("tet-full").frames
    logits = arrays("tet-full")["logits"]
    for steps in (1, 3, T):
        np.testing.assert_allclose(predict(net, frames[:, :steps], 8, CPU), logits[:steps], rtol=1e-4, atol=1e-4)
    assert arrays("tet-full")["share"][2, 0] == pytest.approx(3 / T)


def test_a_network_with_attention_cannot_be_cut_short(trained: tiny.Documents) -> None:
    run("train_snn", trained, "tcja.t5", None)
    net, frames = network(trained, "tcja.t5"), seen("tcja.t5").frames
    assert predict(net, frames, 8, CPU).shape == (5, TEST, 3)
    with pytest.raises(ValueError, match="built for 5 time steps and mixes all of them, found 3"):
        predict(net, frames[:, :3], 8, CPU)


def test_sts_and_dts_learn_each_on_its_own_split_of_the_recordings(documents: tiny.Documents) -> None:
    write_frames(2, 2)
    before = {}
    for name in ("tet-full.t2", "tet-full", "tet"):
        run("train_snn", documents, name, None)
        before[name] = weights(name)
    change_frames(file(2), [0])
    for name in before:
        run("train_snn", documents, name, None)
    assert [name for name in before if weights(name) != before[name]] == ["tet-full.t2"]
    before["tet-full.t2"] = weights("tet-full.t2")
    # Of its own split DTS learns on every frame, the last too, which is in no phase.
    change_frames(file(5), [4])
    for name in before:
        run("train_snn", documents, name, None)
    assert [name for name in before if weights(name) != before[name]] == ["tet-full"]


def test_hsd_at_fewer_steps_starts_from_the_same_conversion_and_learns_on_the_first_frames(
    documents: tiny.Documents, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("train_ann", documents)
    run("convert", documents)
    starts: dict[int, dict[str, torch.Tensor]] = {}
    fit = train_snn.fit

    def recorded(student: nn.Module, frames: np.ndarray, *arguments: Any) -> Any:
        starts[frames.shape[1]] = {name: value.clone() for name, value in student.state_dict().items()}
        return fit(student, frames, *arguments)

    monkeypatch.setattr(train_snn, "fit", recorded)
    for name in ("hsd", "hsd.t1", "hsd.t2"):
        run("train_snn", documents, name)
    # t2 is 2: two steps are all there are.
    # The files say what run they are of.
    all_steps, two, one = (load(weights(name, "l4")) for name in ("hsd", "hsd.t2", "hsd.t1"))
    assert all(torch.equal(all_steps[name], two[name]) for name in all_steps)
    assert any(not torch.equal(two[name], one[name]) for name in two)
    assert all(torch.equal(starts[1][name], starts[2][name]) for name in starts[2])
    # Phase 2 is frames 2 and 3: of those HSD at T = 1 sees the first alone.
    before = weights("hsd.t1", "l4"), arrays("hsd.t1", "l4")["logits"]
    for side in (0, 1):
        change_frames(file(), [3, 4], side)
    run("train_snn", documents, "hsd.t1")
    assert weights("hsd.t1", "l4") == before[0]
    np.testing.assert_array_equal(arrays("hsd.t1", "l4")["logits"], before[1])
    change_frames(file(), [2])
    run("train_snn", documents, "hsd.t1")
    assert weights("hsd.t1", "l4") != before[0]


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("sltt", "recipes.sltt.gradient", {"kind": "bptt"}), ("sltt", "recipes.sltt.neuron", {"kind": "if"}),
        ("tet", "recipes.tet.loss", {"kind": "ce", "of": "steps"}), ("tet", "recipes.tet.loss.target", 0.0),
        ("if", "recipes.if.loss", {"kind": "ce", "of": "steps"}), ("if", "recipes.if.steps", 1),
        ("if", "recipes.if.neuron", {"kind": "if", "detach_reset": True}),
        ("if", "recipes.if.neuron", {"kind": "if", "train_threshold": True}),
        ("if", "recipes.if.neuron", {"kind": "if", "threshold": 0.5}),
        ("lif", "recipes.lif.neuron", {"kind": "plif"}), ("lif", "recipes.lif.neuron.decay", 0.25),
        ("if", "recipes.if.schedule", "short"), ("if", "recipes.if.network", "small"),
        ("if", "recipes.if.augmentation", {"kind": "cutmix"}), ("if", "recipes.if.attention", {"kind": "tcja"}),
        ("if", "schedules.short-random.optimizer.lr", 0.01), ("if", f"datasets.{DATASET}.width", 1 / 64),
        ("if", "schedules.short-random.batch_size", 5), ("if", "schedules.short-random.decay", {"kind": "constant"}),
    ],
)  # fmt: skip
def test_each_option_of_a_recipe_reaches_the_training(
    documents: tiny.Documents, name: str, path: str, value: Any
) -> None:
    tiny.change(documents, "networks.small", {**documents["networks"]["vgg-snn"], "width": 0.5})
    # Another schedule than that of random networks; both have had two epochs.
    tiny.change(documents, "schedules.short.epochs", 1)
    run("train_snn", documents, name, None)
    before = weights(name)
    tiny.change(documents, path, value)
    run("train_snn", documents, name, None)
    assert weights(name) != before


@pytest.mark.parametrize(
    ("name", "path", "value"),
    [
        ("feature", "recipes.feature.loss", [{"kind": "ce"}, {"kind": "feature", "layers": ["act2"]}]),
        ("feature", "recipes.feature.loss",
         [{"kind": "ce"}, {"kind": "feature", "layers": ["act2", "act4"], "weight": 2.0}]),
        ("kd", "recipes.kd.loss", {"kind": "skd"}), ("kd", "recipes.kd.loss.temperature", 1.0),
        ("kd", "recipes.kd.loss.average", "logits"), ("kd", "recipes.kd.loss.weight", 0.5),
        ("kd", "recipes.kd.loss.ce", "steps"), ("hsd", "recipes.hsd.init", "random"),
        ("ht", "recipes.ht.neuron", {"kind": "if", "train_threshold": True}), ("ht", "recipes.ht.schedule", "short"),
    ],
)  # fmt: skip
def test_each_option_of_a_recipe_with_an_ann_reaches_the_training(
    trained: tiny.Documents, name: str, path: str, value: Any
) -> None:
    run("train_snn", trained, name)
    before = weights(name, "l4")
    changed = copy.deepcopy(trained)
    tiny.change(changed, path, value)
    run("train_snn", changed, name)
    assert weights(name, "l4") != before


def test_a_recipe_may_see_frames_of_its_own_size(trained: tiny.Documents) -> None:
    changed = copy.deepcopy(trained)
    tiny.change(changed, "recipes.if.frame_size", [16, 18])
    write_frames(steps=T, size=(16, 18))
    run("train_snn", changed, "if", None)
    assert seen("if").frames.shape == (TEST, T2, 2, 16, 18)
    assert arrays("if", name="maps")["spikes"].shape == (T2, 2, 16, 18)
