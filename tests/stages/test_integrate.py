"""Stages integrate and select on recordings: all the frames files a grid needs at once, and who sees which."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.config.catalogues import Params
from pipeline.config.plan import plan
from pipeline.errors import FileError
from pipeline.events import aedat2
from pipeline.frames.selection import read_pointer
from pipeline.frames.store import load
from pipeline.results import paths
from stages import integrate, select, train_snn
from stages._cli import Call
from tests import standins, tiny
from tests.stages.conftest import DATASET, call, file, metrics, one, seen, weights

RAW = Path("data/raw") / DATASET


@pytest.fixture
def raw(documents: tiny.Documents, monkeypatch: pytest.MonkeyPatch) -> tiny.Documents:
    """The tiny project with three classes of eight recordings of random events that were placed by hand."""
    monkeypatch.setenv("HSD_WORKERS", "1")
    file().unlink()
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        (RAW / name).mkdir(parents=True)
        for index in range(8):
            aedat2.write(RAW / name / f"{name}_{index}.aedat", standins.events(rng, 24, 24, 503 + index))
    # Data sets that grow from it are the camera's.
    for name in [name for name, entry in documents["datasets"].items() if entry.get("like") == DATASET]:
        del documents["datasets"][name]
    tiny.change(documents, f"datasets.{DATASET}.recordings", None)
    tiny.change(documents, f"datasets.{DATASET}.integrate.sensor", [24, 24])
    return documents


def prepare(params: Params) -> None:
    """Run both stages with the settings of the plan."""
    planned = plan(params)
    for stage in (integrate, select):
        said = planned[f"{stage.__name__.removeprefix('stages.')}/{DATASET}.json"]
        stage.main(Call(stage.Settings.model_validate(said.settings), said.code))


def with_t2(documents: tiny.Documents) -> Params:
    return one(documents, "tet-full.t2", None)


def test_each_file_has_all_of_the_same_recordings(raw: tiny.Documents) -> None:
    prepare(with_t2(raw))
    assert sorted(path.name for path in paths.frames(DATASET).glob("*.h5")) == ["t2-18x18.h5", "t5-18x18.h5"]
    default, other = load(file(5)), load(file(2))
    assert default.frames.shape == (24, 5, 2, 18, 18) and other.frames.shape == (24, 2, 2, 18, 18)
    assert other.names == default.names and other.header.manifest == default.header.manifest
    for side, count in ((0, 15), (1, 9)):
        assert load(file(2), side).names == load(file(5), side).names and len(load(file(2), side).names) == count
    np.testing.assert_array_equal(other.frames.sum(1), default.frames.sum(1))
    np.testing.assert_array_equal(other.events_until[:, -1], default.events_until[:, -1])


def pointers() -> dict[str, Path]:
    """Return the file that says what a run sees, by its name."""
    folder = paths.selected(DATASET)
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.json"))}


def test_each_run_is_told_its_frames(raw: tiny.Documents) -> None:
    prepare(with_t2(raw))
    found = {name: read_pointer(path) for name, path in pointers().items()}
    seen_by = {name: (entry.file.rpartition("/")[2], entry.first, entry.stop) for name, entry in found.items()}
    assert seen_by == {
        "l4/ann.phase1": ("t5-18x18.h5", 0, 2), "l4/ann.phase2": ("t5-18x18.h5", 2, 4),
        "none/tet-full.t2": ("t2-18x18.h5", 0, 2),
    }  # fmt: skip
    assert {(entry.n_train, entry.n_validation, entry.n_test) for entry in found.values()} == {(15, 0, 9)}
    np.testing.assert_array_equal(seen("ann.phase2", ann="l4").frames, load(file(5), 1).frames[:, 2:4])


def test_a_file_more_changes_no_pointer_but_its_own(raw: tiny.Documents) -> None:
    prepare(one(raw, "if", None))
    before = {name: path.read_bytes() for name, path in pointers().items()}
    frames = file(5).read_bytes()
    prepare(with_t2(raw))
    after = {name: path.read_bytes() for name, path in pointers().items()}
    assert {name: after[name] for name in before if name in after} == {
        name: content for name, content in before.items() if name != "none/if"
    }
    assert set(after) - set(before) == {"none/tet-full.t2"} and file(5).read_bytes() == frames


def test_what_the_grid_no_longer_has_is_gone_and_a_bad_recording_leaves_the_old(raw: tiny.Documents) -> None:
    prepare(with_t2(raw))
    before = {path.name: path.read_bytes() for path in paths.frames(DATASET).iterdir()}
    recording = RAW / "a/a_0.aedat"
    content = recording.read_bytes()
    recording.write_bytes(b"nothing")
    with pytest.raises(FileError, match="1 of 24 recordings cannot be used"):
        prepare(with_t2(raw))
    assert {path.name: path.read_bytes() for path in paths.frames(DATASET).iterdir()} == before
    recording.write_bytes(content)
    prepare(one(raw, "if", None))
    assert [path.name for path in sorted(paths.frames(DATASET).iterdir())] == ["facts.json", "t5-18x18.h5"]
    assert file(5).read_bytes() == before["t5-18x18.h5"]


def test_a_recipe_of_full_recordings_learns_on_what_was_integrated(raw: tiny.Documents) -> None:
    params = with_t2(raw)
    prepare(params)
    train_snn.main(call(params, "train_snn"))
    numbers = metrics("tet-full.t2")
    assert (numbers["n_train"], numbers["n_test"], numbers["n_skipped"]) == (15, 9, 0) and weights("tet-full.t2")
    assert numbers["split"] == load(file(2)).header.manifest


def test_recordings_of_a_bad_file_may_be_left_out(raw: tiny.Documents, capsys: pytest.CaptureFixture[str]) -> None:
    tiny.change(raw, f"datasets.{DATASET}.integrate.bad_recordings", "skip")
    (RAW / "a/a_0.aedat").write_bytes(b"nothing")
    params = with_t2(raw)
    prepare(params)
    assert "1 bad recordings were left out:\n  a/a_0.aedat" in capsys.readouterr().out
    train_snn.main(call(params, "train_snn"))
    assert (metrics("tet-full.t2")["n_train"], metrics("tet-full.t2")["n_skipped"]) == (14, 1)
