"""What each worker may use: whole cores and GPUs; a cluster's file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from pipeline.errors import ConfigError
from pipeline.jobs import workers
from pipeline.jobs.workers import read_cluster, slots, there, visible_gpus


@pytest.fixture
def eight(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of eight cores and three GPUs, of which the process may use all."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {5, 4, 3, 2, 1, 0, 6, 7}, raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    for name in ("HSD_THREADS", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)


def test_cores_are_shared_out_whole_and_never_twice(eight: None) -> None:
    assert [slot.cores for slot in slots(3)] == [(0, 1), (2, 3), (4, 5)]
    assert {slot.environment["HSD_THREADS"] for slot in slots(3)} == {"2"}
    assert slots(1)[0].cores == tuple(range(8)) and "HSD_DEVICE" not in slots(1)[0].environment
    with pytest.raises(ConfigError, match="--jobs 9 of 1 threads need 9 cores, this machine has 8: at most --jobs 8$"):
        slots(9)


def test_the_number_of_threads_that_the_user_sets_stays(eight: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HSD_THREADS", "4")
    assert [slot.cores for slot in slots(2)] == [(0, 1, 2, 3), (4, 5, 6, 7)]
    with pytest.raises(ConfigError, match="at most --jobs 2, or a smaller HSD_THREADS"):
        slots(3)


def test_runs_are_dealt_to_the_gpus_by_turns(eight: None) -> None:
    found = [slot.environment for slot in slots(6, ["0", "1", "2"], per_gpu=2)]
    assert [one["CUDA_VISIBLE_DEVICES"] for one in found] == ["0", "1", "2", "0", "1", "2"]
    assert {one["HSD_DEVICE"] for one in found} == {"cuda"}
    with pytest.raises(ConfigError, match="more than 3 GPUs take with --per-gpu 1: at most 3"):
        slots(4, ["0", "1", "2"])


def test_gpus_are_those_that_the_process_may_see(eight: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert visible_gpus("all") == ["0", "1", "2"] and visible_gpus("2,0") == ["2", "0"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b,GPU-c")
    assert visible_gpus("1") == ["GPU-b"]
    for said in ("3", "x", "0,,1"):
        with pytest.raises(ConfigError, match="expected all, or numbers from 0 to 2"):
            visible_gpus(said)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ConfigError, match="sees no CUDA device; leave it out"):
        visible_gpus("all")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("kind: slurm\n", "slurm.yaml: cores: missing"),
        ("kind: slurm\ncores: 2\nqueue: gpu\n", "slurm.yaml: queue: unknown key"),
        ("kind: slrum\ncores: 2\n", "slurm.yaml: kind: .*'slrum'"),
        ("- kind\n", "expected groups of keys"),
    ],
)
def test_a_wrong_file_of_a_cluster_is_refused_by_its_key(tmp_path: Path, text: str, problem: str) -> None:
    path = tmp_path / "slurm.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=problem):
        read_cluster(path)


def test_an_option_that_the_cluster_does_not_take_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".dvc/tmp").mkdir(parents=True)
    said = workers.Cluster(kind="slurm", cores=2, options={"queu": "gpu"})
    with pytest.raises(ConfigError, match="slurm.yaml: SLURMCluster cannot be started .*queu"):
        there(said, 2, Path("slurm.yaml"))
