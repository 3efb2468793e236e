"""dvc.lock survives a kill: DVC writes it in place, and a `dvc` that dies meanwhile leaves it empty or cut.

Each stage keeps a copy of the last readable one when it starts: DVC writes between stages. `doctor` puts it back, and
removes the list of who reads and writes what (rwlock) where a kill has left that damaged: it holds for running `dvc`s.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import yaml

from pipeline.runtime.files import write_bytes

LOCK = "dvc.lock"
# Below DVC's folder for scratch files, which git ignores.
KEPT = ".dvc/tmp/dvc.lock.kept"
RWLOCK = ".dvc/tmp/rwlock"


def readable(path: Path) -> bool:
    """Return whether a file is there and is a lock as DVC writes it, whole."""
    try:
        content = yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (OSError, yaml.YAMLError, ValueError):
        return False
    return isinstance(content, dict) and isinstance(content.get("stages", {}), dict) and "schema" in content


def keep(root: str | Path | None = None) -> None:
    """Keep a copy of dvc.lock if it is readable; where it is not, or cannot be copied, do nothing."""
    folder = Path(root or os.environ.get("DVC_ROOT", "."))
    lock = folder / LOCK
    if readable(lock):
        try:
            write_bytes(folder / KEPT, lock.read_bytes())
        except OSError:
            return


def mend(root: str | Path = ".") -> str:
    """Put a readable dvc.lock back where it is damaged, and return what was found and done, a line for each file."""
    rwlock = Path(root) / RWLOCK
    try:
        json.loads(rwlock.read_bytes())
    except FileNotFoundError:
        pass
    except ValueError:
        rwlock.unlink()
        return f"{RWLOCK}: was empty or cut, as a kill of `dvc` leaves it; removed\n{_mend_lock(root)}"
    return _mend_lock(root)


def _mend_lock(root: str | Path) -> str:
    lock, kept = Path(root) / LOCK, Path(root) / KEPT
    if not lock.exists():
        return f"{LOCK}: not there; `dvc repro` makes it"
    if readable(lock):
        return f"{LOCK}: readable"
    if readable(kept):
        write_bytes(lock, kept.read_bytes())
        return f"{LOCK}: was empty or cut, as a kill of `dvc` leaves it; the last readable one is back: run `dvc repro`"
    lock.unlink()
    return f"{LOCK}: was empty or cut, and no copy is left; removed: `dvc repro` takes finished runs from its cache"
