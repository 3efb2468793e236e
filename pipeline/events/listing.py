"""The recordings of a data set as people have them on disk, by layout; always sorted, names compared as bytes.

classes     <class>/<recording>                                (CIFAR10-DVS, N-Caltech101, a folder of one's own)
sides       Train/<class>/<recording>, Test/<class>/<recording>  (N-MNIST)
dvsgesture  userNN_<light>.aedat, userNN_<light>_labels.csv, trials_to_train.txt, trials_to_test.txt
            (DVS128 Gesture as IBM publishes it: one recording holds some twelve gestures)
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.names import nearest
from pipeline.errors import FileError
from pipeline.events.read import FORMATS

TRAIN, TEST = 0, 1
SIDES = {"train": TRAIN, "test": TEST}

# The classes of DVS128 Gesture, 1 to 11 in its label files (gesture_mapping.csv).
GESTURES = [
    "hand_clapping", "right_hand_wave", "left_hand_wave", "right_arm_clockwise", "right_arm_counter_clockwise",
    "left_arm_clockwise", "left_arm_counter_clockwise", "arm_roll", "air_drums", "air_guitar", "other_gestures",
]  # fmt: skip


@dataclass(frozen=True)
class Recording:
    """One sample: its name, the file that holds it, its class, and what the layout knows beyond.

    `window` is the part of the file that it is, [start, end) in µs, or None for all of it; `side` (0 train, 1 test) and
    `subject` are None where the layout does not say.
    """

    name: str
    path: Path
    label: int
    window: tuple[int, int] | None = None
    side: int | None = None
    subject: str | None = None


@dataclass(frozen=True)
class Listing:
    """The samples below a folder, sorted by name; labels index into `classes`."""

    root: Path
    classes: list[str]
    recordings: list[Recording]

    @property
    def names(self) -> list[str]:
        return [recording.name for recording in self.recordings]

    @property
    def labels(self) -> list[int]:
        return [recording.label for recording in self.recordings]


def list_recordings(root: str | Path, layout: str = "classes") -> Listing:
    """List the samples of a data set.

    Args:
        root: the data set's folder. layout: one of those above.

    Raises:
        FileError: no such folder, no recordings of this layout in it, or a label or trial file that does not fit.
    """
    root = Path(root)
    if layout not in LAYOUTS:
        raise ValueError(f"unknown layout {layout!r}; {nearest(layout, LAYOUTS)}")
    if not root.is_dir():
        raise FileError(root, "no such folder; place the recordings there (see the README), or run `dvc repro`")
    listing = LAYOUTS[layout](root)
    if not listing.recordings:
        raise FileError(root, f"no recordings of the layout {layout!r} with one of {', '.join(sorted(FORMATS))}")
    listing.recordings.sort(key=lambda recording: recording.name)
    return listing


def _classes(root: Path) -> Listing:
    classes = _folders(root)
    recordings = [
        Recording(f"{name}/{path.name}", path, label)
        for label, name in enumerate(classes)
        for path in _recordings(root / name)
    ]
    return Listing(root, classes, recordings)


def _sides(root: Path) -> Listing:
    folders = {name: SIDES[name.lower()] for name in _folders(root) if name.lower() in SIDES}
    if sorted(folders.values()) != [TRAIN, TEST]:
        raise FileError(root, f"expected the folders Train and Test, found {_folders(root)}")
    classes = sorted({name for side in folders for name in _folders(root / side)})
    recordings = [
        Recording(f"{folder}/{name}/{path.name}", path, label, side=side)
        for folder, side in folders.items()
        for label, name in enumerate(classes)
        if (root / folder / name).is_dir()
        for path in _recordings(root / folder / name)
    ]
    return Listing(root, classes, recordings)


def _dvsgesture(root: Path) -> Listing:
    recordings: list[Recording] = []
    for list_name, side in (("trials_to_train.txt", TRAIN), ("trials_to_test.txt", TEST)):
        for trial in _lines(root / list_name):
            stem = trial.removesuffix(".aedat")
            path, subject = root / f"{stem}.aedat", stem.partition("_")[0]
            if not path.is_file():
                raise FileError(path, f"named in {list_name} but not there")
            for row, (label, start, end) in enumerate(_gestures(root / f"{stem}_labels.csv")):
                name = f"{stem}/{row:02}_{GESTURES[label]}"
                recordings.append(Recording(name, path, label, (start, end), side, subject))
    return Listing(root, list(GESTURES), recordings)


LAYOUTS: dict[str, Callable[[Path], Listing]] = {"classes": _classes, "sides": _sides, "dvsgesture": _dvsgesture}


def _gestures(path: Path) -> list[tuple[int, int, int]]:
    """Read (class from 0, start, end in µs) of each gesture in a label file; a class may come twice."""
    try:
        with open(path, encoding="utf-8", newline="") as file:
            rows = [
                (int(row["class"]) - 1, int(row["startTime_usec"]), int(row["endTime_usec"]))
                for row in csv.DictReader(file)
            ]
    except (OSError, UnicodeDecodeError, KeyError, ValueError, TypeError) as error:
        raise FileError(path, f"not readable as class, startTime_usec, endTime_usec: {error}") from error
    for label, start, end in rows:
        if not 0 <= label < len(GESTURES) or not 0 <= start < end:
            raise FileError(path, f"class {label + 1} from {start} to {end} us: expected 1..11 and start before end")
    return rows


def _lines(path: Path) -> Iterable[str]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileError(path, f"cannot be read: {error}; it names the recordings of one side") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def _folders(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))


def _recordings(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in FORMATS and not path.name.startswith("."))
