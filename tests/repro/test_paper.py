"""The `paper` grid on stand-ins: DVC plans it, and its commands run, with one epoch and thin networks.

All of them on one data set; on the others those of SHOWN, which the report then shows of all three.
"""

from __future__ import annotations

import csv
import json
import re
import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

import h5py
import pytest
import yaml

from tests import standins, tiny
from tests.repro.conftest import Clone, make_clone

pytestmark = pytest.mark.repro

DATASETS = ("cifar10dvs", "ncaltech101", "dvsgesture")
ANNS = ("own", "l4", "l8", "other")
BASELINES = ("lif", "if", "sltt", "tet")
WHOLE = (*(f"tet-{steps}" for steps in (1, 2, 3, 4, 5, 10, "all")), "tcja-5", "tcja-10", "sltt-5", "sltt-10")
RECIPES = ("skd", "ht", "ht-kd", "hsd", "ht-sltt", "ht-tet", "kd", "feature", "kd-feature",
           *(f"hsd-{steps}" for steps in (1, 2, 3, 4, 5)))  # fmt: skip
# One of each kind, and Table 2.
SHOWN = {
    "baselines": ["lif", "if", "tet"],
    "whole": ["tet-1", "tet-all", "tcja-5"],
    "recipes": ["skd", "ht", "ht-kd", "hsd", "kd-feature", "hsd-1"],
}
EVERYWHERE = {name for names in SHOWN.values() for name in names}


def thin(document: dict[str, Any]) -> dict[str, Any]:
    """Give the paper's settings with one epoch, one seed and thin networks; all else stays."""
    for name in document["paper"]["datasets"]:
        settings = document["datasets"][name]
        for schedule in (settings["train_ann"]["schedule"], *settings["finetune"].values()):
            schedule["epochs"] = 1
    for network in document["networks"].values():
        network["width"] = 1 / 32
    document["paper"]["seeds"] = [0]
    document["report"]["dpi"] = 40
    return document


def run(monkeypatch: pytest.MonkeyPatch, module: str, *arguments: str) -> None:
    """Run a command in this process: starting Python a hundred times would take longer than all the rest."""
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    runpy.run_module(module, run_name="__main__")


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, list[str], list[str]]:
    """A clone with stand-ins and the paper's grid, the stages DVC plans, and their commands."""
    clone = make_clone(tmp_path_factory.mktemp("paper") / "clone")
    document = thin(yaml.safe_load(Path("params.yaml").read_text()))
    document["grid"] = document["paper"]
    tiny.write_params(clone.root, document)
    for name in document["paper"]["datasets"]:
        standins.WRITERS[name](clone.root / "data/raw" / name)
    # Without --force DVC looks in its run cache for what does not exist yet, and fails on the missing file.
    plan = clone.run("dvc", "repro", "--dry", "--force").stdout
    return clone, re.findall(r"Running stage '([^']+)'", plan), re.findall(r"^> (.+)$", plan, re.MULTILINE)


def test_the_plan_has_every_run_of_the_paper(planned: tuple[Clone, list[str], list[str]]) -> None:
    _, stages, commands = planned
    assert len(stages) == len(commands) == len(set(stages))
    for dataset in DATASETS:
        wanted = {
            f"integrate@{dataset}",
            f"resplit@{dataset}",
            *(f"{stage}@{dataset}-{ann}-0" for stage in ("train_ann", "convert") for ann in ANNS),
            *(f"finetune@{dataset}-{recipe}-0" for recipe in RECIPES),
            *(f"sweep@{dataset}-hsd-{ann}-0" for ann in ANNS[1:]),
            *(f"baseline@{dataset}-{recipe}-0" for recipe in BASELINES),
            *(f"whole@{dataset}-{recipe}-0" for recipe in WHOLE),
        }
        assert {name for name in stages if f"@{dataset}" in name} == wanted
    assert not [name for name in stages if name.startswith("recordings")]


