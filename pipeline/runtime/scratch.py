"""Checkpoints of unfinished trainings: below .dvc/tmp/, no output of a stage, and left there where one is given up."""

from __future__ import annotations

import time
from pathlib import Path

SCRATCH = ".dvc/tmp/trainings"
DAY = 86400.0


def tidy(days: float, root: str | Path = ".") -> str:
    """Remove the checkpoints that were not written for so many days, and return what was removed and kept, a line each.

    A training in progress writes its own after each epoch.
    """
    files = [(path, path.stat()) for path in sorted((Path(root) / SCRATCH).glob("*.pt"))]
    old = [path for path, facts in files if time.time() - facts.st_mtime >= days * DAY]
    for path in old:
        path.unlink(missing_ok=True)
    removed, kept = ([facts.st_size for path, facts in files if (path in old) == gone] for gone in (True, False))
    return "\n".join(
        f"{SCRATCH}: {len(sizes)} checkpoints of {sum(sizes) / 1e6:,.1f} MB {what}"
        for sizes, what in ((removed, f"not written for {days:g} days, removed"), (kept, "kept"))
    )
