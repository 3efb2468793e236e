"""Where a training stands, kept outside DVC's outputs so that a killed run goes on from it.

DVC deletes a stage's outputs before it runs again, hence a scratch file below .dvc/tmp/, named by a hash of all that
decides the training: settings, inputs, code, machine settings. With another of these
it is another file: nothing stale is resumed.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path
from typing import Any

import torch

import pipeline
from pipeline.runtime.files import replacing

SCRATCH = ".dvc/tmp/trainings"
# Folders whose code decides what a training computes.
CODE = ("nets", "training")


def file_digest(path: str | Path) -> str:
    """Give the SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Checkpoint:
    """The scratch file of one training.

    Args:
        identity: JSON-able description of everything that decides the training.
        root: the repository's root; DVC names it in the environment.
    """

    def __init__(self, identity: dict[str, Any], root: str | Path | None = None) -> None:
        text = json.dumps({**identity, "code": _code_digest(), "torch": torch.__version__}, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        self.path = Path(root or os.environ.get("DVC_ROOT", ".")) / SCRATCH / f"{name}.pt"

    def save(self, state: dict[str, Any]) -> None:
        """Write the state whole: a kill while writing leaves the one before."""
        with replacing(self.path) as partial:
            torch.save(state, partial)

    def load(self) -> dict[str, Any] | None:
        """Read the state of an unfinished training, or None; an unreadable one is reported and deleted.

        The tensors are on the CPU; loading them into a network or optimiser moves them where they belong.
        """
        if not self.path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self.path, map_location="cpu", weights_only=True)
        except Exception as error:  # torch lets whatever a damaged file provokes come through
            print(f"{self.path}: unreadable, the training starts over ({error})", file=sys.stderr)
            self.delete()
            return None
        return state

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)


def _code_digest() -> str:
    root = Path(pipeline.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(path for folder in CODE for path in (root / folder).glob("*.py")):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()
