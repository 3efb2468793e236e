"""Recipes: what is left out comes from others, what cannot be run together is refused with what to do."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import pipeline.training.losses
from pipeline.config.catalogues import Params, load, parse
from pipeline.config.resolve import Resolved
from pipeline.config.run import TrainSnn
from tests.config.test_config import CAMERA, DOCUMENTS, checked, documents, refusal

TCJA = {"kind": "tcja", "kernel_t": 4, "kernel_c": 4}
FEATURE = {"kind": "feature", "layers": ["act2"]}
STEPS = {"kind": "ce", "of": "steps"}
SLTT = {"kind": "sltt"}
CLIPS = {"window_ms": 10, "windows": 8, "test": 3}
OF = {"datasets": [CAMERA], "anns": ["l4"], "baselines": [], "recipes": [], "sweep": [], "more_anns": [], "more": []}


def one(reference: str, *changes: tuple[str, Any], dataset: str = CAMERA) -> TrainSnn:
    """Return the settings of a recipe's one run in a grid of its own."""
    params = parse(documents(*changes))
    place = "recipes" if params.recipe(reference).needs_ann else "baselines"
    grid = {**OF, "name": "one", "seeds": [0], "datasets": [dataset], place: [reference]}
    # No other grid, which would be checked too.
    made = checked({**documents(*changes), "grid": {"grid": grid}})
    (found,) = Resolved(made, made.grid).train_snns()
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
        ({"schedule": "papersgd"}, "params/schedules.yaml: no entry 'papersgd'; did you mean 'paper-sgd'?"),
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
    assert "new" in message or "schedule" in entry


def test_phase_1_learns_from_no_teacher() -> None:
    message = refusal(documents((f"datasets.{CAMERA}.ann.loss", {"kind": "skd"})))
    assert f"{CAMERA}.ann: loss: skd learns from the ANN, which learns here" in message
    message = refusal(documents((f"datasets.{CAMERA}.augmentation", {"kind": "clip", "steps": 3})))
    assert f"datasets.yaml: {CAMERA}.augmentation: clip is put there by a recipe's key clips" in message
    message = refusal(documents((f"datasets.{CAMERA}.augmentation", [{"kind": "cutmix"}, {"kind": "cutmix"}])))
    assert f"datasets.yaml: {CAMERA}.ann: augmentations: cutmix and cutmix both mix recordings" in message


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
    assert (found.needs_ann, found.distils, found.causal) == (needs, distils, causal)


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
        ("grid.grid.sweep", ["tet-full.t5"], "grid.sweep takes recipes that need an ANN"),
        ("grid.grid.baselines", ["if", "hsd"], "grid: listed under baselines and under recipes, sweep or more: hsd"),
    ],
)  # fmt: skip
def test_grids_that_cannot_be_run_are_refused(path: str, value: Any, expected: str) -> None:
    assert expected in refusal(documents((path, value)))


def test_a_recipe_may_have_its_own_network_schedule_augmentation_and_frame_size() -> None:
    before = one("if")
    assert before.network.model.width == 0.125 and before.training.augmentations == []
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
        assert one(name, dataset=CAMERA if small else "cifar10dvs").run.recipe == name


def test_a_recipe_that_is_listed_twice_is_one_run() -> None:
    made = checked(documents(("grid.grid.recipes", ["hsd", "skd"]), ("grid.grid.sweep", ["hsd"])))
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
