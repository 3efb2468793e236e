"""NumPy's files: SpikingJelly's .npz and Tonic's .npy, by hand, damaged, and against SpikingJelly's own conversion."""

from __future__ import annotations

import io
import pickle
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import RecordingError
from pipeline.events import aedat2, aedat3, atis, limits
from pipeline.events.read import read_events
from pipeline.events.types import events_from
from pipeline.frames.integrate import integrate
from tests import npz

GOOD = {"t": np.array([3, 4]), "x": np.array([1, 2]), "y": np.array([5, 6]), "p": np.array([1, 0])}
TONIC = np.array([[9, 5, 1, 12], [0, 127, 0, 13]])


def npy_bytes(array: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, **options)
    return file.getvalue()


def npz_bytes(arrays: dict, method: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", array if isinstance(array, bytes) else npy_bytes(np.asarray(array)))
    return file.getvalue()


def header(shape: str, dtype: str = "'<i8'", more: str = "") -> bytes:
    text = f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}, {more}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


@pytest.mark.parametrize("kind", ["<i8", ">u4", "<u2", "u1", "<i2"])
def test_npz_of_any_integers(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "r.npz"
    path.write_bytes(npz_bytes({name: array.astype(kind) for name, array in GOOD.items()} | {"other": [1.5]}))
    assert [event.tolist() for event in read_events(path)] == [(3, 1, 5, True), (4, 2, 6, False)]
    path.write_bytes(npz_bytes(GOOD | {"p": np.array([True, False])}, zipfile.ZIP_DEFLATED))
    assert read_events(path)["p"].tolist() == [True, False]


def test_booleans_of_other_bytes_than_0_and_1_are_true(tmp_path: Path) -> None:
    """NumPy takes any byte but 0 as true when it reads one; the frames must count what it says."""
    stored = np.array([0, 1, 2, 254, 255], np.uint8).view(bool)
    five = np.arange(5)
    (tmp_path / "r.npz").write_bytes(npz_bytes({"t": five, "x": five, "y": five, "p": stored}))
    (tmp_path / "r.npy").write_bytes(npy_bytes(np.array([[1, 1, 2, 2], [255, 1, 255, 255]], np.uint8).view(bool)))
    for name, wanted in (("r.npz", [False, True, True, True, True]), ("r.npy", [True, True])):
        events = read_events(tmp_path / name)
        assert events["p"].view(np.uint8).tolist() == wanted
        frames = integrate(events, 1, (5, 5), (5, 5))
        assert frames.sum(axis=(0, 2, 3)).tolist() == [wanted.count(False), wanted.count(True)]


@pytest.mark.parametrize("kind", ["<f2", ">f2", "<f4", "<f8"])
def test_floats_of_any_size_are_read_without_a_warning(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "0.npy"
    path.write_bytes(npy_bytes(TONIC.astype(kind)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_events(path)["t"].tolist() == [12_000, 13_000]
        path.write_bytes(npy_bytes((TONIC * [1, 1, 1, np.inf]).astype(kind)))
        with pytest.raises(RecordingError, match="t holds fractions or no numbers"):
            read_events(path)


@pytest.mark.parametrize("kind", ["<i8", ">i4", "<i2", "u1", "<f8", "<f4"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_npy_holds_milliseconds(tmp_path: Path, kind: str, order: str) -> None:
    path = tmp_path / "0.npy"
    for version in ((1, 0), (2, 0), (3, 0)):
        path.write_bytes(npy_bytes(np.asarray(TONIC.astype(kind), order=order), version=version))
        assert [event.tolist() for event in read_events(path)] == [(12_000, 9, 5, True), (13_000, 0, 127, False)]


def test_npy_fractions_of_a_millisecond_become_whole_microseconds(tmp_path: Path) -> None:
    path = tmp_path / "0.npy"
    path.write_bytes(npy_bytes(np.array([[0, 0, 0, 0.0014], [0, 0, 0, 6000.0625]], np.float32)))
    assert read_events(path)["t"].tolist() == [1, 6_000_062]


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"p": None}, "lacks the array 'p', holds"),
        ({"t": [3, 4, 5]}, "differ in length.*'t': 3, 'x': 2"),
        ({"t": [3.0, 4.0]}, "t is of type float64, expected integers"),
        ({"x": [1.0, np.nan]}, "x is of type float64"),
        ({"x": [1, -1]}, "x lies in -1..1, expected 0..65535"),
        ({"y": [1, 65536]}, "y lies in 1..65536"),
        ({"p": [1, -1]}, "p lies in -1..1, expected 0..1"),
        ({"p": [1, 2]}, "p lies in 1..2"),
        ({"t": [-1, 2]}, "t lies in -1..2"),
        ({"t": np.array([1, 2**63], np.uint64)}, "t lies in 1..9223372036854775808"),
        ({"t": [4, 3]}, "backwards"),
        ({"t": [[3], [4]]}, "t has shape \\[2, 1\\]"),
        ({"t": np.array(["a", "b"])}, "t is of type <U1, expected numbers"),
        ({"t": np.array([1j, 2j])}, "t is of type complex128"),
        ({"t": b""}, "t is no .npy file"),
        ({"t": header("(2,)")}, "t is cut or longer than it says: shape \\[2\\] of int64 is 16 bytes, found 0"),
        ({"t": header("(999999999999999999,)") + bytes(16)}, "t is cut or longer"),
        ({"t": header("(999999999999999999, 999999999999999999)") + bytes(16)}, "t is cut or longer"),
        ({"t": header("(2,)")[:-9]}, "t is cut or has"),
        ({"t": header("(" * 4000 + ")" * 4000)}, "no plain array's"),
        ({"t": header("(2,)", "[('a', '<i8')]") + bytes(16)}, "no plain array's"),
        ({"t": header("(2,)", "'<i3'") + bytes(6)}, "t is of an unknown type"),
    ],
)
def test_bad_npz_names_the_array(tmp_path: Path, arrays: dict, message: str) -> None:
    path = tmp_path / "r.npz"
    path.write_bytes(npz_bytes({name: array for name, array in (GOOD | arrays).items() if array is not None}))
    with pytest.raises(RecordingError, match=message) as error:
        read_events(path)
    assert str(path) in str(error.value)


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (TONIC[:, :3], "holds an array \\[2, 3\\], expected \\[events, 4\\]"),
        (TONIC[0], "holds an array \\[4\\]"),
        (TONIC * [-1, 1, 1, 1], "x lies in -9..0"),
        (TONIC * [1, 1000, 1, 1], "y lies in 5000..127000"),
        (TONIC * [1, 1, 2, 1], "p lies in 0..2"),
        (TONIC * [1, 1, 1, -1], "t lies in -13..-12"),
        (TONIC * [1, 1, 1, 2**59], "t lies in"),
        (TONIC[::-1], "backwards"),
        (TONIC * [0.5, 1, 1, 1], "x holds fractions or no numbers"),
        (TONIC * [1, 1, 1, np.nan], "t holds fractions or no numbers"),
        (TONIC * [1, 1, 1, 1e307], "t holds fractions or no numbers"),
        (TONIC * [1, -1.0, 1, 1], "y lies in -127..-5"),
        (TONIC[:0], "no event"),
    ],
)
def test_bad_npy_names_the_column(tmp_path: Path, array: np.ndarray, message: str) -> None:
    path = tmp_path / "r.npy"
    path.write_bytes(npy_bytes(array))
    with pytest.raises(RecordingError, match=message) as error:
        read_events(path)
    assert str(path) in str(error.value)


