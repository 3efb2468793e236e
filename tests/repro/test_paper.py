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

import h5py
import pytest

from pipeline.config import code
from pipeline.frames.store import load
from tests import standins, tiny
from tests.repro.conftest import Clone, make_clone

pytestmark = pytest.mark.slow

DATASETS = ("cifar10dvs", "ncaltech101", "dvsgesture")
PAPER = tiny.read()["grid"]["paper"]
# One of each kind, and Table 2.
SHOWN = {
    "baselines": ["lif", "if", "tet", "tet-full.t1", "tet-full", "tcja.t5", "plif.t5", "ssnn"],
    "recipes": ["skd", "ht", "ht-kd", "kd-feature", "hsd.t1"],
    "more": ["hsd"],
}
EVERYWHERE = {name for names in SHOWN.values() for name in names}


def thin(documents: tiny.Documents) -> tiny.Documents:
    """Return the paper's settings with one epoch, one seed and thin networks; all else stays."""
    for schedule in documents["schedules"].values():
        schedule |= {"epochs": 1, "warmup": None}
        schedule.get("decay", {}).pop("hold", None)
    for network in documents["networks"].values():
        # Spikformer's channels are shared among heads.
        network["width"] = 1 / 16 if network["kind"] == "spikformer" else 1 / 32
    documents["grid"]["paper"]["seeds"] = [0]
    documents["report"]["dpi"] = 40
    documents["grid"]["grid"] = documents["grid"]["paper"]
    return documents


def run(monkeypatch: pytest.MonkeyPatch, module: str, *arguments: str) -> None:
    """Run a command in this process: starting Python a hundred times would take longer than all the rest."""
    # This process has loaded what other stages need too.
    monkeypatch.setattr(code, "only", lambda _: None)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    runpy.run_module(module, run_name="__main__", alter_sys=True)


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clone, list[str], list[str]]:
    """A clone with stand-ins and the paper's grid, the stages DVC plans, and their commands."""
    clone = make_clone(tmp_path_factory.mktemp("paper") / "clone")
    tiny.write_params(clone.root, thin(tiny.read()))
    for name in DATASETS:
        standins.WRITERS[name](clone.root / "data/raw" / name)
    # Without --force DVC looks in its run cache for what does not exist yet, and fails on the missing file.
    plan = clone.run("dvc", "repro", "--dry", "--force").stdout
    return clone, re.findall(r"Running stage '([^']+)'", plan), re.findall(r"^> (.+)$", plan, re.MULTILINE)


def test_the_plan_has_every_run_of_the_paper(planned: tuple[Clone, list[str], list[str]]) -> None:
    _, stages, commands = planned
    assert len(stages) == len(commands) == len(set(stages))
    for dataset in DATASETS:
        wanted = {
            *(f"{stage}@{dataset}" for stage in ("recordings", "integrate", "select")),
            *(f"{stage}@{dataset}-{ann}-0" for stage in ("train_ann", "convert") for ann in PAPER["anns"]),
            *(f"{stage}_more@{dataset}-{ann}-0" for stage in ("train_ann", "convert") for ann in PAPER["more_anns"]),
            *(f"train_snn@{dataset}-{recipe}-0" for recipe in PAPER["recipes"]),
            *(f"train_snn_sweep@{dataset}-hsd-{ann}-0" for ann in PAPER["anns"]),
            *(f"train_snn_more@{dataset}-{name}-{ann}-0" for name in PAPER["more"] for ann in PAPER["more_anns"]),
            *(f"train_snn_alone@{dataset}-{recipe}-0" for recipe in PAPER["baselines"]),
        }
        assert {name for name in stages if f"@{dataset}" in name} == wanted


def is_run(path: Path) -> bool:
    """Whether a command is run here: see the module's docstring."""
    stage, dataset, *rest = path.relative_to("data/plan").with_suffix("").parts
    recipe = rest[-1].removesuffix("-0") if rest else None
    return dataset == "cifar10dvs" or stage != "train_snn" or recipe == "hsd" or recipe in EVERYWHERE


# A hundred trainings, each of one epoch: minutes on a busy machine.
@pytest.mark.timeout(1800)
def test_the_planned_commands_run(planned: tuple[Clone, list[str], list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    clone, _, commands = planned
    monkeypatch.chdir(clone.root)
    monkeypatch.setenv("HSD_DEVICE", "cpu")
    monkeypatch.setenv("HSD_WORKERS", "1")
    ran, reports = set(), []
    for command in commands:
        python, flag, module, *arguments = shlex.split(command)
        assert (python, flag) == ("python", "-m")
        if module == "stages.plan":
            run(monkeypatch, module)
        elif len(Path(arguments[0]).parts) == 3:
            reports.append((module, *arguments))
        elif is_run(Path(arguments[0])):
            run(monkeypatch, module, *arguments)
            ran.add(module)
    assert ran == {
        f"stages.{name}" for name in ("recordings", "integrate", "select", "train_ann", "convert", "train_snn")
    } and [module for module, _ in reports] == ["stages.results", "stages.tables", "stages.figures", "stages.page"]
    documents = tiny.read(clone.root)
    documents["grid"]["grid"] = {**documents["grid"]["grid"], **SHOWN}
    tiny.write_params(clone.root, documents)
    run(monkeypatch, "stages.plan")
    for module, argument in reports:
        run(monkeypatch, module, argument)

    wanted = {
        "cifar10dvs": ((20, 10), (10, 2, 48, 48), 10),
        "ncaltech101": ((101, 101), (10, 2, 48, 48), 101),
        "dvsgesture": ((24, 12), (16, 2, 128, 128), 11),
    }
    for name, (sides, shape, classes) in wanted.items():
        height, width = shape[2:]
        with h5py.File(f"data/frames/{name}/t{shape[0]}-{height}x{width}.h5") as file:
            assert file["frames"].shape == (sum(sides), *shape)
        assert len(load(f"data/frames/{name}/t{shape[0]}-{height}x{width}.h5").header.classes) == classes
        facts = json.loads(Path(f"data/frames/{name}/facts.json").read_text())
        assert (facts["train"], facts["test"]) == sides and facts["n_skipped"] == 0
        assert facts["published"].startswith("not the published")
        assert json.loads(Path(f"data/runs/{name}/integrate.json").read_text())["recordings_per_s"] > 0
        metrics = json.loads(Path(f"data/results/{name}/own/hsd-0/metrics.json").read_text())
        assert (metrics["n_train"], metrics["n_test"]) == sides
        steps = {1, 2, 3, 4, 5, 10, shape[0]}
        made = {path.name for path in Path(f"data/frames/{name}").glob("*.h5")}
        assert made >= {f"t{number}-{height}x{width}.h5" for number in steps}
        for number in steps:
            with h5py.File(f"data/frames/{name}/t{number}-{height}x{width}.h5") as file:
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
        "comparisons",
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
    assert {path.suffix for path in Path("reports/paper/figures").iterdir()} == {".pdf", ".png", ".svg"}
    assert "<html" in Path("reports/paper/index.html").read_text()
