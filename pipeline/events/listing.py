"""The recordings of a data set on disk: `<class>/<recording>`, sorted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import FileError
from pipeline.events.read import FORMATS


@dataclass(frozen=True)
class Listing:
    """Recordings below a folder: `names` are sorted `<class>/<file>`, `labels` index into the sorted `classes`."""

    root: Path
    classes: list[str]
    names: list[str]
    labels: list[int]

    def path(self, index: int) -> Path:
        return self.root / self.names[index]


def list_recordings(root: str | Path) -> Listing:
    """List the recordings of every class folder below `root`; names compare as bytes, whatever the locale.

    Raises:
        FileError: no such folder, or it holds no class folder with recordings.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileError(root, "no such folder; place the recordings there as <class>/<recording>, or run `dvc repro`")
    classes = sorted(folder.name for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))
    names = sorted(
        f"{name}/{file.name}"
        for name in classes
        for file in (root / name).iterdir()
        if file.suffix in FORMATS and not file.name.startswith(".")
    )
    if not names:
        raise FileError(root, f"no recordings: expected <class>/<recording> with one of {', '.join(sorted(FORMATS))}")
    index = {name: number for number, name in enumerate(classes)}
    return Listing(root, classes, names, [index[name.partition("/")[0]] for name in names])