def is_run(arguments: list[str]) -> bool:
    """Whether a command is run here: see the module's docstring."""
    flags = dict(zip(arguments[::2], arguments[1::2], strict=True))
    recipe = flags.get("--recipe")
    return flags.get("--dataset") in (None, "cifar10dvs") or recipe is None or recipe in EVERYWHERE


def test_the_planned_commands_run(planned: tuple[Clone, list[str], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    clone, _, commands = planned
    monkeypatch.chdir(clone.root)
    monkeypatch.setenv("HSD_DEVICE", "cpu")
    monkeypatch.setenv("HSD_WORKERS", "1")
    ran, reports = set(), []
    for command in commands:
        python, flag, module, *arguments = shlex.split(command)
        assert (python, flag) == ("python", "-m")
        if not arguments and module != "stages.check":
            reports.append(module)
        elif is_run(arguments):
            run(monkeypatch, module, *arguments)
            ran.add(module)
    assert ran == {
        f"stages.{name}" for name in ("check", "integrate", "resplit", "train_ann", "convert", "finetune")
    } and reports == ["stages.tables", "stages.figures", "stages.page"]
    document = clone.params()
    document["grid"] = document["paper"] = {**document["paper"], **SHOWN}
    tiny.write_params(clone.root, document)
    for module in reports:
        run(monkeypatch, module)

    wanted = {
        "cifar10dvs": ((20, 10), (10, 2, 48, 48), 10),
        "ncaltech101": ((101, 101), (10, 2, 48, 48), 101),
        "dvsgesture": ((24, 12), (16, 2, 128, 128), 11),
    }
    for name, (sides, shape, classes) in wanted.items():
        with h5py.File(f"data/frames/{name}.h5") as file:
            assert file["frames"].shape == (sum(sides), *shape)
            assert len(json.loads(file.attrs["classes"])) == classes
        facts = json.loads(Path(f"data/frames/{name}.json").read_text())
        assert (facts["train"], facts["test"]) == sides and facts["n_skipped"] == 0
        assert facts["published"].startswith("not the published")
        assert json.loads(Path(f"data/runs/{name}/integrate.json").read_text())["recordings_per_s"] > 0
        metrics = json.loads(Path(f"data/results/{name}/own/hsd-0/metrics.json").read_text())
        assert (metrics["n_train"], metrics["n_test"]) == sides
        whole = sorted(Path(f"data/frames/{name}.whole").iterdir())
        steps = {1, 2, 3, 4, 5, 10, shape[0]}
        assert {path.name for path in whole} == {f"t{number}.h5" for number in steps}
        for number in steps:
            with h5py.File(f"data/frames/{name}.whole/t{number}.h5") as file:
                assert file["frames"].shape == (sum(sides), number, *shape[1:])
    with open("reports/paper/tables/table2_ablation.csv", newline="") as rows:
        table = list(csv.DictReader(rows))
    assert len(table) == 3 * 8 and {row["dataset"] for row in table} == set(wanted)
    with open("reports/paper/tables/table3_quantization.csv", newline="") as rows:
        assert [(row["dataset"], row["levels"]) for row in csv.DictReader(rows)] == [
            (name, levels) for name in wanted for levels in ("4", "8", "16", "32")
        ]
    for name in (
        "table1_comparison",
        "table2_paired",
        "table4_ht",
        "table5_distillation",
        "early_exit",
        "latency",
        "energy",
    ):
        with open(f"reports/paper/tables/{name}.csv", newline="") as rows:
            assert {row["dataset"] for row in csv.DictReader(rows)} >= set(wanted), name
    drawn = {path.stem for path in Path("reports/paper/figures").iterdir()}
    assert drawn >= {f"{dataset}_{figure}" for dataset in wanted for figure in ("accuracy_vs_t", "figure2", "figure4")}
    assert {path.suffix for path in Path("reports/paper/figures").iterdir()} == {".pdf", ".png"}
    assert "<html" in Path("reports/paper/index.html").read_text()
