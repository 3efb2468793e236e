"""Pins: hashes where pip takes them, and licences that are not permissive are named."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import Path

FILES = ("requirements.txt", "requirements-docs.txt")
PINS, DOCS = (
    [line for line in Path(name).read_text(encoding="utf-8").splitlines() if line[0] != "#"] for name in FILES
)
TORCH = Path("requirements-torch.txt").read_text(encoding="utf-8")
COPYLEFT = re.compile(r"GPL|MPL|EPL|GNU|Mozilla|Eclipse", re.IGNORECASE)


def names() -> list[str]:
    return [line.partition("==")[0] for line in PINS]


def licence(name: str) -> str:
    found = metadata.metadata(name)
    said = [found.get("License-Expression") or "", (found.get("License") or "")[:100]]
    return " ".join([*said, *(line for line in found.get_all("Classifier") or [] if line.startswith("License"))])


def test_every_pin_but_torchs_has_hashes() -> None:
    assert len(names()) > 100
    assert not {*names()} & {line.partition("==")[0] for line in DOCS}
    for line in (*PINS, *DOCS):
        assert re.fullmatch(r"\S+==\S+( --hash=sha256:[0-9a-f]{64})+", line), line
    assert re.findall(r"^(\w+)==", TORCH, re.MULTILINE) == ["torch", "torchaudio", "torchvision"]


def test_what_is_installed_is_what_is_pinned() -> None:
    for line in PINS:
        name, version = line.split()[0].split("==")
        assert metadata.version(name) == version


def test_licences_that_are_not_permissive_are_named() -> None:
    text = Path("CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Dependencies")[2]
    here = {found.name.lower() for found in metadata.distributions()}
    # Those of the docs are there once `make docs` was run.
    of_docs = [line.partition("==")[0] for line in DOCS if line.partition("==")[0].lower() in here]
    unnamed = [name for name in (*names(), *of_docs) if COPYLEFT.search(licence(name)) and name not in text]
    assert unnamed == []
