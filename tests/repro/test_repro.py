"""`dvc repro` for real: what runs again after which change."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import yaml

from tests import tiny
from tests.repro.conftest import REPOSITORY, Clone, make_clone

pytestmark = pytest.mark.slow

DS = tiny.DATASET
SNNS = {
    f"train_snn_alone@{DS}-if-0", f"train_snn_alone@{DS}-tet-full.t2-0", f"train_snn_alone@{DS}-tet-full-0",
    f"train_snn@{DS}-skd-0", f"train_snn_sweep@{DS}-hsd-l8-0", f"train_snn_sweep@{DS}-hsd-l4-0",
}  # fmt: skip
OF_L8 = {f"train_ann@{DS}-l8-0", f"convert@{DS}-l8-0", f"train_snn@{DS}-skd-0", f"train_snn_sweep@{DS}-hsd-l8-0"}
RUNS = OF_L8 | SNNS | {f"train_ann@{DS}-l4-0", f"convert@{DS}-l4-0"}
DATA = {f"{stage}@{DS}" for stage in ("recordings", "integrate", "select")}
# What is reported is reported again where a run has changed.
REPORT = {"results", "tables", "figures", "page"}


def test_one_run_makes_everything_and_the_second_runs_nothing(copy: Clone) -> None:
    lock = yaml.safe_load((copy.root / "dvc.lock").read_text())
    assert {"plan"} | DATA | RUNS | REPORT == set(lock["stages"])
    metrics = json.loads((copy.root / "reports/default/metrics.json").read_text())
    assert set(metrics) == {"ann", "if", "hsd"}
    for name in ("table2_ablation", "table3_quantization"):
        for suffix in ("csv", "md", "tex"):
            assert (copy.root / f"reports/default/tables/{name}.{suffix}").stat().st_size > 100
    assert copy.files("reports/default/figures/*.png") and copy.files("reports/default/figures/*.pdf")
    assert "<html" in (copy.root / "reports/default/index.html").read_text()
    assert not [path for path in copy.root.rglob(".*.partial") if ".dvc" not in path.parts]
    assert copy.repro() == []


def test_a_recipes_option_runs_that_recipe_and_the_report_and_a_person_sees_why(copy: Clone) -> None:
    copy.change("recipes.skd.loss.weight", 0.5)
    why = copy.run(sys.executable, "-m", "pipeline", "why", f"train_snn@{DS}-skd-0", check=False)
    assert why.returncode == 1 and "weight" in why.stdout and "0.5" in why.stdout
    untouched = copy.run(sys.executable, "-m", "pipeline", "why", f"train_snn_alone@{DS}-if-0")
    assert "up to date" in untouched.stdout
    assert set(copy.repro()) == {"plan", f"train_snn@{DS}-skd-0"} | REPORT


def test_one_anns_schedule_runs_what_hangs_on_it(copy: Clone) -> None:
    copy.change("schedules.shorter", {"like": "short", "epochs": 1})
    copy.change("anns.l8.schedule", "shorter")
    assert set(copy.repro()) == {"plan"} | OF_L8 | REPORT


def test_what_is_shown_trains_nothing(copy: Clone) -> None:
    copy.change("report.dpi", 60)
    copy.change("recipes.skd.title", "Step-wise")
    assert set(copy.repro()) == {"plan"} | REPORT
    assert "Step-wise" in (copy.root / "reports/default/tables/table2_ablation.md").read_text()


def test_comments_and_docstrings_run_nothing_but_the_plan(copy: Clone) -> None:
    copy.edit("pipeline/training/loop.py", "from __future__", "# A remark.\nfrom __future__")
    copy.edit("pipeline/training/losses/skd.py", '"""', '"""In other words. ')
    copy.edit("pipeline/nets/convert.py", "\n\n\ndef convert", "\n\n\n\n# Another.\ndef convert")
    assert copy.repro() == ["plan"]


def test_an_edited_loss_runs_the_recipes_that_use_it(copy: Clone) -> None:
    copy.edit("pipeline/training/losses/skd.py", "\nclass Options", "\nUNUSED = 1\n\n\nclass Options")
    why = copy.run(sys.executable, "-m", "pipeline", "why", f"train_snn@{DS}-skd-0", check=False)
    assert "pipeline.training.losses.skd (edited)" in why.stdout
    # The weights are the same, so nothing after them runs: neither results nor report.
    ran = set(copy.repro())
    assert ran == {"plan", *(name for name in RUNS if "-skd-" in name or "-hsd-" in name)}


NEW_LOSS = '''"""Cross-entropy of the last step's logits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from pipeline.training.losses import Loss, LossOptions, Targets, TeacherOutput, Terms


