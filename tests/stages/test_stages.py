"""The training stages on tiny frames: what may influence them, what they write, what they refuse."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import FileError, FramesError, WeightsError
from stages import convert, finetune, train_ann
from tests.stages.conftest import change_frames, cut_validation, run, write_frames

WEIGHTS = Path("data/models/embedded")


def chain(document: dict[str, Any], recipe: str = "hsd") -> dict[str, bytes]:
    run(train_ann, document)
    run(convert, document)
    run(finetune, document, recipe=recipe)
    return {path.name: path.read_bytes() for path in sorted(WEIGHTS.rglob("*.safetensors"))}


def test_the_chain_writes_weights_results_and_records(document: dict[str, Any]) -> None:
    chain(document)
    for name in ("ann", "converted", "hsd"):
        metrics = json.loads(Path(f"data/results/embedded/l4/{name}-0/metrics.json").read_text())
        assert metrics["n_test"] == 9 and metrics["n_train"] == 15 and metrics["levels"] == 4
        assert 0 <= metrics["accuracy"] <= 1
        logits = np.load(f"data/results/embedded/l4/{name}-0/logits.npz", allow_pickle=False)["logits"]
        assert logits.shape == (2, 9, 3)
        record = json.loads(Path(f"data/runs/embedded/l4/{name}-0.json").read_text())
        assert {"torch", "device", "precision", "seed", "wall_s"} <= set(record)
    # Timing stands in no file that another stage reads.
    assert not any("wall" in path.read_text() for path in Path("data/results").rglob("*.json"))


def test_frames_outside_a_phase_cannot_influence_it(document: dict[str, Any]) -> None:
    before = chain(document)
    path = Path("data/frames/embedded.h5")
    # Frame 4 belongs to no phase, and the test recordings to none either.
    change_frames(path, [4])
    change_frames(path, [0, 1, 2, 3, 4], side=1)
    assert chain(document) == before
    # Frames of phase 2 are nothing to the ANN, those of phase 1 nothing to a student from scratch.
    change_frames(path, [2, 3])
    after = chain(document)
    assert after["ann-0.safetensors"] == before["ann-0.safetensors"]
    assert after["hsd-0.safetensors"] != before["hsd-0.safetensors"]


def test_frames_of_phase_1_cannot_influence_a_baseline(document: dict[str, Any]) -> None:
    run(finetune, document, ann=None, recipe="if")
    weights = Path("data/models/embedded/none/if-0.safetensors")
    before = weights.read_bytes()
    change_frames(Path("data/frames/embedded.h5"), [0, 1, 4])
    run(finetune, document, ann=None, recipe="if")
    assert weights.read_bytes() == before
    change_frames(Path("data/frames/embedded.h5"), [2])
    run(finetune, document, ann=None, recipe="if")
    assert weights.read_bytes() != before


def test_fine_tuning_leaves_the_ann_file_alone(document: dict[str, Any]) -> None:
    run(train_ann, document)
    run(convert, document)
    ann = (WEIGHTS / "l4/ann-0.safetensors").read_bytes()
    for recipe in ("skd", "ht", "ht-kd", "hsd"):
        run(finetune, document, recipe=recipe)
    assert (WEIGHTS / "l4/ann-0.safetensors").read_bytes() == ann


@pytest.mark.parametrize("recipe", ["skd", "ht", "ht-kd", "hsd"])
def test_every_recipe_is_its_own(document: dict[str, Any], recipe: str) -> None:
    made = chain(document, recipe)
    other = chain(document, "hsd" if recipe != "hsd" else "ht")
    assert made[f"{recipe}-0.safetensors"] != other["hsd-0.safetensors" if recipe != "hsd" else "ht-0.safetensors"]


def test_a_validation_part_is_measured_and_never_trained_on(document: dict[str, Any]) -> None:
    cut_validation()
    before = chain(document)
    for name in ("ann", "converted", "hsd"):
        metrics = json.loads(Path(f"data/results/embedded/l4/{name}-0/metrics.json").read_text())
        assert (metrics["n_train"], metrics["n_test"], metrics["n_skipped"]) == (12, 9, 0)
        assert (metrics["best_val_epoch"] is None) == (name == "converted")
    change_frames(Path("data/frames/embedded.h5"), [0, 1, 2, 3, 4], side=2)
    assert chain(document) == before


def test_augmentation_changes_training_and_only_that(document: dict[str, Any]) -> None:
    before = chain(document)
    test_logits = np.load("data/results/embedded/l4/ann-0/logits.npz")["logits"]
    document["datasets"]["embedded"]["augment"].update(roll_px=2, rotate_deg=10.0)
    after = chain(document)
    assert all(after[name] != before[name] for name in before)
    # Back again: the same as before, so nothing of it was kept.
    document["datasets"]["embedded"]["augment"].update(roll_px=0, rotate_deg=0.0)
    assert chain(document) == before
    np.testing.assert_array_equal(np.load("data/results/embedded/l4/ann-0/logits.npz")["logits"], test_logits)


def test_damaged_or_stale_inputs_are_named(document: dict[str, Any]) -> None:
    with pytest.raises(WeightsError, match=r"ann-0\.safetensors: not found"):
        run(convert, document)
    run(train_ann, document)
    run(convert, document)
    (WEIGHTS / "l4/converted-0.safetensors").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"converted-0\.safetensors: damaged.*dvc repro"):
        run(finetune, document, recipe="hsd")
    assert not (WEIGHTS / "l4/hsd-0.safetensors").exists()
    write_frames(steps=4)
    with pytest.raises(FramesError, match=r"embedded\.h5: holds 4 frames.*asks for 5"):
        run(train_ann, document)
    Path("data/frames/embedded.h5").write_bytes(b"damaged")
    with pytest.raises(FileError, match=r"embedded\.h5: damaged"):
        run(train_ann, document)


def test_silent_layers_are_reported(document: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    document["datasets"]["embedded"]["train_ann"]["threshold"] = 1000.0
    run(train_ann, document)
    run(convert, document)
    assert "fire in less than 1% of steps" in capsys.readouterr().out
