from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from pipeline.errors import FileError
from pipeline.results import load
from pipeline.results.table import RUNS, STEPS, collect, write
from pipeline.runtime.files import write_json
from tests.finished import settings_of, write_results

HSD = Path("data/results/mnist-dvs-sim/l8/hsd-1")


@pytest.fixture
def entries(tmp_path: Path) -> list[Any]:
    settings = settings_of()
    write_results(settings, tmp_path)
    return settings.runs


def test_collected_written_and_loaded_frames_are_the_same_to_the_bit(entries: list[Any], tmp_path: Path) -> None:
    entries[0] = entries[0].model_copy(update={"title": "=cmd|'/c calc'!A1"})
    entries[1] = entries[1].model_copy(update={"title": '\'=a,"b"\n'})
    runs, steps = collect(entries, tmp_path)
    write(runs, steps, tmp_path / "reports/trial")
    assert_frame_equal(load("trial", reports=tmp_path / "reports"), runs, check_exact=True)
    assert_frame_equal(load("trial", "step", tmp_path / "reports"), steps, check_exact=True)
    assert list(runs) == list(RUNS) and list(steps) == list(STEPS)
    assert len(runs) == len(entries) and len(steps) == 5 * len(entries)
    text = (tmp_path / "reports/trial/runs.csv").read_text(encoding="utf-8")
    assert ",'=cmd|" in text and ",=cmd|" not in text
    before = text
    write(runs, steps, tmp_path / "reports/trial")
    assert (tmp_path / "reports/trial/runs.csv").read_text(encoding="utf-8") == before


def test_dtypes_and_missing_values(entries: list[Any], tmp_path: Path) -> None:
    runs, steps = collect(entries, tmp_path)
    assert runs["levels"].dtype == "Int64" and runs["attention"].dtype == bool and runs["seed"].dtype == "int64"
    none = runs[runs["recipe"] == "lif"]
    assert none["ann"].isna().all() and none["levels"].isna().all()
    assert runs["best_val_accuracy"].isna().all() and runs["best_val_epoch"].isna().all()
    ann = runs[runs["kind"] == "ann"]
    assert ann["firing_rate"].isna().all() and (ann["accuracy_phase1"] == 0.9125).all()
    assert ann["accuracy_mean_frame"].isna().all()
    assert (runs.loc[runs["kind"] == "converted", "accuracy_mean_frame"] == 0.625).all()
    assert runs.loc[runs["kind"] != "ann", "firing_rate"].notna().all() and (runs["wall_s"] == 12.5).all()
    assert (runs["split"] == "s1").all() and (runs["settings"] == "abc").all()
    assert steps["t"].tolist() == [1, 2, 3, 4, 5] * len(entries)


def test_numbers_are_those_of_the_files(entries: list[Any], tmp_path: Path) -> None:
    runs, steps = collect(entries, tmp_path)
    keep = lambda frame: frame[(frame["recipe"] == "hsd") & (frame["ann"] == "l8") & (frame["seed"] == 1)]  # noqa: E731
    (run,), of_run = keep(runs).to_dict("records"), keep(steps)
    metrics = json.loads((tmp_path / HSD / "metrics.json").read_text())
    assert {key: run[key] for key in ("accuracy", "macs", "synops", "energy_uj", "firing_rate", "n_train")} == {
        key: metrics[key] for key in ("accuracy", "macs", "synops", "energy_uj", "firing_rate", "n_train")
    }
    assert of_run["accuracy"].iloc[-1] == run["accuracy"]
    # Share 0.6 ... 1 of all recordings, times 200 and 201 ms by turns.
    assert of_run["events"].tolist() == pytest.approx([0.6, 0.7, 0.8, 0.9, 1.0])
    assert of_run["events_sd"].tolist() == pytest.approx([0] * 5, abs=1e-6)
    assert of_run["time_ms"].tolist() == pytest.approx([200.5 * share for share in of_run["events"]])
    assert of_run["time_ms_max"].tolist() == pytest.approx([201 * share for share in of_run["events"]])


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        # centre (81 + 1.9207) / 103.8415 = 0.79853, half 1.95996 * sqrt(81 * 19 / 100 + 0.96036) / 103.8415 = 0.07632
        (81, 100, 0.72221, 0.87485),
        # All right: the low end is n / (n + z^2).
        (10, 10, 10 / 13.841459, 1.0),
        (0, 10, 0.0, 3.841459 / 13.841459),
    ],
)
def test_wilson_against_hand_worked(correct: int, n: int, low: float, high: float, tmp_path: Path) -> None:
    settings = settings_of(anns=["l8"], recipes=[], baselines=[], sweep=[], seeds=[0])
    write_results(settings, tmp_path, n)
    folder = tmp_path / "data/results/mnist-dvs-sim/l8/ann-0"
    metrics = json.loads((folder / "metrics.json").read_text())
    write_json(folder / "metrics.json", {**metrics, "accuracy": correct / n})
    (folder / "accuracy.csv").write_text(
        "t,accuracy,correct,n\n" + "".join(f"{t},{correct / n},{correct},{n}\n" for t in range(1, 6))
    )
    runs, steps = collect(settings.runs[:1], tmp_path)
    for frame in (runs, steps):
        assert (frame["ci_low"][0], frame["ci_high"][0]) == pytest.approx((low, high), abs=1e-5)


