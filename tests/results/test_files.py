"""What a run writes, and what reading gives back or refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from spikingjelly.activation_based.op_counter.simple_energy import SimpleEnergyCostConfig

from pipeline.errors import FileError
from pipeline.results import read
from pipeline.results.answers import answers
from pipeline.results.cells import csv_plain, csv_safe
from pipeline.results.paths import RunName
from pipeline.results.write import Maps, energy_uj, write_run

NAME = RunName("digits", "l8", "hsd.t3", 1)
FILES = ["accuracy.csv", "confusion.csv", "curves.csv", "layers.csv", "logits.npz", "maps.npz", "metrics.json"]
LAYERS: Any = [
    SimpleNamespace(name="conv1", macs=2e6, synops=0.0, firing_rate=0.25),
    SimpleNamespace(name="fc", macs=0, synops=1e6, firing_rate=None),
]


def written(root: Path, maps: bool = True, classes: str | list[str] = "wxyz", **other: Any) -> dict[str, Any]:
    rng = np.random.default_rng(0)
    values: dict[str, Any] = {
        "logits": rng.normal(size=(3, 20, 4)).astype(np.float32), "labels": rng.integers(0, 4, 20),
        "share": rng.random((3, 20), np.float32), "time_ms": rng.random((3, 20), np.float32) * 100,
        "classes": list(classes), "layers": LAYERS, "curves": (("epoch", "val_accuracy"), [[1, None], [2, 0.5]]),
        "maps": Maps(np.ones((3, 1, 4, 4), np.uint8), np.full((3, 2, 4, 4), 7, np.uint8), "w/1") if maps else None,
        "facts": {"n_train": 60}, "record": {"wall_s": 1.5}, **other,
    }  # fmt: skip
    return {**values, "metrics": write_run(NAME, root=root, **values)}


def test_paths_name_a_run() -> None:
    assert str(NAME) == "digits l8 hsd.t3 seed 1"
    assert NAME.weights == Path("data/models/digits/l8/hsd.t3-1.safetensors")
    assert RunName("digits", None, "lif", 0).results == Path("data/results/digits/none/lif-0")
    assert NAME.record == Path("data/runs/digits/l8/hsd.t3-1.json")


def test_results_are_whole_and_repeatable(tmp_path: Path) -> None:
    first = written(tmp_path / "a")
    written(tmp_path / "b")
    written(tmp_path / "c", maps=False, curves=None)
    a, b, c = (tmp_path / root / NAME.results for root in "abc")
    assert sorted(path.name for path in a.iterdir()) == FILES
    assert all((a / name).read_bytes() == (b / name).read_bytes() for name in FILES)
    assert {path.name for path in c.iterdir()} == set(FILES) - {"maps.npz", "curves.csv"}
    kept = np.load(a / "logits.npz", allow_pickle=False)
    assert set(kept) == {"logits", "label", "share", "time_ms"}
    assert (a / "curves.csv").read_text().split() == ["epoch,val_accuracy", "1,", "2,0.5"]
    assert (a / "layers.csv").read_text().split() == [
        "layer,firing_rate,synops,macs",
        "conv1,0.25,0.0,2000000.0",
        "fc,,1000000.0,0",
    ]
    metrics = json.loads((a / "metrics.json").read_text())
    assert metrics == first["metrics"] and metrics["n_train"] == 60 and metrics["firing_rate"] == 0.25
    assert metrics["energy_uj"] == pytest.approx(2 * 4.6 + 0.9)
    assert metrics["accuracy"] == (first["logits"].mean(0).argmax(-1) == first["labels"]).mean()
    with open(a / "confusion.csv") as file:
        counts = np.array([list(map(int, row[1:])) for row in list(csv.reader(file))[1:]])
    assert counts.sum() == 20 and np.trace(counts) == round(metrics["accuracy"] * 20)
    assert json.loads((tmp_path / "a" / NAME.record).read_text()) == {"wall_s": 1.5}


def test_energy_is_that_of_45_nm_as_spikingjelly_has_it() -> None:
    cost = SimpleEnergyCostConfig.fp32()
    assert energy_uj(1e6, 0) == pytest.approx(cost.e_mac_pj) and energy_uj(0, 1e6) == pytest.approx(cost.e_ac_pj)


def test_logits_that_are_not_finite_are_no_result(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"digits l8 hsd\.t3 seed 1: logits are not finite"):
        written(tmp_path, logits=np.full((3, 20, 4), np.nan, np.float32))
    assert not (tmp_path / NAME.results).exists()


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    names = ["=cmd|'/c calc'!A1", "$x$", "'quoted", 'a\nb,"c"']
    given = written(tmp_path, classes=names)
    folder = tmp_path / NAME.results
    arrays = read.read_arrays(folder)
    assert np.array_equal(arrays.logits, given["logits"]) and np.array_equal(arrays.label, given["labels"])
    assert np.array_equal(arrays.answer, answers(given["logits"]))
    assert np.array_equal(arrays.share, given["share"]) and np.array_equal(arrays.time_ms, given["time_ms"])
    assert np.array_equal(read.read_arrays(folder, 3).logits, arrays.logits)
    with pytest.raises(FileError, match=r"T = 2, found \(3, 20, 4\)"):
        read.read_arrays(folder, 2)
    classes, counts = read.read_confusion(folder)
    assert classes == names
    # Not symmetric, so a swap of true and predicted would show.
    assert counts[2, 3] == np.sum((arrays.label == 2) & (arrays.answer == 3)) and not np.array_equal(counts, counts.T)
    assert not any(line.startswith("=") for line in (folder / "confusion.csv").read_text().splitlines())
    maps = read.read_maps(folder)
    assert maps is not None and maps.name == "w/1" and np.array_equal(maps.frames, given["maps"].frames)
    assert read.read_layers(folder)["firing_rate"].isna().tolist() == [False, True]
    written(tmp_path, maps=False)
    assert read.read_maps(folder) is None


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", "'", "''=", "\tx", "plain", "", "a=b", "\N{MINUS SIGN}1"])
def test_cells_are_safe_and_come_back(text: str) -> None:
    assert csv_plain(csv_safe(text)) == text
    assert not csv_safe(text).startswith(("=", "+", "-", "@", "\t", "\r"))


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"label": None}, "label"),
        ({"share": None}, "share"),
        ({"logits": np.zeros((5, 4))}, r"found \(5, 4\)"),
        ({"label": np.zeros(3, dtype=int)}, r"found \(5, 4, 2\), \(3,\)"),
        ({"time_ms": np.zeros((4, 4))}, r"\(5, 4\), \(4, 4\)"),
        ({"label": np.array([0, 1, 2, 0])}, "labels from 0 to 1"),
        ({"label": np.zeros(4)}, "labels from 0 to 1"),
        ({"logits": np.full((5, 4, 2), np.inf)}, "not finite"),
        ({"share": np.full((5, 4), np.nan)}, "not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path: Path, arrays: dict[str, Any], message: str) -> None:
    whole = {"logits": np.zeros((5, 4, 2)), "label": np.zeros(4, dtype=int), "share": np.ones((5, 4))}
    content = {**whole, "time_ms": np.ones((5, 4)), **arrays}
    np.savez(tmp_path / "logits.npz", **{name: array for name, array in content.items() if array is not None})
    with pytest.raises(FileError, match=message) as error:
        read.read_arrays(tmp_path)
    assert error.value.path == tmp_path / "logits.npz" and "dvc repro" in str(error.value)


@pytest.mark.parametrize("file", ["logits.npz", "maps.npz"])
@pytest.mark.parametrize("cut", [0, 0.5, 0.99])
def test_a_cut_archive_is_named(tmp_path: Path, file: str, cut: float) -> None:
    written(tmp_path)
    path = tmp_path / NAME.results / file
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data))])
    with pytest.raises(FileError, match="damaged") as error:
        (read.read_arrays if file == "logits.npz" else read.read_maps)(path.parent)
    assert error.value.path == path


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("true,a,b\na,1,0\nc,0,1\n", "name other classes"),
        ("true,a,b\na,1,0\n", "name other classes"),
        ("true,a,b\na,1,0\nb,0.5,1\n", "a, line 3: invalid literal"),
        ("true,a,b\na,1,0\nb,-2,1\n", "at least 0"),
        ("actual,predicted\n0,0\n", "name other classes"),
    ],
)
def test_a_damaged_confusion_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "confusion.csv").write_text(content)
    with pytest.raises(FileError, match=message):
        read.read_confusion(tmp_path)


@pytest.mark.parametrize("reader", [read.read_curves, read.read_layers, read.read_confusion, read.read_arrays])
def test_missing_file_is_named_with_what_makes_it(tmp_path: Path, reader: Any) -> None:
    with pytest.raises(FileError, match="not found; `dvc repro` makes it"):
        reader(tmp_path)


READERS = {
    "metrics.json": read.read_metrics, "accuracy.csv": lambda folder: read.read_steps(folder, 3),
    "confusion.csv": read.read_confusion, "layers.csv": read.read_layers, "curves.csv": read.read_curves,
    "logits.npz": read.read_arrays, "maps.npz": read.read_maps,
}  # fmt: skip


@pytest.mark.parametrize("file", READERS)
def test_damaged_bytes_are_named(tmp_path: Path, file: str) -> None:
    written(tmp_path, curves=(("epoch", "loss", "accuracy"), [[1, 2.5, 0.5], [2, 1.5, 0.75]]))
    READERS[file](tmp_path / NAME.results)
    path = tmp_path / NAME.results / file
    data = path.read_bytes()
    for place in range(0, len(data), max(1, len(data) // 1000)):
        for bits in (0x01, 0x80, 0xFF):
            path.write_bytes(data[:place] + bytes([data[place] ^ bits]) + data[place + 1 :])
            try:
                READERS[file](path.parent)
            except FileError as error:
                assert error.path == path
