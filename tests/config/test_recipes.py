"""Recipes: what is left out comes from others, and what they resolve to."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import pipeline.training.losses
from pipeline.config.catalogues import Params, load, parse
from pipeline.config.check import check
from pipeline.config.grid import Grid
from pipeline.config.resolve import Resolved
from pipeline.config.run import TrainSnn
from tests.config.test_config import CAMERA, DOCUMENTS, documents, refusal

TCJA = {"kind": "tcja", "kernel_t": 4, "kernel_c": 4}
FEATURE = {"kind": "feature", "layers": ["act2"]}
SLTT = {"kind": "sltt"}
CLIPS = {"window_ms": 10, "windows": 8, "test": 3}
OF = {"datasets": [CAMERA], "anns": ["l4"], "baselines": [], "recipes": [], "sweep": [], "more_anns": [], "more": []}


def one(reference: str, *changes: tuple[str, Any], dataset: str = CAMERA) -> TrainSnn:
    """Return the settings of a recipe's one run in a grid of its own."""
    return alone(parse(documents(*changes)), reference, dataset)


def alone(params: Params, reference: str, dataset: str) -> TrainSnn:
    place = "recipes" if params.recipe(reference).needs_ann else "baselines"
    lists = {"datasets": [dataset], place: [reference]}
    if params.recipe(reference).order == "interleaved":
        lists["anns"] = ["l8-interleaved"]
    grid = Grid.model_validate({**OF, "name": "one", "seeds": [0], **lists})
    check(params, "grid", grid)
    (found,) = Resolved(params, grid).train_snns()
    return found


def test_what_a_recipe_leaves_out_it_has_from_the_defaults() -> None:
    params = load()
    defaults = params.recipe("if").model_dump() | {"title": None}
    for name, entry in DOCUMENTS["recipes"].items():
        if name == "defaults":
            continue
        found = params.recipe(name)
        grown = [entry]
        while "like" in grown[-1]:
            grown.append(DOCUMENTS["recipes"][grown[-1]["like"]])
        own = {key for each in grown for key in each} - {"like"}
        for key in set(type(found).model_fields) - own:
            assert found.model_dump()[key] == defaults[key], (name, key)
    made = documents(("recipes.defaults.neuron", {"kind": "if", "threshold": 0.5}))
    # Of the same kind, options are merged; of another, nothing is left.
    assert parse(made).recipe("hsd").neuron.threshold == 0.5
    assert parse(made).recipe("lif").neuron.threshold == params.recipe("lif").neuron.threshold == 1.0


def test_an_entry_that_is_like_another_has_what_that_one_has() -> None:
    params = load()
    tet, full = params.recipe("tet"), params.recipe("tet-full")
    assert full == tet.model_copy(update={"frames": "full", "method": "tet"}) and full.title == "TET"
    changed = parse(documents(("recipes.tet.loss.weight", 0.5), ("recipes.tcja.loss", {"target": 2.0})))
    assert changed.recipe("tet-full").loss[0].weight == changed.recipe("tcja").loss[0].weight == 0.5
    assert (changed.recipe("tcja").loss[0].target, changed.recipe("tet").loss[0].target) == (2.0, 1.0)
    assert changed.recipe("ht-tet").loss[0].weight == 1e-3
    copy = params.dataset("dvsgesture-tonic")
    assert (copy.paper, copy.integrate.layout) == (None, "dvsgesture_tonic")
    assert copy.phases == params.dataset("dvsgesture").phases and copy.network == "snn-5"


def test_a_key_that_an_entry_lacks_may_be_added_to_it() -> None:
    """`dvc exp run -S '+params/recipes.yaml:hsd.loss.average=logits'` adds it; a misspelt one is an error."""
    assert "average" not in DOCUMENTS["recipes"]["hsd"]["loss"]
    params = parse(documents(("recipes.hsd.loss.average", "logits")))
    assert (params.recipe("hsd").loss[0].average, params.recipe("skd").loss[0].average) == ("logits", "probabilities")
    message = refusal(documents(("recipes.hsd.loss.avrage", "logits")))
    assert "hsd.loss: kind 'skd' has no option 'avrage'; did you mean 'average'?" in message


@pytest.mark.parametrize(
    ("entry", "needs", "distils", "causal"),
    [
        ({}, False, False, True),
        ({"init": "converted"}, True, False, True),
        ({"loss": {"kind": "tet", "weight": 0.0}}, False, False, True),
        ({"loss": {"kind": "kd"}}, True, True, True),
        ({"loss": {"kind": "skd", "ce": "steps"}, "gradient": SLTT}, True, True, True),
        ({"loss": [{"kind": "ce"}, FEATURE]}, True, True, True),
        ({"frames": "full", "attention": TCJA}, False, False, False),
    ],
)
def test_what_needs_an_ann_and_what_learns_from_one(
    entry: dict[str, Any], needs: bool, distils: bool, causal: bool
) -> None:
    found = parse(documents(("recipes.new", entry))).recipe("new")
    learns = any(loss.needs_teacher for loss in found.loss)
    assert (found.needs_ann, learns, found.causal) == (needs, distils, causal)


