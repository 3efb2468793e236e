"""The training stages on tiny frames: what may influence them, what they write, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import FramesError, WeightsError
from pipeline.frames.store import load
from pipeline.results.paths import RunName
from stages import train_ann, train_snn
from tests import tiny
from tests.stages.conftest import (
    DATASET,
    TEST,
    TRAIN,
    arrays,
    call,
    change_frames,
    cut_validation,
    file,
    metrics,
    one,
    run,
    seen,
    weights,
    write_frames,
)  # fmt: skip

NDA = {"kind": "nda", "roll_px": 2, "rotate_deg": 10.0}


def chain(documents: tiny.Documents, recipe: str = "hsd") -> dict[str, bytes]:
    run("train_ann", documents)
    run("convert", documents)
    run("train_snn", documents, recipe)
    return {name: weights(name, "l4") for name in ("ann", "converted", recipe)}


def test_the_chain_writes_weights_results_and_records(documents: tiny.Documents) -> None:
    chain(documents)
    for name in ("ann", "converted", "hsd"):
        found = metrics(name, "l4")
        assert (found["n_test"], found["n_train"], found["levels"], found["split"]) == (TEST, TRAIN, 4, "m")
        assert 0 <= found["accuracy"] <= 1 and ("accuracy_phase1" in found) == (name == "ann")
        assert ("accuracy_mean_frame" in found) == (name == "converted")
        assert arrays(name, "l4")["logits"].shape == (2, TEST, 3)
        record = json.loads(RunName(DATASET, "l4", name, 0).record.read_text())
        assert {"torch", "device", "precision", "seed", "wall_s"} <= set(record)
    # Timing stands in no file that another stage reads, and no scratch file stays.
    assert not any("wall" in path.read_text() for path in Path("data/results").rglob("*.json"))
    assert not list(Path(".dvc").rglob("*.pt"))


def test_frames_outside_a_phase_cannot_influence_it(documents: tiny.Documents) -> None:
    before = chain(documents)
    # Frame 4 belongs to no phase, and the test recordings to none either.
    change_frames(file(), [4])
    change_frames(file(), [0, 1, 2, 3, 4], side=1)
    assert chain(documents) == before
    # Frames of phase 2 are nothing to the ANN.
    change_frames(file(), [2, 3])
    after = chain(documents)
    assert after["ann"] == before["ann"] and after["hsd"] != before["hsd"]


def test_frames_of_phase_1_cannot_influence_a_baseline(documents: tiny.Documents) -> None:
    run("train_snn", documents, "if", None)
    before = weights("if")
    change_frames(file(), [0, 1, 4])
    run("train_snn", documents, "if", None)
    assert weights("if") == before
    change_frames(file(), [2])
    run("train_snn", documents, "if", None)
    assert weights("if") != before


def test_the_offset_moves_both_phases(documents: tiny.Documents) -> None:
    tiny.change(documents, f"datasets.{DATASET}.phases", {"offset": 1, "t1": 2, "t2": 2})
    before = chain(documents)
    change_frames(file(), [0])
    assert chain(documents) == before
    change_frames(file(), [4])
    after = chain(documents)
    assert after["ann"] == before["ann"] and after["hsd"] != before["hsd"]


def test_fine_tuning_leaves_the_ann_file_alone_and_each_recipe_is_its_own(documents: tiny.Documents) -> None:
    run("train_ann", documents)
    run("convert", documents)
    files = {name: weights(name, "l4") for name in ("ann", "converted")}
    recipes = ("skd", "ht", "ht-kd", "hsd", "ht-tet", "ht-sltt")
    for recipe in recipes:
        run("train_snn", documents, recipe)
    assert {name: weights(name, "l4") for name in files} == files
    assert len({weights(recipe, "l4") for recipe in recipes}) == len(recipes)


def test_a_validation_part_is_measured_and_never_trained_on(documents: tiny.Documents) -> None:
    cut_validation()
    before = chain(documents)
    for name in ("ann", "converted", "hsd"):
        found = metrics(name, "l4")
        assert (found["n_train"], found["n_test"], found["n_skipped"]) == (12, TEST, 0)
        assert (found["best_val_epoch"] is None) == (name == "converted")
    change_frames(file(), [0, 1, 2, 3, 4], side=2)
    assert chain(documents) == before


def test_augmentation_changes_training_and_only_that(documents: tiny.Documents) -> None:
    before = chain(documents)
    logits = arrays("ann", "l4")["logits"]
    tiny.change(documents, f"datasets.{DATASET}.augmentation", NDA)
    after = chain(documents)
    assert all(after[name] != before[name] for name in before)
    # A recipe's own stands in its place; an empty list is none.
    run("train_snn", documents, "if", None)
    augmented = weights("if")
    tiny.change(documents, "recipes.if.augmentation", [])
    run("train_snn", documents, "if", None)
    plain = weights("if")
    # Back again: the same as before, so nothing of it was kept.
    tiny.change(documents, f"datasets.{DATASET}.augmentation", [])
    run("train_snn", documents, "if", None)
    assert weights("if") == plain != augmented
    assert chain(documents) == before
    np.testing.assert_array_equal(arrays("ann", "l4")["logits"], logits)


def test_damaged_or_stale_inputs_are_named(documents: tiny.Documents) -> None:
    with pytest.raises(WeightsError, match=r"ann-0\.safetensors: not found.*dvc repro"):
        run("convert", documents)
    run("train_ann", documents)
    with pytest.raises(WeightsError, match=r"converted-0\.safetensors: not found"):
        run("train_snn", documents, "hsd")
    run("convert", documents)
    RunName(DATASET, "l4", "converted", 0).weights.write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"converted-0\.safetensors: damaged.*dvc repro"):
        run("train_snn", documents, "hsd")
    # Of an ANN of another width.
    tiny.change(documents, f"datasets.{DATASET}.width", 1 / 16)
    with pytest.raises(WeightsError, match=r"ann-0\.safetensors: is of another network"):
        run("convert", documents)
    assert not RunName(DATASET, "l4", "hsd", 0).weights.exists()


def test_frames_that_are_not_those_selected_are_named(documents: tiny.Documents) -> None:
    ann = call(one(documents, None, "l4"), "train_ann")
    with pytest.raises(FramesError, match=r"ann\.phase1\.json: not found; `dvc repro`"):
        train_ann.main(ann)
    run("train_ann", documents)
    before = weights("ann", "l4")
    change_frames(file(), [0])
    with pytest.raises(
        FramesError, match=r"t5-18x18\.h5: has the SHA-256 .*ann\.phase1\.json names .*changed or damaged"
    ):
        train_ann.main(ann)
    file().unlink()
    with pytest.raises(FramesError, match=r"t5-18x18\.h5: not found, .*ann\.phase1\.json names it"):
        train_ann.main(ann)
    assert weights("ann", "l4") == before
    write_frames(steps=4)
    with pytest.raises(FramesError, match=r"has no t5-18x18\.h5, it holds t4-18x18\.h5; `dvc repro`"):
        run("train_ann", documents)


def test_silent_layers_are_reported(documents: tiny.Documents, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.change(documents, f"datasets.{DATASET}.ann.threshold", 1000.0)
    run("train_ann", documents)
    run("convert", documents)
    assert "fire in less than 1% of steps; a lower datasets.yaml: ann.threshold" in capsys.readouterr().out
    tiny.change(documents, "recipes.if.neuron", {"kind": "if", "threshold": 1000.0})
    run("train_snn", documents, "if", None)
    assert "a lower recipes.yaml: neuron.threshold" in capsys.readouterr().out


def test_a_network_that_is_none_of_ours_is_trained_and_measured(
    documents: tiny.Documents, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A model in a file of its own, with SpikingJelly's parametric LIF inside."""
    import pipeline.nets.models

    (tmp_path / "jelly.py").write_text(
        "from typing import Literal\n"
        "import torch\n"
        "from spikingjelly.activation_based import layer, neuron\n"
        "from torch import nn\n"
        "from pipeline.config.base import Group\n"
        "SMALLEST = 4\n"
        "class Options(Group):\n"
        "    kind: Literal['jelly'] = 'jelly'\n"
        "    channels: int = 4\n"
        "def build(options, classes, size, activation, generator=None):\n"
        "    torch.manual_seed(generator.initial_seed() if generator else 0)\n"
        "    count = options.channels\n"
        "    return nn.Sequential(\n"
        "        layer.Conv2d(2, count, 3), layer.BatchNorm2d(count), neuron.ParametricLIFNode(),\n"
        "        layer.AdaptiveAvgPool2d(2), layer.Flatten(), layer.Linear(4 * count, classes))\n"
    )
    monkeypatch.setattr(pipeline.nets.models, "__path__", [*pipeline.nets.models.__path__, str(tmp_path)])
    tiny.change(documents, "networks.jelly", {"kind": "jelly", "channels": 6})
    tiny.change(documents, "recipes.if.network", "jelly")
    run("train_snn", documents, "if", None)
    first = weights("if")
    assert arrays("if")["logits"].shape == (2, TEST, 3) and 0 < metrics("if")["firing_rate"] < 1
    assert arrays("if", name="maps")["spikes"].shape == (2, 6, 16, 16)
    train_snn.main(call(one(documents, "if", None), "train_snn"))
    assert weights("if") == first


