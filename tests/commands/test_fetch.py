"""Downloads from a server on this machine: resumed, checked, unpacked safely."""

from __future__ import annotations

import hashlib
import io
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.commands.download import download, unpack
from pipeline.commands.fetch import Archive, api_address, declared, fetch
from pipeline.errors import ConfigError, FileError


class Server:
    """Serves `files`; breaks the first `breaks` answers off; notes each Range; announces `length` if it is set."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.breaks = 0
        self.ranges: list[str | None] = []
        self.length: str | None = None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                data = outer.files.get(self.path.lstrip("/"))
                wanted = self.headers.get("Range")
                outer.ranges.append(wanted)
                if data is None:
                    self.send_error(404)
                    return
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                if wanted and start >= len(data):
                    self.send_error(416)
                    return
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", outer.length or str(len(data) - start))
                self.end_headers()
                body = data[start:]
                if outer.breaks:
                    outer.breaks -= 1
                    body = body[: len(body) // 2]
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.http.server_port}/{name}"


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def test_a_broken_download_goes_on(server: Server, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    server.files["a"] = data
    server.breaks = 2
    download(server.url("a"), tmp_path / "a", md5(data))
    assert (tmp_path / "a").read_bytes() == data
    assert server.ranges[0] is None and server.ranges[1] == "bytes=524288-"
    asked = len(server.ranges)
    download(server.url("a"), tmp_path / "a", md5(data))
    assert len(server.ranges) == asked


def test_a_download_that_keeps_breaking_keeps_what_it_has(server: Server, tmp_path: Path) -> None:
    data = bytes(1 << 24)
    server.files["a"], server.breaks = data, 5
    with pytest.raises(FileError, match=r"a\.part.*broke off 5 times.*run the command again"):
        download(server.url("a"), tmp_path / "a", md5(data))
    assert 0 < (tmp_path / "a.part").stat().st_size < len(data)
    download(server.url("a"), tmp_path / "a", md5(data))
    assert (tmp_path / "a").read_bytes() == data and not (tmp_path / "a.part").exists()


@pytest.mark.parametrize(("data", "message"), [(b"", "empty file"), (b"other", "gave content with MD5")])
def test_wrong_content_is_not_kept(server: Server, tmp_path: Path, data: bytes, message: str) -> None:
    server.files["a"] = data
    with pytest.raises(FileError, match=message):
        download(server.url("a"), tmp_path / "a", md5(b"wanted"))
    assert not list(tmp_path.iterdir())


def test_refusals_and_no_network_are_said(server: Server, tmp_path: Path) -> None:
    with pytest.raises(FileError, match="answers 404"):
        download(server.url("none"), tmp_path / "a", md5(b""))
    with pytest.raises(FileError, match="broke off 5 times"):
        download("http://127.0.0.1:9/a", tmp_path / "a", md5(b""))


@pytest.mark.parametrize("name", ["../outside", "/outside", "a/../../outside", "..\\outside"])
def test_no_path_escapes(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in/a.zip").write_bytes(zipped({"good": b"1", name: b"2"}))
    with tarfile.open(tmp_path / "in/a.tar.gz", "w:gz") as tar:
        tar.addfile(tarfile.TarInfo(name.replace("\\", "/")))
    for archive in ("a.zip", "a.tar.gz"):
        with pytest.raises(FileError, match="leads outside"):
            unpack(tmp_path / "in" / archive, tmp_path / "in/target")
        assert sorted(path.name for path in (tmp_path / "in").iterdir()) == ["a.tar.gz", "a.zip"]
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_links_and_damage_are_refused(tmp_path: Path) -> None:
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc"
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        tar.addfile(link)
    with pytest.raises(FileError, match="leads outside"):
        unpack(tmp_path / "a.tar", tmp_path / "t")
    data = zipped({"x": bytes(1000)})
    for damaged in (b"no archive", data[:-60], data.replace(bytes(500), b"\1" * 500)):
        (tmp_path / "a.zip").write_bytes(damaged)
        with pytest.raises(FileError, match=r"a\.zip: (neither|damaged)"):
            unpack(tmp_path / "a.zip", tmp_path / "t")
    assert not (tmp_path / "t").exists()


def test_of_a_tar_only_content_is_unpacked(tmp_path: Path) -> None:
    """Neither mode nor owner; with any Python, for the filters of tarfile came with 3.11.4."""
    entries = {"a": tarfile.DIRTYPE, "a/b.bin": tarfile.REGTYPE, "c/d.bin": tarfile.REGTYPE}
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        for name, kind in entries.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode, entry.uid, entry.size = kind, 0o4777, 12345, 3 * (kind == tarfile.REGTYPE)
            tar.addfile(entry, io.BytesIO(b"abc"))
    unpack(tmp_path / "a.tar", tmp_path / "t")
    (tmp_path / "plain").touch()
    for file in (tmp_path / "t/a/b.bin", tmp_path / "t/c/d.bin"):
        found, plain = file.stat(), (tmp_path / "plain").stat()
        assert file.read_bytes() == b"abc" and (found.st_mode, found.st_uid) == (plain.st_mode, plain.st_uid)
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "cut.tar").write_bytes(whole[: whole.index(b"abc") + 1])
    with pytest.raises(FileError, match=r"cut\.tar: damaged"):
        unpack(tmp_path / "cut.tar", tmp_path / "u")
    assert not (tmp_path / "u").exists()


def tarred(files: dict[str, bytes]) -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return data.getvalue()


def test_fetched_data_sets_lie_as_the_layouts_expect(server: Server, tmp_path: Path) -> None:
    inner = {name: zipped({f"{name}/{name}_0.aedat": b"1", f"{name}/{name}_1.aedat": b"2"}) for name in ("cat", "dog")}
    server.files["c.zip"] = zipped({f"{name}.zip": data for name, data in inner.items()})
    server.files["n.zip"] = zipped(
        {
            "N/Caltech101.zip": zipped({f"Caltech101/{name}/1.bin": b"1" for name in ("a", "b")}),
            "N/Annotations.zip": zipped({f"Annotations/{name}/annotation_1.bin": b"1" for name in ("a", "b")}),
            "N/README.txt": b"1",
        }
    )
    for side in ("Train", "Test"):
        server.files[f"ibmGesture{side}.tar.gz"] = tarred({f"ibmGesture{side}/user0{n}_led/0.npy": b"1" for n in "12"})
    server.files["train.zip"] = zipped({"Train/0/1.bin": b"1", "Train/1/1.bin": b"1"})
    server.files["test.zip"] = zipped({"Test/0/1.bin": b"1", "Test/1/1.bin": b"1"})

    def get(name: str, *names: str, folder: str | None = None) -> list[str]:
        root = tmp_path / "raw" / name
        fetch(name, root, [Archive(server.url(n), n, md5(server.files[n]), folder) for n in names])
        return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())

    assert get("cifar10dvs", "c.zip") == ["cat/cat_0.aedat", "cat/cat_1.aedat", "dog/dog_0.aedat", "dog/dog_1.aedat"]
    assert get("ncaltech101", "n.zip", folder="Caltech101") == ["a/1.bin", "b/1.bin"]
    assert get("dvsgesture-tonic", "ibmGestureTrain.tar.gz", "ibmGestureTest.tar.gz") == [
        f"ibmGesture{side}/user0{n}_led/0.npy" for side in ("Test", "Train") for n in "12"
    ]
    assert get("nmnist", "train.zip", "test.zip") == ["Test/0/1.bin", "Test/1/1.bin", "Train/0/1.bin", "Train/1/1.bin"]
    assert get("nmnist-6789", "train.zip", folder="Train") == ["0/1.bin", "1/1.bin"]
    assert sorted(path.name for path in (tmp_path / "raw").iterdir()) == [
        "cifar10dvs", "dvsgesture-tonic", "ncaltech101", "nmnist", "nmnist-6789",
    ]  # fmt: skip
    with pytest.raises(FileError, match="is not empty"):
        get("nmnist", "train.zip")


def test_tonics_declarations_and_what_no_program_can_fetch(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (archive,) = declared("cifar10dvs", tmp_path)
    assert archive.url == "https://api.figshare.com/v2/file/download/38023437" and len(archive.md5) == 32
    assert [archive.name for archive in declared("nmnist", tmp_path)] == ["train.zip", "test.zip"]
    (train,) = declared("nmnist-6789", tmp_path)
    assert (train.name, train.folder) == ("train.zip", "Train")
    assert declared("ncaltech101", tmp_path)[0].folder == "Caltech101"
    assert [archive.url.startswith("https://api.") for archive in declared("dvsgesture-tonic", tmp_path)] == [True] * 2
    assert api_address("https://example.org/files/1") == "https://example.org/files/1"
    with pytest.raises(ConfigError, match=r"trials_to_train\.txt"):
        declared("dvsgesture", tmp_path)
    assert main(["fetch", "cifar10", "--folder", str(tmp_path / "x")]) == 1
    assert "did you mean 'cifar10dvs'?" in capsys.readouterr().err


def test_a_length_that_is_no_number_is_not_believed(server: Server, tmp_path: Path) -> None:
    server.files["a.zip"], server.length = b"content", "abc"
    download(server.url("a.zip"), tmp_path / "a.zip", md5(b"content"))
    assert (tmp_path / "a.zip").read_bytes() == b"content"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damaged_bytes_of_archives_are_named(tmp_path: Path, method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr("a/b.txt", b"hello" * 50)
    data, path = buffer.getvalue(), tmp_path / "a.zip"
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            unpack(path, tmp_path / "out")
        except FileError as error:
            assert error.path == path
