"""A disk that fills up while a frames file is written: an OSError with its path, nothing left, and no crash of HDF5."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.frames.toy import build_one, recordings, settings

# A limit on the size of files is met as a full disk is, at every place of the file in turn.
SCRIPT = """
import resource, sys
from pathlib import Path
from tests.frames.toy import build_one, settings
raw, folder, size = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
told = 0
for limit in range(256, size, 512):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        build_one(raw, folder / "f.h5", "toy", settings(), 1)
    except OSError as error:
        assert str(error.filename).endswith(".h5"), error
        told += 1
    assert not list(folder.iterdir()), limit
print(told == len(range(256, size, 512)))
"""


def test_it_is_told_wherever_the_room_ends(tmp_path: Path) -> None:
    raw, folder = recordings(tmp_path / "raw"), tmp_path / "made"
    folder.mkdir()
    build_one(raw, folder / "f.h5", "toy", settings(), 1)
    size = (folder / "f.h5").stat().st_size
    (folder / "f.h5").unlink()
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(raw), str(folder), str(size)], capture_output=True, text=True, check=False,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr[-2000:]
