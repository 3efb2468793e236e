"""AEDAT 2.0 of other cameras than the DVS128 is refused: its addresses mean something else."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from pipeline.errors import RecordingError
from pipeline.events.read import read_events

SIGNATURE = b"#!AER-DAT2.0\r\n"
# A DAVIS240's events at (x 100, y 70), and one of the DVS128's at (5, 9), with an external one behind it.
DAVIS = struct.pack(">II", 70 << 22 | 100 << 12 | 1 << 11, 7)
DVS = struct.pack(">IIII", 9 << 8 | 5 << 1 | 1, 7, 0xFFFF8000, 8)


@pytest.mark.parametrize(
    "chip", ["eu.seebetter.ini.chips.davis.DAVIS240C", "ch.unizh.ini.jaer.chip.cochlea.CochleaAMS"]
)
def test_another_chip_is_refused_by_its_name(tmp_path: Path, chip: str) -> None:
    path = tmp_path / "r.aedat"
    path.write_bytes(SIGNATURE + f"# AEChip: {chip}\r\n".encode() + DVS)
    with pytest.raises(
        RecordingError, match=rf"r\.aedat: was written by {chip}, no DVS128; save its events as AEDAT 4"
    ):
        read_events(path)


def test_addresses_that_a_dvs128_has_not_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "r.aedat"
    path.write_bytes(SIGNATURE + DVS + DAVIS)
    with pytest.raises(RecordingError, match=r"r\.aedat: has addresses that a DVS128 has not"):
        read_events(path)


@pytest.mark.parametrize("chip", ["ch.unizh.ini.jaer.chip.retina.DVS128", "ch.unizh.ini.jaer.chip.retina.Tmpdiff128"])
def test_a_dvs128_is_read(tmp_path: Path, chip: str) -> None:
    path = tmp_path / "r.aedat"
    path.write_bytes(SIGNATURE + f"# AEChip: {chip}\r\n".encode() + DVS)
    assert read_events(path).tolist() == [(7, 5, 9, True)]
