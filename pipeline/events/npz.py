"""SpikingJelly's `events_np`: one zip of the arrays t (µs), x, y and p for each recording.

x, y and p are kept as stored, and what SpikingJelly stored is not always what the original file holds:

- CIFAR10-DVS (`cifar10_dvs.py`), against the AEDAT 2.0 file as `aedat2` reads it:
  x = 127 - y', y = 127 - x', p = 1 - p'. Its axes are swapped and mirrored and its polarity is inverted.
- DVS128 Gesture (`dvs128_gesture.py`): the recording's window of the AEDAT 3.1 file as `aedat3` reads it, x, y, p and t
  unchanged (events marked invalid included).
- N-MNIST and N-Caltech101: x, y, p of the ATIS file as `atis` reads it, but time overflows are not applied and their
  marks (y = 240) are kept as events.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from pathlib import Path

from pipeline.errors import RecordingError
from pipeline.events.limits import most_bytes
from pipeline.events.npy import array_from, checked
from pipeline.events.types import Events

ARRAYS = ("t", "x", "y", "p")
# What zipfile raises on damaged bytes.
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, RuntimeError, ValueError, OverflowError)


def decode(data: bytes, path: str | Path) -> Events:
    """Decode a recording of SpikingJelly's `events_np`.

    Raises:
        RecordingError: no zip, a damaged one, an array that is missing, of floats or objects, or out of range, or
            arrays of more bytes together than the file's justify (see `limits`).
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = {name: _info(archive, name, path) for name in ARRAYS}
            size, most = sum(info.file_size for info in infos.values()), most_bytes(len(data))
            if size > most:
                raise RecordingError(
                    path, f"its arrays claim {size} bytes, a file of {len(data)} bytes justifies {most}; get it again"
                )
            members = {name: _read(archive, info) for name, info in infos.items()}
    except DAMAGE as error:
        raise RecordingError(path, f"no sound .npz file: {error}") from error
    arrays = {name: array_from(member, path, name) for name, member in members.items()}
    for name, array in arrays.items():
        if array.ndim != 1:
            raise RecordingError(path, f"{name} has shape {list(array.shape)}, expected [events]")
    return checked(**arrays, path=path)


def _info(archive: zipfile.ZipFile, name: str, path: str | Path) -> zipfile.ZipInfo:
    try:
        info = archive.getinfo(f"{name}.npy")
    except KeyError:
        raise RecordingError(path, f"lacks the array {name!r}, holds {archive.namelist()[:8]}") from None
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise RecordingError(path, f"{name} is compressed by method {info.compress_type}, expected deflate or none")
    return info


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    with archive.open(info) as file:
        # With its size given: reading to the end would inflate whatever the stream holds first.
        return file.read(info.file_size)
