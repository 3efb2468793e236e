"""`dvc repro` for real: what runs again after which change, and what comes of killing it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import yaml

from tests.repro.conftest import REPOSITORY, Clone, make_clone

pytestmark = pytest.mark.repro

REPORT = {"tables", "figures", "page"}
# Whatever changes in params.yaml is checked; whatever is reported is reported again.
ALWAYS = {"check"} | REPORT


def test_one_run_makes_everything_and_the_second_runs_nothing(copy: Clone) -> None:
    lock = yaml.safe_load((copy.root / "dvc.lock").read_text())
    assert {
        "check", "recordings@embedded", "integrate@embedded", "train_ann@embedded-l4-0", "train_ann@embedded-l8-0",
        "convert@embedded-l4-0", "convert@embedded-l8-0", "finetune@embedded-skd-0", "finetune@embedded-hsd-0",
        "sweep@embedded-hsd-l4-0", "baseline@embedded-if-0", "resplit@embedded", "whole@embedded-tet-2-0",
        "whole@embedded-tet-all-0", "tables", "figures", "page",
    } == set(lock["stages"])  # fmt: skip
    metrics = json.loads((copy.root / "reports/default/metrics.json").read_text())
    assert set(metrics) == {"ann", "if", "skd", "hsd"}
    for name in ("table2_ablation", "table3_quantization"):
        for suffix in ("csv", "md", "tex"):
            assert (copy.root / f"reports/default/tables/{name}.{suffix}").stat().st_size > 100
    assert copy.files("reports/default/figures/*.png") and copy.files("reports/default/figures/*.pdf")
    assert "<html" in (copy.root / "reports/default/index.html").read_text()
    assert not [path for path in copy.root.rglob(".*.partial") if ".dvc" not in path.parts]
    assert copy.repro() == []


def test_a_recipes_weight_runs_that_recipe_and_the_report(copy: Clone) -> None:
    copy.change("recipes.skd.weight", 0.5)
    copy.change("recipes.tet-2.weight", 0.5)
    assert set(copy.repro()) == {"finetune@embedded-skd-0", "whole@embedded-tet-2-0"} | ALWAYS


def test_what_all_frames_means_is_noticed_where_the_split_recordings_stay_the_same(copy: Clone) -> None:
    assert sorted(copy.files("data/frames/embedded.whole/*")) == [
        f"data/frames/embedded.whole/t{steps}.h5" for steps in (2, 5)
    ]
    copy.change("datasets.embedded.integrate.steps", 6)
    status = copy.run("dvc", "status", "whole@embedded-tet-all-0").stdout
    assert "integrate.steps" in status and "embedded.whole" not in status


def test_one_anns_training_runs_what_hangs_on_it(copy: Clone) -> None:
    copy.change("anns.l8.epochs", 1)
    assert set(copy.repro()) == {
        "train_ann@embedded-l8-0", "convert@embedded-l8-0", "finetune@embedded-skd-0", "finetune@embedded-hsd-0",
    } | ALWAYS  # fmt: skip


def test_labels_of_the_report_train_nothing(copy: Clone) -> None:
    copy.change("report.dpi", 60)
    copy.change("report.titles", {"skd": "Step-wise", "hsd": "Hybrid"})
    assert set(copy.repro()) == ALWAYS
    assert "Step-wise" in (copy.root / "reports/default/tables/table2_ablation.md").read_text()


def test_a_list_of_numbers_is_noticed(copy: Clone) -> None:
    copy.change("datasets.embedded.integrate.frame_size", [16, 16])
    assert "integrate@embedded" in copy.repro("integrate@embedded")
    shape = copy.run(sys.executable, "-c", "import h5py; print(h5py.File('data/frames/embedded.h5')['frames'].shape)")
    assert shape.stdout.strip() == "(24, 5, 2, 16, 16)"


def test_changed_pictures_and_lists_are_noticed(copy: Clone) -> None:
    folder = copy.root / "data/images/tiny/bar"
    (folder / "0.png").write_bytes((folder / "1.png").read_bytes())
    assert copy.repro("integrate@embedded") == ["recordings@embedded", "integrate@embedded"]
    names = sorted(str(path.relative_to(copy.root / "data/raw/embedded")) for path in copy.root.glob("data/raw/*/*/*"))
    listed = copy.root / "data/splits/tiny.csv"
    for held_out in ("0", "1"):
        rows = [f"{name},{'test' if name.endswith(f'_{held_out}.aedat') else 'train'}" for name in names]
        listed.write_text("\n".join(["name,split", *rows, ""]))
        copy.change("datasets.embedded.integrate.split", {"rule": "listed", "file": "data/splits/tiny.csv"})
        assert "integrate@embedded" in copy.repro("integrate@embedded")


def test_wall_times_are_in_no_hash(copy: Clone) -> None:
    assert copy.files("data/runs/**/*.json")
    assert "data/runs" not in (copy.root / "dvc.lock").read_text()


def test_a_lost_file_comes_back_without_the_rest(copy: Clone) -> None:
    before = {**copy.files("data/frames/*.h5"), **copy.files("data/models/**/*.safetensors")}
    weights = copy.root / "data/models/embedded/l4/ann-0.safetensors"
    # From the workspace alone: the cache has it.
    weights.unlink()
    assert copy.repro() == []
    # From the cache too: made again, equal, so that nothing after it runs.
    digest = yaml.safe_load((copy.root / "dvc.lock").read_text())["stages"]["train_ann@embedded-l4-0"]["outs"]
    md5 = next(out["md5"] for out in digest if out["path"].endswith("safetensors"))
    weights.unlink()
    cached = copy.root / f".dvc/cache/files/md5/{md5[:2]}/{md5[2:]}"
    cached.chmod(0o644)
    cached.unlink()
    assert copy.repro() == ["train_ann@embedded-l4-0"]
    assert {**copy.files("data/frames/*.h5"), **copy.files("data/models/**/*.safetensors")} == before


def test_two_fresh_clones_give_equal_bytes(reproduced: Clone, tmp_path: Path) -> None:
    other = make_clone(tmp_path / "other")
    other.repro("tables")
    for pattern in ("data/raw/**/*.aedat", "data/frames/*.h5", "data/models/**/*", "data/results/**/*"):
        wanted = reproduced.files(pattern)
        assert wanted and other.files(pattern) == wanted
    assert other.files("reports/**/*.csv") == reproduced.files("reports/**/*.csv")


@pytest.mark.parametrize("target", ["dvc", "stage"])
def test_killed_training_goes_on_and_ends_with_equal_bits(copy: Clone, target: str, tmp_path: Path) -> None:
    stage = "train_ann@embedded-l4-0"
    weights = copy.root / "data/models/embedded/l4/ann-0.safetensors"
    copy.change("anns.l4.epochs", 400)
    whole = Clone(tmp_path / "whole", copy.environment)
    subprocess.run(["cp", "-r", str(copy.root), str(whole.root)], check=True)

    running = copy.start("dvc", "repro", stage)
    checkpoints = copy.root / ".dvc/tmp/trainings"
    wait_for(lambda: any(checkpoints.glob("*.pt")), "a checkpoint")
    training = next(process for process in psutil.Process(running.pid).children(True) if "stages" in cmdline(process))
    os.kill(running.pid if target == "dvc" else training.pid, signal.SIGKILL)
    running.wait(60)
    # A killed dvc leaves no training behind.
    wait_for(lambda: not training.is_running() or training.status() == psutil.STATUS_ZOMBIE, "the training to end")
    assert any(checkpoints.glob("*.pt")) and not weights.exists()

    resumed = copy.run("dvc", "repro", stage)
    assert "goes on after epoch" in resumed.stdout + resumed.stderr
    assert not any(checkpoints.glob("*.pt"))
    whole.repro(stage)
    assert weights.read_bytes() == (whole.root / weights.relative_to(copy.root)).read_bytes()


def test_interrupted_training_says_so_and_is_kept(copy: Clone) -> None:
    copy.change("anns.l4.epochs", 400)
    command = [sys.executable, "-m", "stages.train_ann", "--dataset", "embedded", "--ann", "l4", "--seed", "0"]
    running = subprocess.Popen(
        command, cwd=copy.root, env=copy.environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    wait_for(lambda: any((copy.root / ".dvc/tmp/trainings").glob("*.pt")), "a checkpoint")
    running.send_signal(signal.SIGINT)
    _, errors = running.communicate(timeout=60)
    assert running.returncode == 130
    assert "saved, the next run goes on from here" in errors and "Traceback" not in errors


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("datasets.embedded.train_ann.treshold", 3.0, "train_ann.treshold: unknown key; did you mean 'threshold'?"),
        ("datasets.embedded.phases.t2", 9, "phases need 11 frames"),
        ("networks.vgg-snn-8th.width", 0, "networks.vgg-snn-8th.width"),
        ("datasets.embedded.integrate.frame_size", [8, 8], "needs at least 16 px a side"),
        ("recipes.hsd.weight", "high", "recipes.hsd.weight"),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_run_are_refused_before_anything_runs(
    copy: Clone, path: str, value: object, message: str
) -> None:
    before = copy.files("data/**/*")
    copy.change(path, value)
    done = copy.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert message in done.stderr and "Traceback" not in done.stderr
    assert "Running stage 'check'" in done.stdout and done.stdout.count("Running stage") == 1
    after = copy.files("data/**/*")
    assert {name: data for name, data in after.items() if name != "data/checked.txt"} == {
        name: data for name, data in before.items() if name != "data/checked.txt"
    }


def test_a_recipe_that_is_not_there_is_refused_before_anything_runs(copy: Clone) -> None:
    copy.change("grid.recipes", ["skd", "hds"])
    done = copy.run("dvc", "repro", check=False)
    assert done.returncode != 0
    assert "recipes has no entry 'hds'; did you mean 'hsd'?" in done.stderr
    assert done.stdout.count("Running stage") == 1


def test_damaged_frames_are_named_and_leave_nothing_half_written(copy: Clone) -> None:
    frames = copy.root / "data/frames/embedded.h5"
    frames.chmod(0o644)
    frames.write_bytes(frames.read_bytes()[:5000])
    done = copy.run(
        sys.executable, "-m", "stages.train_ann", "--dataset", "embedded", "--ann", "l4", "--seed", "0", check=False
    )
    assert done.returncode == 1
    assert "error: data/frames/embedded.h5: damaged" in done.stderr and "Traceback" not in done.stderr


def test_another_grid_is_chosen_by_name(copy: Clone) -> None:
    document = copy.params()
    # One without recipes for whole recordings: nothing is split anew.
    smaller = {"recipes": ["hsd"], "whole": [], "resplit": [], "seeds": [0, 1]}
    document["study"] = {**document["grid"], "name": "study", **smaller}
    (copy.root / "params.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    done = copy.run("dvc", "exp", "run", "-S", "grid=${study}", "tables")
    ran = [line.split("'")[1] for line in done.stdout.splitlines() if line.startswith("Running stage")]
    # Seed 0 is the default grid's and is not run again.
    assert not [name for name in ran if name.endswith("-0") or name.startswith(("resplit", "whole"))]
    assert {"finetune@embedded-hsd-1", "train_ann@embedded-l8-1", "tables"} <= set(ran)
    assert (copy.root / "reports/study/tables/table2_ablation.csv").exists()


def test_the_committed_lock_has_this_machines_recordings_and_frames(tmp_path: Path) -> None:
    lock = REPOSITORY / "dvc.lock"
    clone = make_clone(tmp_path / "clone")
    for name in ("params.yaml", "dvc.lock"):
        (clone.root / name).write_bytes((REPOSITORY / name).read_bytes())
    assert clone.repro("integrate@embedded") == ["check", "recordings@embedded", "integrate@embedded"]
    wanted, found = (yaml.safe_load(path.read_text())["stages"] for path in (lock, clone.root / "dvc.lock"))
    for stage in ("recordings@embedded", "integrate@embedded"):
        assert found[stage]["outs"] == wanted[stage]["outs"]


def cmdline(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def wait_for(condition, what: str, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)
