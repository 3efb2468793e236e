"""`python -m pipeline check` and `preview` on small data sets, good and bad."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.__main__ import main
from pipeline.events import aedat2
from pipeline.events.types import events_from
from tests import tiny
from tests.tiny import ROOT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    document = tiny.documents()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HSD_WORKERS", "1")
    tiny.write_params(tmp_path, document)
    rng = np.random.default_rng(0)
    root = Path("data/recordings") / tiny.DATASET
    for name in ("bar", "dot"):
        (root / name).mkdir(parents=True)
        for index in range(8):
            x, y = rng.integers(0, 18, (2, 100))
            made = events_from(np.sort(rng.integers(0, 5000, 100)), x, y, rng.random(100) < 0.5)
            aedat2.write(root / name / f"{name}_{index}.aedat", made)
    return root


def look(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    status = main(["check", tiny.DATASET, "--json", *words])
    return status, json.loads(capsys.readouterr().out)


def test_a_good_folder(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, report = look(capsys)
    assert status == 0 and report["problems"] == []
    assert report["classes"] == {"bar": 8, "dot": 8} and (report["train"], report["test"]) == (10, 6)
    assert report["events"]["median"] == 100 and report["layout"] == "classes"
    assert report["formats"] == {".aedat (AEDAT 2.0)": 16} and report["published_classes"] is None
    assert report["published"] == "no published digest for this split"
    assert len(report["manifest"]) == 64
    assert main(["check", tiny.DATASET]) == 0
    assert "verdict      good" in capsys.readouterr().out


def test_every_problem_is_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(folder / "bar/bar_0.aedat", folder / "bar/bar_7.aedat")
    (folder / "bar/bar_1.aedat").write_bytes(b"")
    (folder / "dot/dot_2.aedat").write_bytes((folder / "dot/dot_2.aedat").read_bytes()[:-3])
    aedat2.write(folder / "dot/dot_3.aedat", events_from([1], [20], [2], [True]))
    status, report = look(capsys)
    text = "\n".join(report["problems"])
    assert status == 1 and len(report["problems"]) == 4
    assert "bar/bar_1.aedat: no AEDAT 2.0" in text or "bar/bar_1.aedat: " in text
    assert "dot/dot_2.aedat: cut within an event" in text
    assert "dot/dot_3.aedat: events up to 3 x 21 px, the sensor has 18 x 18" in text
    assert "the same recording on two sides of the split: bar/bar_0.aedat, bar/bar_7.aedat" in text
    assert main(["check", tiny.DATASET]) == 1
    assert "4 problems" in capsys.readouterr().out


def test_a_class_of_which_nothing_is_learned_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "empty").mkdir()
    (folder / "late").mkdir()
    for index in (6, 7):
        (folder / f"dot/dot_{index}.aedat").rename(folder / f"late/late_{index}.aedat")
    status, report = look(capsys)
    assert status == 1
    assert report["problems"] == ["no training recording of the classes empty, late: record some, or take them away"]


def test_one_recording_in_two_classes_is_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(folder / "bar/bar_0.aedat", folder / "dot/dot_1.aedat")
    shutil.copy(folder / "bar/bar_2.aedat", folder / "dot/dot_7.aedat")
    status, report = look(capsys)
    assert status == 1
    assert report["problems"] == [
        "the same recording in two classes: bar/bar_0.aedat, dot/dot_1.aedat",
        "the same recording in two classes and on two sides of the split: bar/bar_2.aedat, dot/dot_7.aedat",
    ]


def test_frames_that_show_few_of_the_pixels_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tiny.documents()
    tiny.change(document, f"datasets.{tiny.DATASET}.integrate.sensor", [260, 346])
    tiny.change(document, f"datasets.{tiny.DATASET}.integrate.frame_size", [48, 48])
    tiny.write_params(Path(), document)
    status, report = look(capsys)
    assert status == 0 and len(report["warnings"]) == 1
    assert "shows 2.6% of the sensor's pixels in frames of [48, 48]" in report["warnings"][0]
    assert main(["check", tiny.DATASET]) == 0 and "resize bin or area counts" in capsys.readouterr().out
    tiny.change(document, f"datasets.{tiny.DATASET}.integrate.resize", "bin")
    tiny.write_params(Path(), document)
    assert look(capsys)[1]["warnings"] == []


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_lacks_a_letter_ends_nothing(folder: Path, encoding: str) -> None:
    (folder / "bar").rename(folder / "bär→")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    (folder / "dot/dot_1.aedat").write_bytes(b"")
    (folder / "bär→/bar_1.aedat").write_bytes(b"")
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "check", tiny.DATASET], env=environment, capture_output=True, check=False
    )
    assert done.returncode == 1 and b"Traceback" not in done.stderr and b"?/bar_1.aedat: is empty" in done.stdout


def test_another_layout_is_recognised(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for side in ("Train", "Test"):
        shutil.copytree(folder, Path("other") / side)
    status, report = look(capsys, "--folder", "other")
    assert status == 1 and report["layout"] == "sides"
    assert "its layout is sides, params/datasets.yaml says classes" in "\n".join(report["problems"])


def test_published_counts_are_held_against_a_copy(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tiny_params_with_cifar()
    tiny.write_params(Path(), document)
    status = main(["check", "cifar10dvs", "--json", "--folder", str(folder)])
    problems = json.loads(capsys.readouterr().out)["problems"]
    assert status == 1
    assert "16 recordings, CIFAR10-DVS has 10,000" in problems
    assert any("deviate from CIFAR10-DVS: 12 (10 missing, 2 unknown)" in problem for problem in problems)
    assert main(["check", "cifar10dvs", "--folder", str(folder)]) == 1
    text = capsys.readouterr().out
    assert "cat 0 of 1,000 (missing)" in text and "dot 8 of 0 (unknown)" in text


def tiny_params_with_cifar() -> tiny.Documents:
    documents = tiny.documents()
    own = documents["datasets"][tiny.DATASET]
    documents["datasets"]["cifar10dvs"] = {**own, "recordings": None}
    # Its recipes want more frames than the tiny set has.
    del documents["grid"]["paper"]
    return documents


def test_preview_with_a_wrong_sensor_names_the_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = tiny.documents()
    for key in ("sensor", "frame_size"):
        tiny.change(document, f"datasets.{tiny.DATASET}.integrate.{key}", [16, 16])
    tiny.change(document, f"datasets.{tiny.DATASET}.recordings.sensor", [16, 16])
    tiny.write_params(Path(), document)
    assert main(["preview", tiny.DATASET, "--out", "sheet.png"]) == 1
    assert "error: data/recordings/mnist-dvs-sim/bar/bar_0.aedat: " in capsys.readouterr().err


def test_nothing_there_is_an_error(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", tiny.DATASET, "--folder", "nowhere"]) == 1
    assert "error: nowhere: no such folder" in capsys.readouterr().err
    assert main(["check", "mnist-dvs-sin"]) == 1
    assert "did you mean 'mnist-dvs-sim'?" in capsys.readouterr().err


def test_preview_draws_a_row_a_recording(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", tiny.DATASET, "--per-class", "3", "--out", "sheet.png"]) == 0
    assert "6 recordings" in capsys.readouterr().out
    with Image.open("sheet.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert image.height > image.width and len(np.unique(pixels.reshape(-1, 3), axis=0)) > 10
    assert main(["preview", tiny.DATASET, "--per-class", "1", "--out", "small.png"]) == 0
    with Image.open("small.png") as small:
        assert small.height < image.height


def test_a_reader_that_has_gone_is_no_error(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "pipeline", "tidy"]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as going:
        going.stdout.close()
        assert (going.stderr.read(), going.wait()) == ("", 1)