@pytest.mark.parametrize(("order", "first", "second"), [("interleaved", [0, 2], [1, 3]), ("full", range(5), range(5))])
def test_each_order_of_the_phases_shows_its_frames_and_waits_for_them(
    documents: tiny.Documents, order: str, first: list[int], second: list[int]
) -> None:
    tiny.change(documents, "anns.l4.order", order)
    before = chain(documents)
    whole = load(file(), 1).frames
    np.testing.assert_array_equal(seen("ann.phase1", ann="l4").frames, whole[:, first])
    np.testing.assert_array_equal(seen("hsd", ann="l4").frames, whole[:, second])
    # Frame t ends after 10 (t + 1) of 50 events and 2 (t + 1) ms, whoever has seen them.
    wanted = np.array([frame + 1 for frame in second])
    for name in ("ann", "converted", "hsd"):
        found = arrays(name, "l4")
        np.testing.assert_allclose(found["share"], np.tile(wanted[:, None] / 5, TEST), rtol=1e-6)
        np.testing.assert_allclose(found["time_ms"], np.tile(2.0 * wanted[:, None], TEST), rtol=1e-6)
    # What phase 2 alone sees is nothing to the ANN; the other way round, HSD hangs on the ANN.
    change_frames(file(), [3])
    after = chain(documents)
    assert (after["ann"] == before["ann"]) == (order == "interleaved") and after["hsd"] != before["hsd"]