def test_the_number_of_steps_is_data() -> None:
    for dataset, steps in ((CAMERA, [5, 2, 3, 10]), ("dvsgesture", [10, 2, 3, 16])):
        resolved = Resolved(load(), load().grid)
        names = ("hsd", "hsd.t2", "tet-full.t3", "tet-full")
        assert [resolved.steps(dataset, name) for name in names] == steps
        assert [resolved.selection(dataset, name).steps for name in names] == steps
    params = load()
    assert params.recipe("hsd.t3") == params.recipe("hsd").model_copy(update={"steps": 3})
    # In phase 2 the first frames of those there are; of full frames a file of its own.
    found = resolved.selection(CAMERA, "hsd.t3")
    assert (found.first, found.stop, found.file.name) == (5, 8, "t10-34x34.h5")
    assert resolved.selection(CAMERA, "tet-full.t3").file.name == "t3-34x34.h5"
    run = one("hsd.t3")
    assert (run.run.recipe, run.network.steps) == ("hsd.t3", 3) and run.training == one("hsd").training


def test_a_recipe_may_have_its_own_network_schedule_augmentation_and_frame_size() -> None:
    before = one("if")
    assert before.network.model.width == 0.125 and [piece.kind for piece in before.training.augmentations] == ["nda"]
    found = one(
        "mine",
        ("networks.small", {"kind": "chain", "layers": [64, "p"], "width": 2.0}),
        ("schedules.quick", {"like": "short", "epochs": 3}),
        ("recipes.mine", {
            "network": "small", "schedule": "quick", "augmentation": {"kind": "cutmix", "alpha": 0.5},
            "frame_size": [17, 34],
        }),
    )  # fmt: skip
    # Twice as wide as the data set's, which has an eighth of each network's width.
    assert (found.network.model.width, found.training.schedule.epochs) == (0.25, 3)
    assert [(piece.kind, piece.alpha) for piece in found.training.augmentations] == [("cutmix", 0.5)]
    assert found.training.schedule.optimizer == before.training.schedule.optimizer
    # The data set's own augmentation may be left out, too.
    assert one("if", dataset="cifar10dvs").training.augmentations
    assert not one("if", ("recipes.if.augmentation", []), dataset="cifar10dvs").training.augmentations
    made = parse(documents(("recipes.mine", {"frame_size": [17, 34]})))
    assert Resolved(made, made.grid).selection(CAMERA, "mine").file.name == "t10-17x34.h5"
    made = parse(documents(("recipes.mine", {"frames": "full", "steps": 4, "slice_by": "time"})))
    assert Resolved(made, made.grid).selection(CAMERA, "mine").file.name == "t4-34x34-time.h5"


def test_a_recipe_may_see_clips() -> None:
    own = {"frames": "full", "steps": 4, "clips": CLIPS, "augmentation": {"kind": "nda", "roll_px": 2}}
    found = one("mine", ("recipes.mine", own))
    # A clip first, so that what comes behind it has less to do.
    assert [piece.kind for piece in found.training.augmentations] == ["clip", "nda"]
    assert (found.training.augmentations[0].steps, found.network.steps) == (4, 4)
    made = parse(documents(("recipes.mine", own)))
    chosen = Resolved(made, made.grid).selection(CAMERA, "mine.t5")
    assert (chosen.file.name, chosen.first, chosen.stop, chosen.steps) == ("t8-34x34-10ms.h5", 0, 8, 5)
    assert chosen.clip is not None and chosen.clip.test == 3
    assert one("mine.t5", ("recipes.mine", own)).training.augmentations[0].steps == 5


def test_a_folder_of_ones_own_is_a_few_lines() -> None:
    text = """
mine:
  width: 0.125
  integrate:
    sensor: [260, 346]
    split: {rule: numeric, train: 80}
  phases: {t1: 4, t2: 6}
  schedules: {ann: short, converted: short-finetune, random: short-random}
"""
    assert len(text.strip().splitlines()) <= 10
    for reference in ("hsd", "if", "tet-full.t4"):
        found = one(reference, ("datasets.mine", yaml.safe_load(text)["mine"]), dataset="mine")
        assert found.run.dataset == "mine"
        assert found.network.steps == (4 if "." in reference else 6)


