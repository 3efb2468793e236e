"""A weights file alone, carried elsewhere, gives the answers that its run has stored, to the bit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load, save

from pipeline import load_model
from pipeline.__main__ import main
from pipeline.errors import RecordingError, WeightsError
from pipeline.events import aedat2
from pipeline.events.listing import Recording
from pipeline.events.read import read_events
from pipeline.inference.answer import Answer
from pipeline.nets.weights import ABOUT, read_about
from pipeline.results.answers import answers
from pipeline.results.paths import RunName
from stages import convert, train_ann, train_snn
from tests import npz, tiny
from tests.stages.conftest import DATASET, arrays, call, one, seen
from tests.stages.test_clips import CLIPS
from tests.stages.test_integrate import RAW, prepare

HALVES = {"kind": "tcja", "kernel_t": 2, "kernel_c": 2}
EXTRA = {
    "clips": CLIPS,
    "attended": {"frames": "full", "attention": HALVES},
    "timed": {"frames": "full", "slice_by": "time"},
}
# Recipes that start from the ANN, or learn from it; and those that need none.
LEARNED, ALONE = ("hsd", "skd"), ("lif", "clips", "attended", "timed")


def trained(documents: tiny.Documents, recipe: str) -> Path:
    """Train a recipe, or the ANN, or convert it, and return the weights file in a folder outside the project."""
    ann = None if recipe in ALONE else "l4"
    for name, entry in EXTRA.items():
        tiny.change(documents, f"recipes.{name}", entry)
    params = one(documents, recipe if recipe in (*LEARNED, *ALONE) else None, ann)
    prepare(params)
    if ann:
        train_ann.main(call(params, "train_ann"))
        convert.main(call(params, "convert"))
    if recipe in (*LEARNED, *ALONE):
        train_snn.main(call(params, "train_snn"))
    return Path(shutil.copy(RunName(DATASET, ann, recipe, 0).weights, "taken.safetensors"))


def recordings_of(recipe: str) -> list[Recording]:
    """Return the test recordings of a run, in its order."""
    ann = None if recipe in ALONE else "l4"
    names = seen("ann.phase2" if recipe in ("ann", "converted") else recipe, ann=ann).names
    return [Recording(name, RAW / name, -1) for name in names]


@pytest.mark.parametrize("recipe", ["ann", "converted", *LEARNED, *ALONE])
def test_the_answers_are_those_of_the_run(
    raw: tiny.Documents, recipe: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Pixels that are dropped, and axes that are turned: all must come back from the file.
    tiny.change(raw, f"datasets.{DATASET}.integrate.orientation", {"aedat": ["transpose", "flip_x"]})
    taken = trained(raw, recipe).resolve()
    recordings = [Recording(one.name, one.path.resolve(), -1) for one in recordings_of(recipe)]
    stored = arrays(recipe, None if recipe in ALONE else "l4")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    model = load_model(taken)
    said = list(model.classify_all(recordings))
    assert all(isinstance(one, Answer) for one in said) and len(said) == 9
    np.testing.assert_array_equal(np.stack([one.logits for one in said], 1), stored["logits"])
    np.testing.assert_array_equal(np.stack([one.share for one in said], 1), stored["share"])
    np.testing.assert_array_equal(np.stack([one.time_ms for one in said], 1), stored["time_ms"])
    assert [one.name for one in said] == [model.classes[label] for label in answers(stored["logits"])]
    alone = model.classify(recordings[3].path)
    assert alone.name == said[3].name
    np.testing.assert_allclose(alone.logits, said[3].logits, rtol=1e-4, atol=1e-4)
    again = model.classify(read_events(recordings[3].path), ".aedat")
    np.testing.assert_array_equal(again.logits, alone.logits)


def test_classify_prints_what_the_model_says(raw: tiny.Documents, capsys: pytest.CaptureFixture[str]) -> None:
    trained(raw, "lif")
    run = f"{DATASET}/none/lif-0"
    capsys.readouterr()
    assert main(["classify", run, str(RAW), "--json", "--threshold", "0.4"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [row["recording"] for row in found["recordings"]] == [f"{c}/{c}_{i}.aedat" for c in "abc" for i in range(8)]
    row, model = found["recordings"][5], load_model(run)
    said = model.classify(RAW / "a/a_5.aedat")
    assert row["class"] == said.name and row["true"] == "a" and found["problems"] == []
    np.testing.assert_allclose([step["confidence"] for step in row["steps"]], said.confidence, rtol=1e-4)
    sure = [step["confidence"] >= 0.4 for step in row["steps"]]
    assert row["exit"]["step"] == (sure.index(True) + 1 if any(sure) else 2) and row["exit"]["kind"] == "confidence"
    right = sum(row["class"] == row["true"] for row in found["recordings"])
    assert (found["right"], found["labelled"]) == (right, 24)
    assert main(["classify", run, str(RAW)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["recording", "class", "t=1", "t=2", "exit", "as", "ms"] and len(lines) == 26
    assert lines[6].split()[:3] == ["a/a_5.aedat", said.name, f"{said.confidence[0]:.2f}"]
    assert lines[-1] == f"{DATASET} none lif seed 0: 24 recordings, {right} of 24 in the folder of their class"
    # A folder without classes, another format, and a file that is broken.
    flat = Path("flat")
    flat.mkdir()
    npz.write(flat / "b.npz", read_events(RAW / "a/a_5.aedat"))
    shutil.copy(RAW / "a/a_5.aedat", flat / "a.aedat")
    (flat / "c.aedat").write_bytes(b"#!AER-DAT2.0\r\n123")
    assert main(["classify", run, str(flat), "--json", "--exit", "entropy"]) == 1
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert [row["recording"] for row in found["recordings"]] == ["a.aedat", "b.npz"]
    assert found["recordings"][0]["logits"] == found["recordings"][1]["logits"] and found["labelled"] == 0
    assert len(found["problems"]) == 1 and "flat/c.aedat: " in printed.err


def test_what_cannot_be_used_is_named(raw: tiny.Documents, capsys: pytest.CaptureFixture[str]) -> None:
    taken = trained(raw, "lif")
    with pytest.raises(WeightsError, match=f"did you mean '{DATASET}/none/lif-0'"):
        load_model(f"{DATASET}/none/lif-1")
    about = read_about(taken)
    old = {key: value for key, value in about.items() if key != "frames"}
    Path("old.safetensors").write_bytes(save(load(taken.read_bytes()), {ABOUT: json.dumps(old)}))
    with pytest.raises(WeightsError, match=r"old.safetensors: does not say .* \('frames'\); train it again"):
        load_model("old.safetensors")
    model = load_model(taken)
    beyond = read_events(RAW / "a/a_0.aedat")
    beyond["x"][0] = 30
    aedat2.write(Path("off.aedat"), beyond)
    with pytest.raises(RecordingError, match="off the sensor of 24 x 24"):
        model.classify("off.aedat")
    capsys.readouterr()
    for words in (["lif-9", str(RAW)], [str(taken), "nowhere"], [str(taken), "off.txt"]):
        assert main(["classify", *words]) == 1
        assert "error: " in capsys.readouterr().err


def test_importing_the_package_alone_brings_no_torch() -> None:
    code = "import sys, pipeline; assert 'torch' not in sys.modules; pipeline.load_model; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