def test_a_run_without_its_record_has_no_wall_time(entries: list[Any], tmp_path: Path) -> None:
    (tmp_path / "data/runs/mnist-dvs-sim/l8/hsd-1.json").unlink()
    runs, _ = collect(entries, tmp_path)
    assert runs["wall_s"].isna().sum() == 1


def test_missing_run_is_named(entries: list[Any], tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "data/results/mnist-dvs-sim/l16/converted-0")
    with pytest.raises(FileError, match="the grid needs this run") as error:
        collect(entries, tmp_path)
    assert "l16/converted-0" in str(error.value.path)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("metrics.json", "{", "not JSON"),
        ("metrics.json", "[]", "expected one group"),
        ("metrics.json", '{"n_test": 200}', "has no 'accuracy'"),
        ("metrics.json", {"accuracy": "high"}, "expected a number"),
        ("metrics.json", {"accuracy": 81.0}, "not in 0..1"),
        ("metrics.json", {"energy_uj": None}, "expected a number, found None"),
        ("metrics.json", '{"accuracy": NaN}', "expected a number, found nan"),
        ("metrics.json", {"n_test": 199}, "not the same test set"),
        ("metrics.json", {"split": "s2"}, "split is s2.*not the same test set"),
        ("accuracy.csv", "t,share\n1,0.5\n", "no column accuracy, correct, n"),
        ("accuracy.csv", "t,accuracy,correct,n\n1,0.5,1\n", "line 2 has 3 values, expected 4"),
        ("accuracy.csv", "t,accuracy,correct,n\n", "no rows"),
        ("accuracy.csv", "", "no column"),
        ("accuracy.csv", "t,accuracy,correct,n\n1,high,1,2\n", "accuracy, line 2: could not convert"),
        ("accuracy.csv", "t,accuracy,correct,n\n1,inf,1,2\n", "finite"),
        ("accuracy.csv", "t,accuracy,correct,n\n1,0.5,1,2\n", "each t from 1 to 5, found 1 rows"),
        ("accuracy.csv", b"\xff\xfe", "not CSV"),
        ("logits.npz", "junk", "damaged"),
    ],
)
def test_damaged_file_is_named(entries: list[Any], tmp_path: Path, file: str, content: Any, message: str) -> None:
    path = tmp_path / HSD / file
    if isinstance(content, dict):
        content = json.dumps({**json.loads(path.read_text()), **content})
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(FileError, match=message) as error:
        collect(entries, tmp_path)
    assert error.value.path == path


def test_a_failed_write_leaves_the_old_files(
    entries: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, steps = collect(entries, tmp_path)
    write(runs, steps, tmp_path / "r")
    before = (tmp_path / "r/runs.csv").read_bytes()

    def fail(self: Any, path: Path, **_: Any) -> None:
        Path(path).write_text("half")
        raise OSError("disk full")

    monkeypatch.setattr(pd.DataFrame, "to_csv", fail)
    with pytest.raises(OSError, match="disk full"):
        write(runs.head(1), steps, tmp_path / "r")
    assert (tmp_path / "r/runs.csv").read_bytes() == before and len(list((tmp_path / "r").iterdir())) == 2


def test_load_names_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no results of a grid 'none'; there are none"):
        load("none", reports=tmp_path)
    (tmp_path / "default").mkdir()
    (tmp_path / "default/runs.csv").touch()
    with pytest.raises(FileError, match="no results of a grid 'defualt'; did you mean 'default'"):
        load("defualt", reports=tmp_path)
    with pytest.raises(ValueError, match="expected run or step, found 'seed'"):
        load("none", "seed", tmp_path)  # type: ignore[arg-type]


def test_readme_words_work_from_the_package() -> None:
    import pipeline.results

    assert pipeline.results.load is load
    with pytest.raises(AttributeError, match="lod"):
        _ = pipeline.results.lod