class Trap:
    def __reduce__(self):
        return (Path.touch, (Path("trap"),))


def test_nothing_is_unpickled(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    objects = npy_bytes(np.array([Trap(), Trap()]), allow_pickle=True)
    files = {"r.npy": objects, "s.npy": pickle.dumps(Trap()), "r.npz": npz_bytes(GOOD | {"x": objects})}
    for name, data in files.items():
        Path(name).write_bytes(data)
        with pytest.raises(RecordingError):
            read_events(name)
    assert not Path("trap").exists()


def peak_of_refusing(path: Path, message: str) -> int:
    """Bytes of memory at most in use while the recording is refused."""
    tracemalloc.start()
    try:
        with pytest.raises(RecordingError, match=message):
            read_events(path)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_npz_claims_are_checked_before_memory_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    zeros = npy_bytes(np.zeros(1 << 22, np.int64))
    data = npz_bytes(dict.fromkeys("txyp", zeros), zipfile.ZIP_DEFLATED)
    path.write_bytes(data)
    assert len(data) < 150_000
    assert peak_of_refusing(path, "its arrays claim 13.* bytes, a file of 13.* bytes justifies 33554432") < 1 << 20

    # The directory claims less than the stream holds: no more than the claim is inflated.
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        claim = struct.pack("<I", archive.getinfo("t.npy").file_size)
    path.write_bytes(data.replace(claim, struct.pack("<I", 1 << 16)))
    assert peak_of_refusing(path, "no sound .npz|cut or longer") < 1 << 20

    # And more than any file may hold.
    path.write_bytes(data.replace(claim, struct.pack("<I", 1 << 30)))
    assert peak_of_refusing(path, "its arrays claim 4294967296 bytes") < 1 << 20


@pytest.mark.parametrize("compressed", [False, True])
def test_what_a_sensor_may_write_is_read(tmp_path: Path, compressed: bool) -> None:
    """A pixel that flickers at a steady rate is what compresses best; beyond the free bytes a ratio of 18 is left."""
    count = np.arange(1 << 21)
    npz.write(tmp_path / "r.npz", events_from(count * 100, count * 0, count * 0, count % 2 == 1), compressed)
    assert 32 * len(count) >= 2 * limits.FREE
    assert len(read_events(tmp_path / "r.npz")) == len(count)


@pytest.mark.parametrize(("size", "most"), [(0, 1 << 25), (1 << 19, 1 << 25), (1 << 20, 1 << 26), (1 << 40, 1 << 30)])
def test_what_a_file_may_expand_to(size: int, most: int) -> None:
    assert limits.most_bytes(size) == most


def test_npz_of_other_compressions_or_encrypted_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.npz"
    path.write_bytes(npz_bytes(GOOD, zipfile.ZIP_LZMA))
    with pytest.raises(RecordingError, match="compressed by method 14"):
        read_events(path)
    data = bytearray(npz_bytes(GOOD))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(bytes(data))
    with pytest.raises(RecordingError, match="no sound .npz"):
        read_events(path)


# SpikingJelly's own conversion; its data sets import torchvision and torchaudio only to download.
CONVERT = """
import sys
from unittest.mock import MagicMock
for part in ("", ".datasets", ".datasets.utils", ".transforms", ".functional"):
    sys.modules["torchvision" + part] = sys.modules["torchaudio" + part] = MagicMock()
sys.modules["torchvision.datasets"].DatasetFolder = type("DatasetFolder", (), {})
import spikingjelly.datasets.cifar10_dvs as cifar, spikingjelly.datasets.utils as utils
cifar._read_aedat_save_to_np("2.aedat", "2.npz")
utils.np_savez("3.npz", **utils.load_aedat_v3("3.aedat"))
utils._save_atis_bin_as_npz("r.bin", "r.npz")
"""


def test_spikingjellys_copies_relate_to_the_originals_as_documented(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 128, (2, 500))
    events = events_from(np.sort(rng.integers(0, 10**6, 500)), x, y, rng.random(500) < 0.5)
    aedat2.write(tmp_path / "2.aedat", events)
    aedat3.write(tmp_path / "3.aedat", events, 64)
    atis.write(tmp_path / "r.bin", events)
    subprocess.run([sys.executable, "-c", CONVERT], cwd=tmp_path, check=True, capture_output=True)
    mirrored = events_from(events["t"], 127 - y, 127 - x, ~events["p"])
    np.testing.assert_array_equal(read_events(tmp_path / "2.npz"), mirrored)
    np.testing.assert_array_equal(read_events(tmp_path / "3.npz"), events)
    np.testing.assert_array_equal(read_events(tmp_path / "r.npz"), events)
