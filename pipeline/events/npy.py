"""NumPy files, read without NumPy's loader, and Tonic's copy of DVS128 Gesture, which is made of them.

Tonic's recordings (`ibmGestureTrain/userNN_<light>/<class>.npy`) are one array [E, 4] with the columns x, y, p and t; t
is in MILLISECONDS there and becomes µs here, as in Tonic. x, y and p are kept as stored, which is what Tonic keeps too.
It is another cut of IBM's recordings than their label files give (1,077 + 264 gestures).

`numpy.load` evaluates the header as a Python expression and believes the shape it finds before it has seen the data.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import RecordingError
from pipeline.events.types import Events, events_from
from pipeline.runtime.files import write_bytes

MAGIC = b"\x93NUMPY"
HEADER = re.compile(
    rb"\{'descr': '(?P<dtype>[<>|=]?[a-zA-Z]\d{0,3})', 'fortran_order': (?P<fortran>True|False), "
    rb"'shape': \((?P<shape>(?:\d{1,18}, ?){0,2}(?:\d{1,18})?)\),? ?\}\s*"
)
COLUMNS = ("x", "y", "p", "t")
LAST_PIXEL = 0xFFFF
LAST_US = 2**63 - 1
US_PER_MS = 1000


def decode(data: bytes, path: str | Path) -> Events:
    """Decode a recording of Tonic's DVS128 Gesture: columns x, y, p, t with t in milliseconds.

    Whole numbers in a floating-point array are taken as such; a fraction of a millisecond is rounded to whole µs.

    Raises:
        RecordingError: no .npy file, an array of objects or of another shape, a file that is not as long as its header
            says, or a column with values that no event has.
    """
    array = array_from(data, path, "the array")
    if array.ndim != 2 or array.shape[1] != len(COLUMNS):
        raise RecordingError(path, f"holds an array {list(array.shape)}, expected [events, 4] with columns x, y, p, t")
    x, y, p, t = array.T
    if array.dtype.kind == "f":
        x, y, p = (_whole(column, name, path) for column, name in ((x, "x"), (y, "y"), (p, "p")))
        # Doubles before the product: a float32 holds 16 s of µs only.
        with np.errstate(over="ignore", invalid="ignore"):
            t = _whole(np.rint(t.astype(np.float64) * US_PER_MS), "t", path)
    else:
        t = in_range(t, "t", LAST_US // US_PER_MS, path).astype(np.int64) * US_PER_MS
    return checked(t, x, y, p, path)


def write(path: str | Path, events: Events) -> None:
    """Write events as Tonic's DVS128 Gesture has them: int64 [E, 4], columns x, y, p, t in ms.

    Raises:
        RecordingError: a negative time or one that is no whole number of milliseconds.
    """
    t = events["t"]
    if (t < 0).any() or (t % US_PER_MS).any():
        raise RecordingError(path, "Tonic's .npy holds times in whole milliseconds from 0")
    file = io.BytesIO()
    np.save(file, np.stack([*(events[name].astype(np.int64) for name in "xyp"), t // US_PER_MS], axis=1))
    write_bytes(path, file.getvalue())


def array_from(data: bytes, path: str | Path, name: str) -> NDArray[Any]:
    """Read the one array in the bytes of a .npy file, where it can be as a view of them.

    Args:
        data: the .npy file. path, name: the recording and what to call the array, for messages only.

    Returns:
        The array of integers, booleans (any byte but 0 is true) or floats.

    Raises:
        RecordingError: no .npy file, no plain numbers (pickled objects are never read), or a wrong length.
    """
    if data[: len(MAGIC)] != MAGIC:
        raise RecordingError(path, f"{name} is no .npy file: it starts with {data[:6]!r}, expected {MAGIC!r}")
    prefix = 2 if data[6:7] == b"\x01" else 4
    start = 8 + prefix + int.from_bytes(data[8 : 8 + prefix], "little")
    header = HEADER.fullmatch(data, 8 + prefix, start)
    if header is None or start > len(data):
        raise RecordingError(path, f"{name} is cut or has a .npy header that is no plain array's")
    try:
        dtype = np.dtype(header["dtype"].decode())
    except (TypeError, ValueError) as error:
        raise RecordingError(path, f"{name} is of an unknown type: {error}") from error
    if dtype.kind not in "biuf":
        raise RecordingError(path, f"{name} is of type {dtype}, expected numbers")
    shape = [int(part) for part in re.findall(rb"\d+", header["shape"])]
    # Python's integers, so that a product of absurd sizes is compared, never wrapped around.
    size = dtype.itemsize
    for part in shape:
        size *= part
    if size != len(data) - start:
        raise RecordingError(
            path,
            f"{name} is cut or longer than it says: shape {shape} of {dtype} is {size} bytes, "
            f"found {len(data) - start}",
        )
    array = np.frombuffer(data, np.uint8 if dtype.kind == "b" else dtype, offset=start)
    if dtype.kind == "b":
        # Any byte but 0 is true; what goes by the lowest bit must find a 1 there.
        array = array != 0
    return array.reshape(shape, order="F" if header["fortran"] == b"True" else "C")


def checked(t: NDArray[Any], x: NDArray[Any], y: NDArray[Any], p: NDArray[Any], path: str | Path) -> Events:
    """Make events of four columns [E] of integers or booleans (t in µs), each within the range that EVENT holds.

    Raises:
        RecordingError: columns of unequal length, of floats, or with values out of range, naming the column.
    """
    columns = {"t": (t, LAST_US), "x": (x, LAST_PIXEL), "y": (y, LAST_PIXEL), "p": (p, 1)}
    lengths = {name: len(column) for name, (column, _) in columns.items()}
    if len(set(lengths.values())) > 1:
        raise RecordingError(path, f"its arrays differ in length: {lengths}")
    return events_from(*(in_range(column, name, last, path) for name, (column, last) in columns.items()))


def in_range(column: NDArray[Any], name: str, last: int, path: str | Path) -> NDArray[Any]:
    """Return the column if it holds integers or booleans from 0 to `last`.

    Raises:
        RecordingError: floats, or a value out of range.
    """
    if column.dtype.kind not in "biu":
        raise RecordingError(path, f"{name} is of type {column.dtype}, expected integers")
    if len(column):
        low, high = int(column.min()), int(column.max())
        if low < 0 or high > last:
            raise RecordingError(path, f"{name} lies in {low}..{high}, expected 0..{last}")
    return column


def _whole(column: NDArray[Any], name: str, path: str | Path) -> NDArray[np.int64]:
    # Of doubles: 2^53 is infinite as a float16. Beyond it a double no longer tells neighbouring integers apart; nan and
    # inf fail the comparison too.
    with np.errstate(over="ignore", invalid="ignore"):
        column = column.astype(np.float64)
    if not (np.abs(column) <= 2.0**53).all() or (column != np.rint(column)).any():
        raise RecordingError(path, f"{name} holds fractions or no numbers, expected whole numbers")
    return column.astype(np.int64)
