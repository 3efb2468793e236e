"""Get a public data set, or say what to place where; never a part of `dvc repro`."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.commands.download import download, unpack
from pipeline.config.names import nearest
from pipeline.errors import ConfigError, FileError


@dataclass(frozen=True)
class Archive:
    """A file to download: its address, name and MD5, and the folder in it that is the data set, if one of several."""

    url: str
    name: str
    md5: str
    folder: str | None = None


# A folder of one of these names is a side of a data set, not a wrapping.
SIDES = {"train", "test", "ibmgesturetrain", "ibmgesturetest"}


BY_HAND = {
    "dvsgesture": (
        "IBM publishes the original recordings (DvsGesture.tar.gz) behind a page that no program passes. Download it "
        "there and unpack it so that {root} holds trials_to_train.txt, trials_to_test.txt, userNN_<light>.aedat and "
        "userNN_<light>_labels.csv. Tonic's archive is another data set (dvsgesture-tonic): cut anew to 1,077 + 264 "
        "recordings, times rounded to 1 ms."
    ),
}


def fetch(name: str, root: Path, archives: list[Archive] | None = None) -> None:
    """Download, check and unpack a data set to `root`; what is there already is kept.

    Args:
        archives: where from; None takes Tonic's declarations.

    Raises:
        ConfigError: the data set cannot be fetched by a program; the message says what to place where.
        FileError: no network, a broken download or archive, or `root` holds something else already.
    """
    if archives is None:
        archives = declared(name, root)
    if root.is_dir() and any(root.iterdir()):
        raise FileError(root, "is not empty; move it away, or look at it with `python -m pipeline check`")
    store = root.parent / f".{name}-archives"
    for archive in archives:
        download(archive.url, store / archive.name, archive.md5)
    unpacked = store / "unpacked"
    parts = []
    for archive in archives:
        part = unpacked / archive.name.partition(".")[0]
        unpack(store / archive.name, part)
        found = sorted(path for path in part.rglob(archive.folder) if path.is_dir()) if archive.folder else []
        parts.append(found[0] if found else part)
    _place(parts, root)
    shutil.rmtree(store)


def declared(name: str, root: Path) -> list[Archive]:
    """List a data set's archives as Tonic declares them."""
    if name in BY_HAND:
        raise ConfigError(f"{name}: {BY_HAND[name].format(root=root)}")
    # Imported here: it takes seconds and nothing else needs it.
    from tonic import datasets

    cifar, caltech, digits, recut = datasets.CIFAR10DVS, datasets.NCALTECH101, datasets.NMNIST, datasets.DVSGesture
    known = {
        "cifar10dvs": [Archive(cifar.url, cifar.filename, cifar.file_md5)],
        # Beside it lie annotations, in class folders of the same names.
        "ncaltech101": [Archive(caltech.url, caltech.filename, caltech.file_md5, caltech.folder_name)],
        "dvsgesture-tonic": [
            Archive(recut.train_url, recut.train_filename, recut.train_md5),
            Archive(recut.test_url, recut.test_filename, recut.test_md5),
        ],
        "nmnist": [
            Archive(digits.train_url, digits.train_filename, digits.train_md5),
            Archive(digits.test_url, digits.test_filename, digits.test_md5),
        ],
        # Its list names recordings of the training side alone.
        "nmnist-6789": [Archive(digits.train_url, digits.train_filename, digits.train_md5, "Train")],
    }
    if name not in known:
        raise ConfigError(f"no public data set {name!r}; {nearest(name, [*known, *BY_HAND])}")
    return [replace(archive, url=api_address(archive.url)) for archive in known[name]]


def api_address(url: str) -> str:
    """Turn figshare's old download address, which answers with an empty file, into its API's; others stay."""
    return re.sub(
        r"https://figshare\.com/ndownloader/files/(\d+)$", r"https://api.figshare.com/v2/file/download/\1", url
    )


def _place(parts: list[Path], root: Path) -> None:
    """Move the folders of classes (or of sides) to `root`, whatever they are wrapped in."""
    root.mkdir(parents=True, exist_ok=True)
    for part in parts:
        while len(inner := sorted(path for path in part.iterdir() if not path.name.startswith(("__MACOSX", ".")))) == 1:
            if not inner[0].is_dir() or any(path.is_file() for path in inner[0].iterdir()):
                break
            if inner[0].name.lower() in SIDES:
                break
            part = inner[0]
        for path in inner:
            shutil.move(path, root / path.name)
