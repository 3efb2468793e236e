"""Tonic: its readers and ToFrame, its DiskCachedDataset.

`tonic.io.read_dvs_128` and `read_dvs_ibm` of 1.7.0 stop with "too many values to unpack": the header reader they call
gives three values since. The public parts that they are made of do work, and are used instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tonic import DiskCachedDataset, io
from tonic.transforms import ToFrame

# What N-MNIST and N-Caltech101 give io.read_mnist_file.
ATIS = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
NOTE = "tonic.io.read_dvs_128 / read_dvs_ibm fail in 1.7.0; their own public parts are called instead"


def read(path: Path, form: str) -> NDArray[Any]:
    """Read a recording of AEDAT 2.0, AEDAT 3.1 or ATIS; x, y and p as stored."""
    if form == "ATIS":
        return io.read_mnist_file(str(path), dtype=ATIS)
    version, start, _ = io.read_aedat_header_from_file(str(path))
    events = io.get_aer_events_from_file(str(path), version, start)
    address, t = events["address"], events["timeStamp"]
    if form == "AEDAT 2.0":
        # read_dvs_128 calls the row x; named as the sensor has them here.
        x, y, p = (address >> 1) & 0x7F, (address >> 8) & 0x7F, address & 0x1
    else:
        x, y, p = (address >> 17) & 0x1FFF, (address >> 2) & 0x1FFF, (address >> 1) & 0x1
    return io.make_structured_array(x, y, t, p)


def frames(path: Path, form: str, steps: int, sensor: tuple[int, int]) -> NDArray[np.int16]:
    """Read a recording and count its events in frames int16 [T, 2, H, W]; a remainder of events is dropped."""
    height, width = sensor
    return ToFrame(sensor_size=(width, height, 2), n_event_bins=steps)(read(path, form))


def cached(samples: list[tuple[NDArray[Any], int]], folder: Path, transform: Any) -> DiskCachedDataset:
    """Cache samples on disk as Tonic does by default (one HDF5 file each, lzf), all of them at once."""
    dataset = DiskCachedDataset(samples, str(folder), transform=transform)
    untransformed = DiskCachedDataset(samples, str(folder))
    for index in range(len(samples)):
        untransformed[index]
    return dataset
