"""Archives from the network: resumed where a download broke off, checked, and unpacked so that no path escapes."""

from __future__ import annotations

import hashlib
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import TypeVar

import requests
from tqdm import tqdm

from pipeline.errors import FileError
from pipeline.runtime.files import replacing
from pipeline.runtime.progress import progress

Member = TypeVar("Member")

# What is read at once, and what a break can lose.
PIECE = 1 << 16
TIMEOUT_SECONDS = 60
ATTEMPTS = 5
# What damaged archives make zipfile and tarfile raise; a RuntimeError too where one asks for a password.
DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, lzma.LZMAError, NotImplementedError,
    RuntimeError, ValueError,
)  # fmt: skip


def download(url: str, path: Path, md5: str) -> None:
    """Download a file, going on from `path`.part if an earlier download broke off; an intact `path` is kept.

    Raises:
        FileError: no network, the server refuses or answers with nothing, or the content is another than announced.
    """
    if path.is_file() and file_md5(path) == md5:
        return
    part = path.with_name(path.name + ".part")
    part.parent.mkdir(parents=True, exist_ok=True)
    problem = ""
    for _ in range(ATTEMPTS):
        try:
            complete = _go_on(url, part, path.name)
        except requests.RequestException as error:
            problem = str(error)
            continue
        if complete:
            break
    else:
        raise FileError(part, f"{url} broke off {ATTEMPTS} times ({problem}); run the command again to go on")
    if not part.stat().st_size:
        part.unlink()
        raise FileError(path, f"{url} answered with an empty file; fetch it by hand and place it here")
    found = file_md5(part)
    if found != md5:
        part.unlink()
        raise FileError(path, f"{url} gave content with MD5 {found}, expected {md5}; it was deleted, try again")
    part.replace(path)


def _go_on(url: str, part: Path, title: str) -> bool:
    """Append what is missing; True when the server says that nothing is."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return True  # nothing beyond what is there
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            raise FileError(part, f"{url} answers {answer.status_code} {answer.reason}")
        resumed = answer.status_code == HTTPStatus.PARTIAL_CONTENT
        announced = answer.headers.get("Content-Length", "0")
        length = int(announced) if announced.isdecimal() else 0
        total: int = length + (have if resumed else 0)
        with (
            open(part, "ab" if resumed else "wb") as file,
            tqdm(total=total or None, initial=have if resumed else 0, unit="B", unit_scale=True, desc=title) as bar,
        ):
            for piece in answer.iter_content(PIECE):
                file.write(piece)
                bar.update(len(piece))
    return part.stat().st_size >= total


def file_md5(path: Path) -> str:
    """Give a file's MD5, which is what the publishers announce."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into a new folder, whole or not at all; archives within are unpacked in place.

    Raises:
        FileError: no archive, a damaged one, or one with a path or link that leads outside.
    """
    with replacing(folder) as partial:
        partial.mkdir(parents=True)
        _unpack(archive, partial)
        for inner in sorted(path for path in partial.rglob("*") if path.suffix in (".zip", ".gz", ".tar")):
            if zipfile.is_zipfile(inner) or tarfile.is_tarfile(inner):
                _unpack(inner, inner.parent)
                inner.unlink()


def _unpack(archive: Path, folder: Path) -> None:
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as file:
                for member in _bar(file.infolist(), archive):
                    mode = member.external_attr >> 16
                    _refuse_escape(archive, member.filename, is_link=stat.S_ISLNK(mode))
                    file.extract(member, folder)
        elif tarfile.is_tarfile(archive):
            with tarfile.open(archive) as tar:
                for entry in _bar(tar.getmembers(), archive):
                    _refuse_escape(archive, entry.name, is_link=not (entry.isfile() or entry.isdir()))
                    # Content alone, no owner and no mode: Python before 3.11.4 has no filter that leaves them out.
                    content, target = tar.extractfile(entry), folder / entry.name
                    (target.parent if content else target).mkdir(parents=True, exist_ok=True)
                    if content:
                        with content, open(target, "wb") as unpacked:
                            shutil.copyfileobj(content, unpacked)
        else:
            raise FileError(archive, "neither a zip nor a tar archive")
    except DAMAGED as error:
        raise FileError(archive, f"damaged: {error}; delete it and fetch it again") from error


def _refuse_escape(archive: Path, name: str, is_link: bool) -> None:
    path = PurePosixPath(name.replace("\\", "/"))
    if is_link or path.is_absolute() or ".." in path.parts or ":" in path.parts[0:1]:
        raise FileError(archive, f"holds {name!r}, a link or a path that leads outside; not unpacked")


def _bar(members: list[Member], archive: Path) -> Iterable[Member]:
    return progress(members, len(members), f"unpack {archive.name}", "files")
