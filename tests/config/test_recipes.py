"""Recipes: what is left out comes from the defaults, what cannot be run together is refused with what to do."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config import load, parse
from pipeline.config.networks import MAP_ACTIVATIONS, SMALLEST_FRAME
from pipeline.errors import ConfigError
from pipeline.nets.build import FAMILIES
from tests.config.test_config import DOCUMENT, changed, refusal
from tests.tiny import recipe

TCJA = {"kind": "tcja", "kernel_t": 4, "kernel_c": 4}


def test_what_a_recipe_leaves_out_it_has_from_the_defaults() -> None:
    params = load()
    for name, entry in DOCUMENT["recipes"].items():
        assert params.recipe(name).model_dump() == {**DOCUMENT["recipe_defaults"], **entry}
    document = changed("recipe_defaults.temperature", 5.0)
    assert parse(document).recipe("ht").temperature == 5.0
    # An entry's own value stands.
    assert parse(document).recipe("hsd").temperature == DOCUMENT["recipes"]["hsd"]["temperature"] == 2.0


def test_a_key_that_an_entry_lacks_may_be_added_to_it() -> None:
    """`dvc exp run -S +recipes.hsd.target=0.5` adds the key; a misspelt one is an error like any other."""
    assert "target" not in DOCUMENT["recipes"]["hsd"]
    params = parse(changed("recipes.hsd.target", 0.5))
    assert (params.recipe("hsd").target, params.recipe("skd").target) == (0.5, DOCUMENT["recipe_defaults"]["target"])
    assert "recipes.hsd.targt: unknown key; did you mean 'target'?" in refusal(changed("recipes.hsd.targt", 0.5))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("recipe_defaults.loss", "cee", "recipe_defaults.loss: input should be 'ce', 'tet', "),
        ("recipe_defaults.temper", 1.0, "recipe_defaults.temper: unknown key; did you mean 'temperature'?"),
        ("recipe_defaults", None, "recipe_defaults: input should be a valid dictionary"),
    ],
)  # fmt: skip
def test_a_wrong_default_is_told_once(path: str, value: Any, expected: str) -> None:
    message = refusal(changed(path, value))
    assert expected in message and len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"init": "converted", "neuron": "lif"}, "init: converted needs neuron: if"),
        ({"init": "converted", "attention": TCJA}, "a converted network has the ANN's layers alone; set init: random"),
        ({"loss": "skd", "weight": 0.0}, "loss: skd with weight 0 distils nothing; set weight, or loss: ce"),
        ({"loss": "tet"}, "loss: tet is a cross-entropy of each step; set ce: steps"),
        ({"loss": "tet", "ce": "steps", "weight": 1.5}, "expected 0 to 1, found 1.5"),
        ({"frames": "whole", "init": "converted"}, "frames: whole takes no ANN, which learns on other frames"),
        ({"frames": "whole", "loss": "kd"}, "frames: whole takes no ANN"),
        ({"frames": "whole", "taps": ["act2"]}, "frames: whole takes no ANN"),
        ({"training": "sltt"}, "the loss must be a mean over steps: ce: steps, loss: ce, tet or skd, taps: []"),
        ({"training": "sltt", "ce": "steps", "loss": "kd"}, "the loss must be a mean over steps"),
        ({"training": "sltt", "ce": "steps", "taps": ["act2"]}, "the loss must be a mean over steps"),
        ({"training": "sltt", "ce": "steps", "attention": TCJA}, "shows one time step at a time, attention needs all"),
        ({"training": "slt"}, "'bptt' or 'sltt', found 'slt'"),
        ({"attention": {**TCJA, "kind": "cbam"}}, "recipes.new.attention.kind: input should be 'tcja', found 'cbam'"),
        ({"attention": {**TCJA, "kernel_t": 0}}, "kernel_t: input should be greater than or equal to 1, found 0"),
        ({"attention": {"kind": "tcja", "kernel_t": 4}}, "recipes.new.attention.kernel_c: missing key"),
        ({"taps": ["act2", "act2"]}, "listed twice: act2"),
        ({"steps": 0}, "recipes.new.steps: expected how many frames, at least 1, or all, found 0"),
        ({"steps": "al"}, "recipes.new.steps: expected how many frames, at least 1, or all, found 'al'"),
        ({"steps": True}, "or all, found True"),
        ({"steps": 2.0}, "or all, found 2.0"),
        ({"frames": "phase1"}, "'phase2' or 'whole', found 'phase1'"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_together_is_refused(entry: dict[str, Any], expected: str) -> None:
    message = refusal(changed("recipes.new", entry))
    assert expected in message and message.startswith("params.yaml: recipes.new") and len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("entry", "needs", "distils"),
    [
        ({}, False, False),
        ({"init": "converted"}, True, False),
        ({"loss": "tet", "ce": "steps", "weight": 0.0}, False, False),
        ({"loss": "kd", "weight": 1.0}, True, True),
        ({"loss": "skd", "weight": 1.0, "training": "sltt", "ce": "steps"}, True, True),
        ({"taps": ["act1"]}, True, True),
        ({"frames": "whole", "attention": TCJA}, False, False),
    ],
)
def test_what_needs_an_ann_and_what_learns_from_one(entry: dict[str, Any], needs: bool, distils: bool) -> None:
    found = recipe(**entry)
    assert (found.needs_ann, found.distils) == (needs, distils)


def test_steps_are_those_of_the_recipe_or_all_there_are() -> None:
    params = load()
    assert [params.steps_of("embedded", name) for name in ("hsd", "hsd-2", "tet-3", "tet-all")] == [5, 2, 3, 10]
    assert [params.steps_of("dvsgesture", name) for name in ("hsd", "hsd-2", "tet-3", "tet-all")] == [10, 2, 3, 16]


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        # More steps than there are frames.
        ("recipes.hsd.steps", 6, "recipes.hsd.steps: 6 frames after phase 1, datasets.embedded leaves 5 of its"),
        ("recipes.tet-3.steps", 7, "recipe 'tet-3' sees whole recordings in 7 frames; datasets.embedded.whole has"),
        ("datasets.embedded.whole", [1, 2, 3, 5, 10], "add 4 to it"),
        ("datasets.embedded.whole", [1, 1], "datasets.embedded.whole: listed twice: 1"),
        ("datasets.dvsgesture.whole", [1, 2, 3, 4, 5, 10], "paper: recipe 'tet-all' sees whole recordings in 16"),
        ("datasets.embedded.integrate.steps", 16, "methods: recipe 'tet-all' sees whole recordings in 16 frames"),
        # whole and resplit go together.
        ("grid.whole", ["tet-5"], "resplit must name all of datasets where whole names recipes"),
        ("grid.resplit", ["embedded"], "and none where it does not"),
        ("paper.resplit", ["cifar10dvs"], "resplit must name all of datasets"),
        # Each list takes its own kind.
        ("grid.baselines", ["if", "tet-5"], "grid.baselines takes recipes that need no ANN"),
        ("grid.baselines", ["if", "tet-5"], "'tet-5' is of those that see whole recordings (frames: whole)"),
        ("grid.baselines", ["feature"], "'feature' is of those that need an ANN (init: converted, loss: kd or skd, or"),
        ("grid.recipes", ["sltt"], "grid.recipes takes recipes that need an ANN"),
        ("grid.recipes", ["tet-5"], "grid.recipes takes recipes that need an ANN"),
        ("methods.whole", ["sltt-5", "ht-tet"], "listed under two of baselines, whole and recipes: ht-tet"),
        ("methods.whole", ["tet5"], "methods.whole: recipes has no entry 'tet5'; did you mean 'tet-5'?"),
        ("methods.sweep_recipes", ["hsd-9"], "methods.sweep_recipes: recipes has no entry 'hsd-9'"),
        # The report names runs.
        ("report.table1", ["tet5"], "report.table1: no run 'tet5'; did you mean 'tet-5'?"),
        ("report.table4", ["hds"], "report.table4: no run 'hds'; did you mean 'hsd'?"),
        ("report.figure2", {"HSD": ["hsd1"]}, "report.figure2.HSD: no run 'hsd1'; did you mean 'hsd-1'?"),
        ("report.figure4.runs", ["tett"], "report.figure4.runs: no run 'tett'; did you mean 'tet'?"),
        ("report.exit_at", [1.5], "report.exit_at.0: input should be less than or equal to 1"),
        ("datasets.embedded.monitor.test", -1, "greater than or equal to 0, found -1"),
    ],
)  # fmt: skip
def test_grids_that_cannot_be_run_are_refused(path: str, value: Any, expected: str) -> None:
    assert expected in refusal(changed(path, value))


def test_a_whole_recipe_and_its_resplit_are_accepted_together() -> None:
    document = changed("grid.whole", ["tet-5", "tcja-5"])
    document["grid"]["resplit"] = ["embedded"]
    assert parse(document).grid.whole == ["tet-5", "tcja-5"]


def test_the_methods_of_the_paper_are_what_the_paper_says() -> None:
    params = load()
    for name in ("tet", "sltt", "tet-5", "tet-all", "tcja-5", "sltt-5"):
        # TET's VGG-SNN: LIF, each step trained.
        found = params.recipe(name)
        assert (found.neuron, found.ce, found.init) == ("lif", "steps", "random")
    for name in ("tet", "ht-tet", "tet-3", "tet-all", "tcja-10"):
        found = params.recipe(name)
        assert (found.loss, found.weight, found.target) == ("tet", 1e-3, 1.0)
    # DTS differs from STS in the number of frames alone.
    dts = params.recipe("tet-all")
    for steps in (1, 2, 3, 4, 5, 10):
        assert params.recipe(f"tet-{steps}").model_copy(update={"steps": "all"}) == dts
        assert params.recipe(f"tet-{steps}").steps == steps
    for steps in (1, 2, 3, 4, 5):
        assert params.recipe(f"hsd-{steps}").model_copy(update={"steps": "all"}) == params.recipe("hsd")
    assert [name for name in params.recipes if params.recipe(name).attention] == ["tcja-5", "tcja-10"]
    assert {name for name in params.recipes if params.recipe(name).training == "sltt"} == {
        "sltt", "ht-sltt", "sltt-5", "sltt-10",
    }  # fmt: skip
    assert params.recipe("kd-feature").distils and params.recipe("kd-feature").taps == params.recipe("feature").taps


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (
            "recipes.feature.taps",
            ["act2", "act9"],
            "recipes.feature.taps: vgg-snn-8th, .* has no map",
        ),
        ("recipes.feature.taps", ["conv1"], "'conv1'; it has act1 to act8"),
        ("networks.vgg-snn-8th.attention", ["act6", "pool1"], "networks.vgg-snn-8th.attention: .*'pool1'"),
        ("networks.vgg-snn-8th.attention", [], "recipe 'tcja-5' has attention, the network names no layer"),
    ],
)
def test_layers_that_are_not_there_are_refused(path: str, value: list[str], message: str) -> None:
    document = changed(path, value)
    document["grid"] = document["methods"]
    with pytest.raises(ConfigError, match=message):
        parse(document)


def test_map_activations_are_the_networks() -> None:
    for family, build in FAMILIES.items():
        side = SMALLEST_FRAME[family]
        names = [name for name, _ in build(2, (side, side), width=1 / 64).activations()]
        assert names[: MAP_ACTIVATIONS[family]] == [f"act{n}" for n in range(1, MAP_ACTIVATIONS[family] + 1)]


def test_names_that_are_taken_or_misspelt_are_refused() -> None:
    assert "recipes.converted: the name is taken" in refusal(changed("recipes.converted", {"init": "converted"}))
    assert "lower-case letters, digits, - and _" in refusal(changed("recipes.Mine_1", {"init": "converted"}))
    assert "report.titles: no recipe 'hsd-tetha'" in refusal(changed("report.titles.hsd-tetha", "x"))
