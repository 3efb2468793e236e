"""The plan: each run's file is complete in itself, and changes with its own settings and code, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pipeline.config.catalogues import parse
from pipeline.config.plan import plan
from pipeline.config.planned import Planned, check_code, read
from pipeline.config.planned import parse as parse_planned
from pipeline.config.report import ReportSettings
from pipeline.config.run import Convert, TrainAnn, TrainSnn
from pipeline.errors import ConfigError
from stages import integrate, recordings, results, select
from tests.config.test_config import CAMERA, documents

MODELS: dict[str, Any] = {
    "recordings": recordings.Settings, "integrate": integrate.Settings, "select": select.Settings,
    "train_ann": TrainAnn, "convert": Convert, "train_snn": TrainSnn, "results": results.Settings,
    "tables": ReportSettings, "figures": ReportSettings, "page": ReportSettings,
}  # fmt: skip
TRAINING = ("train_ann", "convert", "train_snn")
LOSSES = "pipeline.training.losses."


def planned(grid: str, *changes: tuple[str, Any]) -> dict[str, Planned]:
    made = documents(*changes)
    made["grid"]["grid"] = made["grid"][grid]
    return plan(parse(made))


@pytest.fixture(scope="module")
def plans() -> dict[str, dict[str, Planned]]:
    return {grid: planned(grid) for grid in ("grid", "methods", "systems", "paper")}


def changed(before: dict[str, Planned], after: dict[str, Planned]) -> set[str]:
    return {name for name in {*before, *after} if name not in before or name not in after or
            before[name].text() != after[name].text()}  # fmt: skip


@pytest.mark.parametrize("grid", ["grid", "methods", "systems", "paper"])
def test_each_file_is_all_that_its_stage_needs(plans: dict[str, dict[str, Planned]], grid: str) -> None:
    for path, entry in plans[grid].items():
        assert path.partition("/")[0].removesuffix(".json") == entry.stage
        again = parse_planned(entry.text())
        assert again == entry
        settings = MODELS[entry.stage].model_validate(again.settings)
        assert settings.model_dump(mode="json") == entry.settings, "nothing is added by defaults"


def test_every_stage_of_a_run_has_a_file_named_as_its_weights(plans: dict[str, dict[str, Planned]]) -> None:
    for path, entry in plans["methods"].items():
        if entry.stage in TRAINING:
            run = entry.settings["run"]
            assert path == f"{entry.stage}/{run['dataset']}/{run['ann'] or 'none'}/{run['recipe']}-{run['seed']}.json"
    grid = parse(documents()).grids["methods"]
    sets, seeds, anns = len(grid.datasets), len(grid.seeds), len(grid.anns)
    counts = {stage: sum(entry.stage == stage for entry in plans["methods"].values()) for stage in MODELS}
    more = len(grid.more_anns)
    assert counts["train_ann"] == counts["convert"] == sets * seeds * (anns + more)
    many = anns * len(grid.sweep) + more * len(grid.more)
    assert counts["train_snn"] == sets * seeds * (len(grid.baselines) + len(grid.recipes) + many)
    assert {counts[stage] for stage in ("recordings", "integrate", "select")} == {sets}
    assert {counts[stage] for stage in ("results", "tables", "figures", "page")} == {1}


def test_the_same_settings_are_the_same_text(plans: dict[str, dict[str, Planned]]) -> None:
    assert not changed(plans["grid"], planned("grid"))
    # Whatever the order in which a person wrote the keys down.
    made = documents()
    made["recipes"] = dict(reversed(made["recipes"].items()))
    made["datasets"] = {name: dict(reversed(entry.items())) for name, entry in made["datasets"].items()}
    assert not {name for name in changed(plans["grid"], plan(parse(made))) if name.startswith(TRAINING)}
    for entry in plans["grid"].values():
        content = json.loads(entry.text())
        assert list(content) == sorted(content) == ["code", "settings", "stage"]


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("recipes.hsd.title", "Ours"), ("recipes.hsd.method", "skd"), ("report.dpi", 75), ("report.table2", ["hsd"]),
        (f"datasets.{CAMERA}.paper", "ncaltech101"),
    ],
)  # fmt: skip
def test_a_title_or_a_change_of_the_report_trains_nothing_again(
    plans: dict[str, dict[str, Planned]], path: str, value: Any
) -> None:
    found = changed(plans["methods"], planned("methods", (path, value)))
    assert found and found <= {"results.json", "tables.json", "figures.json", "page.json"}


@pytest.mark.parametrize("grid", ["grid", "methods", "paper"])
def test_an_option_of_a_recipes_loss_touches_its_runs_alone(plans: dict[str, dict[str, Planned]], grid: str) -> None:
    found = changed(plans[grid], planned(grid, ("recipes.skd.loss.weight", 0.5)))
    runs = {name for name in plans[grid] if name.startswith("train_snn/") and name.split("/")[-1].startswith("skd-")}
    assert runs and {name for name in found if "/" in name} == runs


def test_other_changes_touch_what_uses_them(plans: dict[str, dict[str, Planned]]) -> None:
    def touched(path: str, value: Any) -> set[str]:
        return {name for name in changed(plans["grid"], planned("grid", (path, value))) if "/" in name}

    training = {name for name, entry in plans["grid"].items() if entry.stage in ("train_ann", "train_snn")}
    of_ann = {name for name, entry in plans["grid"].items() if entry.stage in ("train_ann", "convert")}
    assert touched("schedules.short-random.epochs", 31) == {
        f"train_snn/{CAMERA}/{ann}-0.json" for ann in ("none/if", "none/lif", "l8/skd")
    }
    assert touched("anns.l16.levels", 15) == {
        f"{stage}/{CAMERA}/l16/{run}-0.json"
        for stage, run in (("train_ann", "ann"), ("convert", "converted"), ("train_snn", "hsd"))
    }
    assert touched(f"datasets.{CAMERA}.ann.threshold", 4.0) == of_ann | {
        name for name in training if "/none/" not in name
    }
    assert touched(f"datasets.{CAMERA}.eval_every.test", 1) == training
    assert touched(f"datasets.{CAMERA}.integrate.clip", True) == {f"integrate/{CAMERA}.json"}
    assert touched(f"datasets.{CAMERA}.recordings.seed", 1) == {f"recordings/{CAMERA}.json"}
    assert not touched("datasets.cifar10dvs.phases", {"t1": 4})


def test_a_seed_more_is_files_more_and_changes_none(plans: dict[str, dict[str, Planned]]) -> None:
    more = planned("grid", ("grid.grid.seeds", [0, 1]))
    for name, entry in plans["grid"].items():
        if "/" in name:
            assert more[name].text() == entry.text()
    assert {name for name in more if name not in plans["grid"]} == {
        name.replace("-0.json", "-1.json") for name, entry in plans["grid"].items() if entry.stage in TRAINING
    }


def test_the_code_of_a_run_has_the_pieces_it_uses_and_no_others(plans: dict[str, dict[str, Planned]]) -> None:
    def kinds(path: str, group: str) -> set[str]:
        found = plans["methods"].get(path) or plans["systems"][path]
        names = (name.removeprefix(f"pipeline.{group}.") for name in found.code
                 if name.startswith(f"pipeline.{group}."))  # fmt: skip
        return {name for name in names if not name.startswith("_")}

    run = f"train_snn/{CAMERA}/{{}}-0.json".format
    assert kinds(run("none/if"), "training.losses") == {"ce"}
    assert kinds(run("l8/hsd"), "training.losses") == {"skd"}
    assert kinds(run("l8/kd-feature"), "training.losses") == {"kd", "feature"}
    assert kinds(run("none/sltt"), "training.gradients") == {"sltt"}
    assert kinds(run("l8/hsd"), "training.gradients") == {"bptt"}
    assert kinds(run("l8/hsd"), "training.augmentations") == {"nda"}
    assert "tcja" in kinds(run("none/tcja.t5"), "nets.layers") and "tcja" not in kinds(run("none/tet"), "nets.layers")
    assert "lif" in kinds(run("none/lif"), "nets.layers") and "lif" not in kinds(run("none/if"), "nets.layers")
    assert kinds(run("l8/hsd"), "nets.models") == {"chain"}
    assert kinds(f"train_ann/{CAMERA}/l8/ann-0.json", "training.losses") == {"ce"}
    gesture = plans["paper"]["train_snn/dvsgesture/own/hsd-0.json"].code
    assert "pipeline.training.augmentations.nda" in gesture
    for grid in plans.values():
        for entry in grid.values():
            if entry.stage in TRAINING:
                # The report, the camera, readers of recordings and the plan itself are nothing to a run.
                unused = ("pipeline.report", "pipeline.camera", "pipeline.events.a", "pipeline.frames.build",
                          "pipeline.config.plan", "pipeline.config.resolve", "pipeline.config.catalogues",
                          "pipeline.results.table", "pipeline.evaluation.exits")  # fmt: skip
                assert not [name for name in entry.code if name.startswith(unused)]
            if entry.stage in ("recordings", "integrate", "select"):
                assert not [name for name in entry.code if name.startswith(("pipeline.nets", "pipeline.training"))]


def test_tables_figures_and_page_hang_on_every_file_that_they_find(plans: dict[str, dict[str, Planned]]) -> None:
    assert "pipeline.report.tables.table2_ablation" in plans["grid"]["tables.json"].code
    assert "pipeline.report.figures.figure2" in plans["grid"]["figures.json"].code
    assert not [name for name in plans["grid"]["tables.json"].code if name.startswith("pipeline.report.figures.f")]


def test_each_data_set_has_the_frames_files_that_its_runs_need(plans: dict[str, dict[str, Planned]]) -> None:
    def files(grid: str, dataset: str) -> list[tuple[int, list[int]]]:
        made = plans[grid][f"integrate/{dataset}.json"].settings["files"]
        return [(file["steps"], file["frame_size"]) for file in made]

    assert files("grid", CAMERA) == [(10, [34, 34])]
    assert sorted(files("methods", CAMERA)) == [(steps, [34, 34]) for steps in (1, 2, 3, 4, 5, 10)]
    assert sorted(files("systems", CAMERA)) == [(steps, [34, 34]) for steps in (5, 8, 10)]
    assert files("paper", "dvsgesture")[0] == (16, [128, 128])
    paper = sorted(files("paper", "dvsgesture"))
    assert [steps for steps, size in paper if size == [128, 128]] == [1, 2, 3, 4, 5, 8, 10, 16, 20]
    # Those of the systems as their authors trained them.
    assert [steps for steps, size in paper if size == [48, 48]] == [8, 10, 16, 20]
    own = planned("grid", ("recipes.if.frame_size", [17, 17]))
    assert [file["frame_size"] for file in own[f"integrate/{CAMERA}.json"].settings["files"]] == [[34, 34], [17, 17]]
    for entries in plans.values():
        for path, entry in entries.items():
            if entry.stage == "select":
                made = entries[path.replace("select", "integrate")].settings["files"]
                assert all(chosen["file"] in made for chosen in entry.settings["selections"].values())


def test_every_run_has_its_selections(plans: dict[str, dict[str, Planned]]) -> None:
    for entries in plans.values():
        for entry in entries.values():
            if entry.stage not in TRAINING:
                continue
            run = entry.settings["run"]
            known = entries[f"select/{run['dataset']}.json"].settings["selections"]
            names = [run["recipe"]] if entry.stage == "train_snn" else [f"ann.phase{n}" for n in (1, 2)]
            assert {f"{run['ann'] or 'none'}/{name}" for name in names} <= set(known)


def test_code_that_is_not_the_plans_is_refused() -> None:
    entry = planned("grid")[f"train_snn/{CAMERA}/none/if-0.json"]
    check_code("a.json", entry)
    stale = Planned(entry.stage, entry.settings, {**entry.code, "pipeline.training.loop": "0" * 16})
    with pytest.raises(ConfigError, match=r"a\.json: pipeline\.training\.loop changed after the plan was made"):
        check_code("a.json", stale)
    less = {name: value for name, value in entry.code.items() if name != "pipeline.training.loop"}
    with pytest.raises(ConfigError, match=r"pipeline\.training\.loop changed after"):
        check_code("a.json", Planned(entry.stage, entry.settings, less))


def test_a_file_that_is_no_plan_is_named(tmp_path: Any) -> None:
    with pytest.raises(ConfigError, match=r"x\.json: not found; `dvc repro`"):
        read(tmp_path / "x.json")
    for text in ("{", "[]", "{}", '{"stage": "a", "settings": 1, "code": {}}'):
        (tmp_path / "x.json").write_text(text)
        with pytest.raises(ConfigError, match=r"x\.json: not a file of the plan"):
            read(tmp_path / "x.json")