class Options(LossOptions):
    """Nothing to choose."""

    kind: Literal["last-step"] = "last-step"


class LastStep(Loss):
    def forward(
        self, logits: Tensor, targets: Targets, features: Mapping[str, Tensor], teacher: TeacherOutput | None
    ) -> Terms:
        del features, teacher
        return {"ce": F.cross_entropy(logits[-1].float(), targets.labels)}


def build(options: Options) -> Loss:
    """Return the loss."""
    del options
    return LastStep()
'''


def test_a_new_loss_neuron_and_network_are_files_and_run_only_themselves(copy: Clone) -> None:
    losses, layers, models = (
        copy.root / "pipeline" / name for name in ("training/losses", "nets/layers", "nets/models")
    )
    (losses / "last_step.py").write_text(NEW_LOSS)
    neuron = (layers / "lif.py").read_text()
    (layers / "leaky.py").write_text(neuron.replace('Literal["lif"] = "lif"', 'Literal["leaky"] = "leaky"'))
    model = (models / "chain.py").read_text()
    (models / "row.py").write_text(model.replace('Literal["chain"] = "chain"', 'Literal["row"] = "row"'))
    assert copy.repro() == ["plan"]
    copy.change("networks.too", {"kind": "row", "layers": [4, "p", 8, "p"]})
    copy.change("recipes.last", {"loss": {"kind": "last-step"}})
    copy.change("recipes.leaky", {"neuron": {"kind": "leaky"}, "network": "too"})
    copy.change("grid.grid.baselines", ["if", "tet-full.t2", "tet-full", "last", "leaky"])
    ran = set(copy.repro())
    # New selections are written beside the old ones, which stay as they are.
    new = {f"train_snn_alone@{DS}-last-0", f"train_snn_alone@{DS}-leaky-0"}
    assert ran == {"plan", f"select@{DS}"} | new | REPORT


def test_another_number_of_frames_decodes_once_and_trains_only_what_sees_them(copy: Clone) -> None:
    assert sorted(Path(name).name for name in copy.files(f"data/frames/{DS}/*.h5")) == ["t2-18x18.h5", "t5-18x18.h5"]
    copy.change("grid.grid.baselines", ["if", "tet-full.t2", "tet-full", "tet-full.t3"])
    ran = set(copy.repro())
    assert ran == {"plan", f"integrate@{DS}", f"select@{DS}", f"train_snn_alone@{DS}-tet-full.t3-0"} | REPORT


def test_another_size_of_frames_is_noticed(copy: Clone) -> None:
    copy.change(f"datasets.{DS}.integrate.frame_size", [16, 16])
    assert f"integrate@{DS}" in copy.repro(f"integrate@{DS}")
    shape = copy.run(
        sys.executable, "-c", f"import h5py; print(h5py.File('data/frames/{DS}/t5-16x16.h5')['frames'].shape)"
    )
    assert shape.stdout.strip() == "(24, 5, 2, 16, 16)"


def test_changed_pictures_and_lists_are_noticed(copy: Clone) -> None:
    folder = copy.root / "data/raw" / DS / "bar"
    (folder / "0.png").write_bytes((folder / "1.png").read_bytes())
    assert copy.repro(f"integrate@{DS}") == [f"recordings@{DS}", f"integrate@{DS}"]
    made = copy.root / "data/recordings" / DS
    names = sorted(str(path.relative_to(made)) for path in made.glob("*/*"))
    listed = copy.root / "data/splits/tiny.csv"
    for held_out in ("0", "1"):
        rows = [f"{name},{'test' if name.endswith(f'_{held_out}.aedat') else 'train'}" for name in names]
        listed.write_text("\n".join(["name,split", *rows, ""]))
        copy.change(f"datasets.{DS}.integrate.split", {"rule": "listed", "file": "data/splits/tiny.csv"})
        assert f"integrate@{DS}" in copy.repro(f"integrate@{DS}")


def test_wall_times_are_in_no_hash(copy: Clone) -> None:
    assert copy.files("data/runs/**/*.json")
    assert "data/runs" not in (copy.root / "dvc.lock").read_text()


def test_a_lost_file_comes_back_without_the_rest(copy: Clone) -> None:
    before = {**copy.files("data/frames/*/*.h5"), **copy.files("data/models/**/*.safetensors")}
    weights = copy.root / "data/models" / DS / "l4/ann-0.safetensors"
    # From the workspace alone: the cache has it.
    weights.unlink()
    assert copy.repro() == []
    # From the cache too: made again, equal, so that nothing after it runs.
    digest = yaml.safe_load((copy.root / "dvc.lock").read_text())["stages"][f"train_ann@{DS}-l4-0"]["outs"]
    md5 = next(out["md5"] for out in digest if out["path"].endswith("safetensors"))
    weights.unlink()
    cached = copy.root / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    cached.chmod(0o644)
    cached.unlink()
    assert copy.repro() == [f"train_ann@{DS}-l4-0"]
    assert {**copy.files("data/frames/*/*.h5"), **copy.files("data/models/**/*.safetensors")} == before


def test_two_fresh_clones_give_equal_bytes(reproduced: Clone, tmp_path: Path) -> None:
    other = make_clone(tmp_path / "other")
    other.repro("tables")
    patterns = (
        "data/plan/**/*",
        "data/recordings/**/*.aedat",
        "data/frames/*/*.h5",
        "data/models/**/*",
        "data/results/**/*",
    )
    for pattern in patterns:
        wanted = reproduced.files(pattern)
        assert wanted and other.files(pattern) == wanted
    assert other.files("reports/default/tables/*.csv") == reproduced.files("reports/default/tables/*.csv")


def test_another_grid_is_chosen_by_name(copy: Clone) -> None:
    documents = tiny.read(copy.root)
    documents["grid"]["more"] = {
        **documents["grid"]["grid"],
        "name": "more",
        "baselines": [],
        "recipes": [],
        "seeds": [0, 1],
    }
    tiny.write_params(copy.root, documents)
    done = copy.run(
        "dvc", "exp", "run", "-S", "grid=${more}", "-S", "params/recipes.yaml:skd.loss.weight=0.25", "tables"
    )
    ran = [line.split("'")[1] for line in done.stdout.splitlines() if line.startswith("Running stage")]
    # Seed 0 is the default grid's and is not run again; the frames are those that are left.
    assert not [name for name in ran if name.endswith("-0") or name.startswith("train_snn_alone")]
    assert {f"train_snn_sweep@{DS}-hsd-l4-1", f"train_ann@{DS}-l8-1", "tables"} <= set(ran)
    assert (copy.root / "reports/more/tables/table3_quantization.csv").exists()
    assert tiny.read(copy.root)["recipes"]["skd"]["loss"]["weight"] == 0.25
    changed = copy.run("dvc", "params", "diff").stdout
    assert "grid.name" in changed and "more" in changed


def test_what_another_grid_left_is_kept_apart_and_the_way_back_trains_nothing(copy: Clone) -> None:
    def hashed() -> str:
        stages = yaml.safe_load((copy.root / "dvc.lock").read_text())["stages"]
        return str(next(dep["md5"] for dep in stages["results"]["deps"] if dep["path"] == "data/results"))

    before, files = hashed(), copy.files("data/results/**/*")
    anns, recipes = (tiny.read(copy.root)["grid"]["grid"][key] for key in ("anns", "recipes"))
    copy.change("grid.grid.anns", ["l8"])
    copy.change("grid.grid.recipes", [])
    assert not set(copy.repro()) & RUNS and copy.repro() == []
    gone = {name for name in files if "/l4/" in name or "/skd-" in name}
    assert set(copy.files("data/results/**/*")) == set(files) - gone and gone
    kept = {name.replace("data/results/", "data/others/"): files[name] for name in gone}
    assert copy.files("data/others/**/*") == kept and hashed() != before
    copy.change("grid.grid.anns", anns)
    copy.change("grid.grid.recipes", recipes)
    assert not set(copy.repro()) & RUNS
    assert copy.files("data/results/**/*") == files and hashed() == before


def test_the_committed_lock_has_this_machines_recordings_and_frames(tmp_path: Path) -> None:
    clone = make_clone(tmp_path / "clone")
    for path in (*tiny.files().values(), REPOSITORY / "dvc.lock"):
        (clone.root / path.relative_to(REPOSITORY)).write_bytes(path.read_bytes())
    clone.run("git", "rm", "-rq", "--cached", "-f", f"data/raw/{DS}")
    for name in tiny.CLASSES:
        for picture in (clone.root / "data/raw" / DS / name).iterdir():
            picture.unlink()
        (clone.root / "data/raw" / DS / name).rmdir()
    wanted = yaml.safe_load((REPOSITORY / "dvc.lock").read_text())["stages"]
    clone.repro(f"integrate@{DS}")
    found = yaml.safe_load((clone.root / "dvc.lock").read_text())["stages"]
    for stage in (f"recordings@{DS}", f"integrate@{DS}"):
        assert found[stage]["outs"] == wanted[stage]["outs"]