def test_a_loss_that_is_a_new_file_is_found_by_its_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "focal.py").write_text(
        "from typing import Literal\n"
        "from pipeline.config.base import Nonnegative\n"
        "from pipeline.training.losses import LossOptions\n"
        "class Options(LossOptions):\n"
        "    kind: Literal['focal'] = 'focal'\n"
        "    gamma: Nonnegative = 2.0\n"
        "def build(options):\n"
        "    return lambda logits, targets, features, teacher: {'ce': options.gamma * logits.mean()}\n"
    )
    monkeypatch.setattr(pipeline.training.losses, "__path__", [*pipeline.training.losses.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, "pipeline.training.losses.focal", raising=False)
    found = one("mine", ("recipes.mine", {"loss": {"kind": "focal", "gamma": 0.5}}))
    assert found.training.losses[0].model_dump() == {"kind": "focal", "gamma": 0.5}
    message = refusal(documents(("recipes.mine", {"loss": {"kind": "focal", "gama": 0.5}})))
    assert "mine.loss: kind 'focal' has no option 'gama'; did you mean 'gamma'?" in message


def test_the_methods_of_the_paper_are_what_the_paper_says() -> None:
    params = load()

    def losses(name: str) -> list[str]:
        return [loss.kind for loss in params.recipe(name).loss]

    for name in ("tet", "sltt", "tet-full", "tcja", "sltt-full"):
        # TET's VGG-SNN: LIF, each step trained.
        found = params.recipe(name)
        assert (found.neuron.kind, found.loss[0].stepwise, found.init) == ("lif", True, "random")
    for name in ("tet", "ht-tet", "tet-full", "tcja"):
        (found,) = params.recipe(name).loss
        assert (found.kind, found.weight, found.target) == ("tet", 1e-3, 1.0)
    for name in ("skd", "hsd", "kd", "ht-kd"):
        (found,) = params.recipe(name).loss
        assert (found.weight, found.temperature, found.average, found.ce) == (1.0, 2.0, "probabilities", "mean")
    assert {name: losses(name) for name in ("if", "ht", "skd", "hsd", "kd", "ht-kd", "feature", "kd-feature")} == {
        "if": ["ce"], "ht": ["ce"], "skd": ["skd"], "hsd": ["skd"], "kd": ["kd"], "ht-kd": ["kd"],
        "feature": ["ce", "feature"], "kd-feature": ["kd", "feature"],
    }  # fmt: skip
    assert params.recipe("kd-feature").feature_layers == params.recipe("feature").feature_layers == ["act2", "act4"]
    names = list(params.recipes)
    # The paper's own stand before the other systems.
    of_paper = {name: params.recipes[name] for name in names[: names.index("plif")]}
    converted = {name for name, recipe in of_paper.items() if recipe.init == "converted"}
    assert converted == {"ht", "ht-kd", "hsd", "ht-sltt", "ht-tet"}
    full = {name for name, recipe in of_paper.items() if recipe.frames == "full"}
    assert full == {"tet-full", "sltt-full", "tcja"}
    assert [name for name, recipe in of_paper.items() if recipe.attention] == ["tcja"]
    assert {name for name, recipe in params.recipes.items() if recipe.gradient.stepwise} == {
        "sltt", "ht-sltt", "sltt-full",
    }  # fmt: skip
    # The ANN of Table 2 and the steps of Table 1 and Figure 2.
    paper = params.grids["paper"]
    assert {f"hsd.t{t}" for t in range(1, 6)} | {f"tet-full.t{t}" for t in (1, 2, 3, 4, 5, 10)} <= set(
        paper.all_recipes
    )
    assert paper.sweep == ["hsd"]


def test_every_recipe_resolves_on_every_data_set_of_its_frames() -> None:
    """Each entry, in no grid yet, could be run on recordings of 128 x 128 px; those on 34 x 34 px that need no more."""
    params: Params = load()
    for name, recipe in params.recipes.items():
        small = max(recipe.frame_size or [0]) <= 34
        assert alone(params, name, CAMERA if small else "cifar10dvs").run.recipe == name


def test_a_recipe_that_is_listed_twice_is_one_run() -> None:
    made = parse(documents(("grid.grid.recipes", ["hsd", "skd"]), ("grid.grid.sweep", ["hsd"])))
    check(made, "grid", made.grid)
    found = Resolved(made, made.grid).snns
    assert len(set(found)) == len(found) and sum(snn.recipe == "hsd" for snn in found) == len(made.grid.anns)


def test_a_recipe_may_be_otherwise_on_a_data_set() -> None:
    own = {
        "neuron": {"kind": "lif", "decay": 0.3},
        "per_dataset": {"dvsgesture": {"steps": 3, "neuron": {"decay": 0.4}}},
    }
    found = {dataset: one("mine", ("recipes.mine", own), dataset=dataset) for dataset in ("cifar10dvs", "dvsgesture")}
    assert [run.network.steps for run in found.values()] == [5, 3]
    assert [run.network.activation.decay for run in found.values()] == [0.3, 0.4]
    # What grows from it has it too; T of a reference stands above it.
    made = parse(documents(("recipes.mine", own), ("recipes.other", {"like": "mine"})))
    assert made.recipe("other", "dvsgesture").steps == 3 and made.recipe("other.t2", "dvsgesture").steps == 2
    for wrong, message in (
        ({"dvsgestur": {}}, "mine.per_dataset: params/datasets.yaml has no entry 'dvsgestur'; did you mean"),
        ({"dvsgesture": {"init": "converted", "neuron": {"kind": "if"}}}, "must need an ANN there as elsewhere"),
    ):
        assert message in refusal(documents(("recipes.mine", {"per_dataset": wrong})))
