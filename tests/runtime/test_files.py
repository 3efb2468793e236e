"""Files appear whole or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest

from pipeline.runtime.files import replacing, write_csv, write_json, write_text
from pipeline.runtime.pool import in_parallel


def test_a_file_replaces_the_old_one_only_when_the_block_ends_well(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_text(path, "old")
    with pytest.raises(RuntimeError, match="half"), replacing(path) as partial:
        partial.write_text("new, but ha")
        raise RuntimeError("half way")
    assert path.read_text() == "old" and [p.name for p in path.parent.iterdir()] == ["file.txt"]
    write_text(path, "new")
    assert path.read_text() == "new"


def test_a_folder_is_replaced_whole(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    for names in (("a", "b"), ("c",)):
        with replacing(folder) as partial:
            partial.mkdir()
            for name in names:
                (partial / name).touch()
        assert sorted(path.name for path in folder.iterdir()) == list(names)
    with pytest.raises(ValueError, match="stop"), replacing(folder) as partial:
        partial.mkdir()
        raise ValueError("stop")
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
    assert [path.name for path in folder.iterdir()] == ["c"]


OTHER = """
import sys
from pathlib import Path
from pipeline.runtime.files import replacing
with replacing(sys.argv[1]) as partial:
    partial.write_text("theirs")
    print("up", flush=True)
    sys.stdin.read()
"""


def test_two_processes_that_write_the_same_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "run.pt"
    other = subprocess.Popen(
        [sys.executable, "-c", OTHER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert other.stdout.readline() == b"up\n"
    write_text(path, "ours")
    assert path.read_text() == "ours"
    other.communicate()
    assert other.returncode == 0 and path.read_text() == "theirs"


FOLDERS = """
import sys
from pipeline.runtime.files import replacing
for number in range(300):
    with replacing(sys.argv[1]) as partial:
        partial.mkdir()
        (partial / "a").touch()
        (partial / "b").touch()
"""


def test_processes_that_replace_the_same_folder_do_not_meet(tmp_path: Path) -> None:
    both = [
        subprocess.Popen(
            [sys.executable, "-c", FOLDERS, str(tmp_path / "run")], env={**os.environ, "PYTHONPATH": str(Path.cwd())}
        )
        for _ in range(3)
    ]
    assert [other.wait() for other in both] == [0, 0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["a", "b"]


def test_what_a_killed_process_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "run[1].pt"
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    # The last is of another file.
    for name in (
        f".run[1].pt.{dead.pid}.partial",
        f".run[1].pt.{dead.pid}.away.partial",
        f".run[1].{dead.pid}.partial",
    ):
        (tmp_path / name).touch()
    write_text(path, "ours")
    assert sorted(other.name for other in tmp_path.iterdir()) == [f".run[1].{dead.pid}.partial", "run[1].pt"]


def test_equal_content_is_equal_bytes(tmp_path: Path) -> None:
    write_json(tmp_path / "a", {"b": 1, "a": 2.5})
    write_json(tmp_path / "b", {"a": 2.5, "b": 1})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    write_csv(tmp_path / "c", ["x", "y"], [[1, 0.1], [2, "z,z"]])
    assert (tmp_path / "c").read_bytes() == b'x,y\n1,0.1\n2,"z,z"\n'


def double(number: int) -> int:
    if number == 77:
        raise ValueError("seventy-seven")
    return 2 * number


@pytest.mark.parametrize("workers", [1, 2])
def test_parallel_work_keeps_the_order_and_passes_errors_on(workers: int) -> None:
    assert list(in_parallel(double, list(range(50)), workers, "t", "items")) == [2 * i for i in range(50)]
    with pytest.raises(ValueError, match="seventy-seven"):
        list(in_parallel(double, list(range(200)), workers, "t", "items"))


def double_or_die(number: int) -> int:
    if number in (0, 21, 22, 39):
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def test_a_worker_that_is_killed_costs_its_item_alone() -> None:
    found = list(in_parallel(double_or_die, list(range(40)), 2, "t", "items", lost=lambda number: -number - 1))
    assert found == [-n - 1 if n in (0, 21, 22, 39) else 2 * n for n in range(40)]
    with pytest.raises(BrokenProcessPool):
        list(in_parallel(double_or_die, list(range(40)), 2, "t", "items"))
