"""Results of other grids, kept apart, so that data/results is the same whatever was run before."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from pipeline.config.report import RunEntry
from pipeline.results.paths import DATA, RunName
from pipeline.runtime.files import remove


def set_aside(entries: Sequence[RunEntry], root: Path) -> list[Path]:
    """Move the folders of results that are of none of these runs to data/others/, and return where they lie now.

    A folder of the same run that lies there is replaced. What another process is still writing stays where it is.

    Args:
        root: the folder that holds data/.
    """
    results, moved = root / DATA / "results", []
    wanted = {root / RunName(entry.dataset, entry.ann, entry.recipe, entry.seed).results for entry in entries}
    for folder in sorted(results.glob("*/*/[!.]*")):
        if folder in wanted or not folder.is_dir():
            continue
        place = root / DATA / "others" / folder.relative_to(results)
        place.parent.mkdir(parents=True, exist_ok=True)
        remove(place)
        # Not a rename: either folder may be on another disk.
        shutil.move(folder, place)
        moved.append(place)
        for emptied in (folder.parent, folder.parent.parent):
            with suppress(OSError):
                emptied.rmdir()
    return moved
