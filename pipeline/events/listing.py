"""The recordings of a data set as people have them on disk, by layout; always sorted, names compared as bytes.

classes     <class>/<recording>                                (CIFAR10-DVS, N-Caltech101, a folder of one's own)
sides       Train/<class>/<recording>, Test/<class>/<recording>  (N-MNIST)
dvsgesture  userNN_<light>.aedat, userNN_<light>_labels.csv, trials_to_train.txt, trials_to_test.txt
            (DVS128 Gesture as IBM publishes it: one recording holds some twelve gestures)
dvsgesture_tonic  ibmGestureTrain/userNN_<light>/<class>.npy, ibmGestureTest/...
            (DVS128 Gesture as Tonic has it, cut anew: another data set)
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pipeline.config.names import nearest
from pipeline.errors import FileError
from pipeline.events.read import FORMATS
from pipeline.events.sides import TEST, TRAIN

SIDES = {"train": TRAIN, "test": TEST}
# The sides of the two forms of DVS128 Gesture.
TRIALS = {"trials_to_train.txt": TRAIN, "trials_to_test.txt": TEST}
RECUT = {"ibmGestureTest": TEST, "ibmGestureTrain": TRAIN}

# Characters of a name that no list could hold on one line, and what stands for bytes that are no UTF-8.
UNWRITABLE = re.compile("[\\x00-\\x1f\\x7f\\ud800-\\udfff]")

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
        FileError: no such folder, no recordings of this layout in it, recordings of two forms at once, one recording in
            two formats, or a label or trial file that does not fit.
    """
    root = Path(root)
    if layout not in LAYOUTS:
        raise ValueError(f"unknown layout {layout!r}; {nearest(layout, LAYOUTS)}")
    if not root.is_dir():
        raise FileError(root, "no such folder; place the recordings there (see the README), or run `dvc repro`")
    forms = _forms(root)
    if len(forms) > 1:
        raise FileError(root, f"holds two forms at once, {' and '.join(forms)}; move one to a folder of its own")
    listing = LAYOUTS[layout](root)
    if not listing.recordings:
        raise FileError(root, f"no recordings of the layout {layout!r} with one of {', '.join(sorted(FORMATS))}")
    listing.recordings.sort(key=lambda recording: recording.name)
    for name in listing.names:
        if UNWRITABLE.search(name):
            raise FileError(root, f"the name {name!r} has control characters or is no text; rename it")
    return listing


def _classes(root: Path) -> Listing:
    classes = _in_order(_folders(root))
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
    classes = _in_order({name for side in folders for name in _folders(root / side)})
    recordings = [
        Recording(f"{folder}/{name}/{path.name}", path, label, side=side, subject=_subject(path.name))
        for folder, side in folders.items()
        for label, name in enumerate(classes)
        if (root / folder / name).is_dir()
        for path in _recordings(root / folder / name)
    ]
    return Listing(root, classes, recordings)


def _dvsgesture(root: Path) -> Listing:
    recordings: list[Recording] = []
    for list_name, side in TRIALS.items():
        for trial in _lines(root / list_name):
            stem = trial.removesuffix(".aedat")
            path, subject = root / f"{stem}.aedat", stem.partition("_")[0]
            if not path.is_file():
                raise FileError(path, f"named in {list_name} but not there")
            for row, (label, start, end) in enumerate(_gestures(root / f"{stem}_labels.csv")):
                name = f"{stem}/{row:02}_{GESTURES[label]}"
                recordings.append(Recording(name, path, label, (start, end), side, subject))
    return Listing(root, list(GESTURES), recordings)


def _dvsgesture_tonic(root: Path) -> Listing:
    missing = [name for name in RECUT if not (root / name).is_dir()]
    if missing:
        raise FileError(root, f"expected the folders ibmGestureTrain and ibmGestureTest, {', '.join(missing)} missing")
    labels = {str(label): label for label in range(len(GESTURES))}
    recordings = []
    for folder, side in RECUT.items():
        for trial in _folders(root / folder):
            for path in _recordings(root / folder / trial):
                if path.stem not in labels:
                    raise FileError(path, f"expected the class, 0..{len(GESTURES) - 1}, as the file's name")
                name = f"{folder}/{trial}/{path.name}"
                recordings.append(Recording(name, path, labels[path.stem], side=side, subject=_subject(trial)))
    return Listing(root, list(GESTURES), recordings)


def _forms(root: Path) -> list[str]:
    """List the forms of data sets that lie in a folder; of two, a layout would read one and overlook the other."""
    folders = _folders(root)
    trials = [name for name in TRIALS if (root / name).exists()]
    trials += sorted(path.name for path in root.glob("user[0-9][0-9]_*.aedat"))
    recut = [name for name in folders if name in RECUT]
    sides = [
        name
        for name in folders
        if name.lower() in SIDES and any(files_in(root / name / x) for x in _folders(root / name))
    ]
    classes = [name for name in folders if name not in (*recut, *sides) and files_in(root / name)]
    return [
        f"{form} ({found[0]}{', ...' if found[1:] else ''})"
        for form, found in (
            ("IBM's DVS128 Gesture", trials),
            ("Tonic's DVS128 Gesture, cut anew", recut),
            ("folders of the sides", sides),
            ("folders of classes", classes),
        )
        if found
    ]


def files_in(folder: Path) -> list[Path]:
    """List the files of recordings that lie in a folder itself, sorted."""
    return sorted(path for path in folder.iterdir() if path.suffix in FORMATS and not path.name.startswith("."))


LAYOUTS: dict[str, Callable[[Path], Listing]] = {
    "classes": _classes,
    "sides": _sides,
    "dvsgesture": _dvsgesture,
    "dvsgesture_tonic": _dvsgesture_tonic,
}


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


def _in_order(names: Iterable[str]) -> list[str]:
    """Sort class names: as numbers where all are, else as bytes."""
    ordered = sorted(names)
    # Sorted twice: 0 and 00 are the same number, and must not change places from run to run.
    return sorted(ordered, key=int) if all(name.isdecimal() for name in ordered) else ordered


def _subject(name: str) -> str | None:
    """Give who is recorded where the name says so: userNN_<light>, as in DVS128 Gesture."""
    found = re.match(r"user\d\d(?=_)", name)
    return found[0] if found else None


def _recordings(folder: Path) -> list[Path]:
    found = files_in(folder)
    for one, other in pairwise(sorted(found, key=lambda path: path.stem)):
        if one.stem == other.stem:
            raise FileError(
                folder, f"holds {one.name} and {other.name}, one recording in two formats; keep one of them"
            )
    return found
