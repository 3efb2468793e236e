"""What cannot be a recipe, or cannot be run together, is refused with what to do."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config.catalogues import parse
from tests.config.test_config import CAMERA, documents, refusal
from tests.config.test_recipes import CLIPS, FEATURE, OF, SLTT, TCJA

STEPS = {"kind": "ce", "of": "steps"}


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"init": "converted", "neuron": {"kind": "lif"}}, "init: converted needs neuron: {kind: if}"),
        ({"init": "converted", "attention": TCJA}, "a converted network has the ANN's layers alone; set init: random"),
        ({"loss": {"kind": "skd", "weight": 0.0}}, "new.loss: weight: input should be greater than 0, found 0.0"),
        ({"loss": {"kind": "tet", "weight": 1.5}}, "less than or equal to 1, found 1.5"),
        ({"loss": {"kind": "tett"}}, "new.loss: unknown kind 'tett'; did you mean 'tet'?"),
        ({"loss": [{"kind": "ce"}, {"kind": "tett"}]}, "new.loss.1: unknown kind 'tett'; did you mean 'tet'?"),
        ({"loss": "tet"}, "new.loss"),
        ({"loss": []}, "new.loss: value should have at least 1 item"),
        ({"loss": {"weight": 1.0}}, "kind 'ce' has no option 'weight'"),
        ({"loss": FEATURE | {"layers": ["act2", "act2"]}}, "listed twice: act2"),
        ({"loss": {"kind": "feature"}}, "option 'layers' of kind 'feature' is missing"),
        ({"gradient": SLTT, "loss": STEPS, "attention": TCJA}, "shows one time step at a time, attention needs all"),
        ({"gradient": {"kind": "slt"}}, "new.gradient: unknown kind 'slt'; did you mean 'sltt'?"),
        ({"gradient": {"kind": "bptt", "steps": 2}}, "kind 'bptt' has no option 'steps'"),
        ({"neuron": {"kind": "lif", "decay": 1.5}}, "new.neuron: decay: input should be less than or equal to 1"),
        ({"neuron": {"kind": "lif", "surrogate": {"kind": "rekt"}}}, "new.neuron"),
        ({"attention": {"kind": "cbam"}}, "new.attention: unknown kind 'cbam'; did you mean 'tcja'?"),
        ({"attention": {**TCJA, "kernel_t": 0}}, "kernel_t: input should be greater than or equal to 1, found 0"),
        ({"augmentation": {"kind": "nda", "rol_px": 1}}, "kind 'nda' has no option 'rol_px'; did you mean 'roll_px'?"),
        ({"steps": 0}, "new.steps: expected how many frames, at least 1, or all, found 0"),
        ({"steps": "al"}, "new.steps: expected how many frames, at least 1, or all, found 'al'"),
        ({"steps": True}, "or all, found True"),
        ({"steps": 2.0}, "or all, found 2.0"),
        ({"frames": "phase1"}, "'phase2' or 'full', found 'phase1'"),
        ({"slice_by": "count"}, "new.slice_by: input should be 'number' or 'time', found 'count'"),
        ({"order": "full"}, "new: order: it is an ANN's, and this recipe takes none; set order: null"),
        ({"clips": CLIPS}, "new: clips are windows of whole recordings, which no ANN has learnt on: they need frames"),
        ({"clips": CLIPS, "frames": "full", "slice_by": "time"}, "no distillation, and no slice_by"),
        ({"clips": CLIPS, "frames": "full", "init": "converted"}, "they need frames: full, init: random"),
        ({"clips": CLIPS, "frames": "full", "steps": 9}, "a clip of 9 windows is longer than clips.windows 8"),
        ({"augmentation": {"kind": "clip", "steps": 3}}, "clip is put there by a recipe's key clips, which the test"),
        ({"like": "hds"}, "new.like: no entry 'hds'; did you mean 'hsd'?"),
        ({"gradient": {"kind": "dspike"}}, "gradient: dspike needs a neuron with surrogate: {kind: dspike}; set that"),
        ({"gradient": {"kind": "dspike"}, "neuron": {"kind": "lif"}}, "gradient: dspike needs a neuron with surrogate"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(entry: dict[str, Any], expected: str) -> None:
    message = refusal(documents(("recipes.new", entry)))
    assert expected in message and message.startswith("params/recipes.yaml: new") and len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"gradient": SLTT}, "the losses must be means over steps, which ce is not as it is set; take ce"),
        ({"gradient": SLTT, "loss": {"kind": "kd"}}, "must be means over steps, which kd is not"),
        ({"gradient": SLTT, "loss": [STEPS, FEATURE]}, "must be means over steps, which feature is not"),
        ({"loss": FEATURE}, "losses: feature has no cross-entropy of the labels; add one that has, such as ce"),
        ({"loss": [{"kind": "ce"}, {"kind": "skd"}]}, "ce and skd each have a cross-entropy of the labels; keep one"),
        ({"augmentation": [{"kind": "cutmix"}, {"kind": "cutmix"}]}, "both mix recordings; keep one of them"),
        ({"frames": "full", "init": "converted"}, "new: frames: full takes no ANN that learns on other frames, as l4 "
         "does (order: halves); give it an ANN of params/anns.yaml with order: full, or set frames: phase2"),
        ({"frames": "full", "loss": {"kind": "kd"}}, "frames: full takes no ANN that learns on other"),
        ({"frames": "full", "loss": [{"kind": "ce"}, FEATURE]}, "frames: full takes no ANN that learns on other"),
        ({"network": "snn-5", "init": "converted"}, "a converted network is the ANN's, 'vgg-snn' of l4; found"),
        ({"frame_size": [17, 17], "init": "converted"}, "a recipe with an ANN sees the ANN's frames, [34, 34] px on"),
        ({"clips": CLIPS, "frames": "full"}, "new: a clip of T = 10 windows is longer than the 8 of clips.windows"),
        ({"slice_by": "time", "init": "converted"}, "a recipe with an ANN sees the ANN's frames, by number on"),
        ({"frame_size": [48, 48]}, "new.frame_size: resize nearest cannot enlarge the sensor [34, 34]"),
        ({"frame_size": [9, 9]}, "vgg-snn, for new on mnist-dvs-sim: frames of (9, 9) px are too small"),
        ({"steps": 6}, "new: T = 6 frames after phase 1, params/datasets.yaml: mnist-dvs-sim leaves 5"),
        ({"loss": [{"kind": "ce"}, {**FEATURE, "layers": ["act9"]}]}, "no layer act9 in this network; its"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_together_is_refused(entry: dict[str, Any], expected: str) -> None:
    parsed = parse(documents(("recipes.new", entry)))
    place = "recipes" if parsed.recipe("new").needs_ann else "baselines"
    message = refusal(
        documents(("recipes.new", entry), ("grid.grid", {**OF, "name": "g", "seeds": [0], place: ["new"]}))
    )
    assert expected in message and len(message.splitlines()) == 1
    assert "new" in message


def test_phase_1_learns_from_no_teacher() -> None:
    message = refusal(documents((f"datasets.{CAMERA}.ann.loss", {"kind": "skd"})))
    assert f"{CAMERA}.ann: loss: skd learns from the ANN, which learns here" in message
    message = refusal(documents((f"datasets.{CAMERA}.augmentation", {"kind": "clip", "steps": 3})))
    assert f"datasets.yaml: {CAMERA}.augmentation: clip is put there by a recipe's key clips" in message
    message = refusal(documents((f"datasets.{CAMERA}.augmentation", [{"kind": "cutmix"}, {"kind": "cutmix"}])))
    assert f"datasets.yaml: {CAMERA}.ann: augmentations: cutmix and cutmix both mix recordings" in message


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        # More steps than there are frames.
        ("grid.grid.sweep", ["hsd.t6"], "recipes.yaml: hsd.t6: T = 6 frames after phase 1, params/datasets.yaml: "),
        ("grid.paper.recipes", ["hsd.t6"], "params/datasets.yaml: cifar10dvs leaves 5 of its integrate.steps 10"),
        # Each list takes its own kind.
        ("grid.grid.baselines", ["feature"], "grid.baselines takes recipes that need no ANN (init: random, a loss"),
        ("grid.grid.baselines", ["hsd.t3"], "'hsd.t3' is of those that need an ANN (init: converted, or a loss"),
        ("grid.methods.recipes", ["ht", "tet-full.t9"], "methods.recipes takes recipes that need an ANN"),
        ("grid.grid.sweep", ["hsd-plus"], "hsd-plus: order: it takes an ANN whose order is interleaved; that of l8 is"),
        ("grid.grid.sweep", ["tet-full.t5"], "grid.sweep takes recipes that need an ANN"),
        ("grid.grid.baselines", ["if", "hsd"], "grid: listed under baselines and under recipes, sweep or more: hsd"),
    ],
)  # fmt: skip
def test_grids_that_cannot_be_run_are_refused(path: str, value: Any, expected: str) -> None:
    assert expected in refusal(documents((path, value)))


def test_an_ann_has_no_surrogate() -> None:
    message = refusal(documents(("anns.l8.gradient", {"kind": "dspike"})))
    assert "anns.yaml: l8: gradient: dspike is of neurons with a surrogate, which an ANN has not" in message
