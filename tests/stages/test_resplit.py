"""Stage resplit on recordings: one frames file for each number of frames, all of the same recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import FileError, FramesError
from pipeline.events import aedat2
from pipeline.frames.store import load
from stages import finetune, integrate, resplit
from tests import standins
from tests.stages.conftest import WHOLE, metrics, run


@pytest.fixture
def raw(document: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The tiny project with three classes of eight recordings of random events, sensor and frames of other sizes."""
    monkeypatch.setenv("HSD_WORKERS", "1")
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        folder = Path("data/raw/embedded") / name
        folder.mkdir(parents=True)
        for index in range(8):
            made = standins.events(rng, 24, 24, 503 + index)
            aedat2.write(folder / f"{name}_{index}.aedat", made)
    embedded = document["datasets"]["embedded"]
    embedded["recordings"]["sensor"] = embedded["integrate"]["sensor"] = [24, 24]
    return document


def test_each_file_has_all_of_the_same_recordings(raw: dict[str, Any]) -> None:
    document = raw
    run(integrate, document)
    run(resplit, document)
    assert sorted(path.name for path in WHOLE.iterdir()) == ["t2.h5", "t5.h5"]
    chain = load("data/frames/embedded.h5")
    for steps in (2, 5):
        found = load(WHOLE / f"t{steps}.h5")
        assert found.frames.shape == (24, steps, 2, 18, 18)
        assert found.names == chain.names and found.header.manifest == chain.header.manifest
        for side in (0, 1):
            assert load(WHOLE / f"t{steps}.h5", side).names == load("data/frames/embedded.h5", side).names
        np.testing.assert_array_equal(found.frames.sum(1), chain.frames.sum(1))
        np.testing.assert_array_equal(found.ended[:, -1], chain.ended[:, -1])
    # As many frames as the chain's: the same file, but for nothing.
    assert (WHOLE / "t5.h5").read_bytes() == Path("data/frames/embedded.h5").read_bytes()


def test_what_the_list_no_longer_has_is_gone_and_a_bad_recording_leaves_the_old(raw: dict[str, Any]) -> None:
    run(resplit, raw)
    before = (WHOLE / "t2.h5").read_bytes()
    Path("data/raw/embedded/a/a_0.aedat").rename("data/a_0.aedat")
    Path("data/raw/embedded/a/a_0.aedat").write_bytes(b"nothing")
    with pytest.raises(FileError, match="1 of 24 recordings cannot be used"):
        run(resplit, raw)
    assert (WHOLE / "t2.h5").read_bytes() == before
    Path("data/a_0.aedat").rename("data/raw/embedded/a/a_0.aedat")
    for grid in ("methods", "grid"):
        raw[grid].update(whole=["tet-2"], resplit=["embedded"])
    raw["datasets"]["embedded"]["whole"] = [2]
    run(resplit, raw)
    assert [path.name for path in WHOLE.iterdir()] == ["t2.h5"] and (WHOLE / "t2.h5").read_bytes() == before


def test_a_whole_recipe_learns_on_what_was_split_anew(raw: dict[str, Any]) -> None:
    with pytest.raises(FramesError, match=r"embedded\.whole/t2\.h5: not found.*dvc repro"):
        run(finetune, raw, ann=None, recipe="tet-2")
    run(resplit, raw)
    run(finetune, raw, ann=None, recipe="tet-2")
    assert (metrics("tet-2")["n_train"], metrics("tet-2")["n_test"]) == (15, 9)
    (WHOLE / "t2.h5").write_bytes((WHOLE / "t5.h5").read_bytes())
    with pytest.raises(FramesError, match=r"t2\.h5: holds 5 frames .* asks for 2"):
        run(finetune, raw, ann=None, recipe="tet-2")
