"""The `paper` grid on stand-ins: DVC plans it, and every command of the plan runs, with one epoch and thin networks."""

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
    for dataset in ("cifar10dvs", "ncaltech101", "dvsgesture"):
        anns = ("own", "l4", "l8", "other")
        wanted = {
            f"integrate@{dataset}",
            *(f"{stage}@{dataset}-{ann}-0" for stage in ("train_ann", "convert") for ann in anns),
            *(f"finetune@{dataset}-{recipe}-0" for recipe in ("skd", "ht", "ht-kd", "hsd")),
            *(f"sweep@{dataset}-hsd-{ann}-0" for ann in anns[1:]),
            *(f"baseline@{dataset}-{recipe}-0" for recipe in ("lif", "if")),
        }  # fmt: skip
        assert {name for name in stages if f"@{dataset}" in name} == wanted
    assert not [name for name in stages if name.startswith("recordings")]


def test_every_planned_command_runs(
    planned: tuple[Clone, list[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    clone, _, commands = planned
    monkeypatch.chdir(clone.root)
    monkeypatch.setenv("HSD_DEVICE", "cpu")
    monkeypatch.setenv("HSD_WORKERS", "1")
    for command in commands:
        python, flag, module, *arguments = shlex.split(command)
        assert (python, flag) == ("python", "-m")
        # In this process: starting Python sixty times would take longer than all the rest.
        monkeypatch.setattr(sys, "argv", [module, *arguments])
        runpy.run_module(module, run_name="__main__")

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
    with open("reports/paper/tables/table2_ablation.csv", newline="") as rows:
        table = list(csv.DictReader(rows))
    assert len(table) == 3 * 8 and {row["dataset"] for row in table} == set(wanted)
    with open("reports/paper/tables/table3_quantization.csv", newline="") as rows:
        assert [(row["dataset"], row["levels"]) for row in csv.DictReader(rows)] == [
            (name, levels) for name in wanted for levels in ("4", "8", "16", "32")
        ]
    assert sorted(Path("reports/paper/figures").glob("*.png"))
