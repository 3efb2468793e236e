"""Where a training stands, kept outside DVC's outputs so that a killed run goes on from it.

DVC deletes a stage's outputs before it runs again, hence a scratch file below .dvc/tmp/, named by a hash of all that
decides the training: settings, inputs, code. With another of these it is another file: nothing stale is resumed. The
state stands behind its SHA-256: a file damaged in a single bit is not resumed either.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from pipeline.runtime.files import replacing
from pipeline.runtime.scratch import SCRATCH


class Checkpoint:
    """The scratch file of one training.

    Args:
        settings: JSON-able, all that decides the training, the machine's settings too.
        inputs: digest of each file it learns from, by name.
        code: digest of the code that the run uses.
        root: the repository's root; DVC names it in the environment.
    """

    def __init__(
        self, settings: Mapping[str, Any], inputs: Mapping[str, str], code: str, root: str | Path | None = None
    ) -> None:
        identity = {"settings": dict(settings), "inputs": dict(inputs), "code": code, "torch": torch.__version__}
        name = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]
        self.path = Path(root or os.environ.get("DVC_ROOT", ".")) / SCRATCH / f"{name}.pt"

    def save(self, state: Mapping[str, Any]) -> None:
        """Write the state whole and to the disk: a kill or a power cut while writing leaves the one before."""
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        content = buffer.getbuffer()
        with replacing(self.path) as partial, open(partial, "wb") as file:
            file.write(_head(content))
            file.write(content)
            file.flush()
            os.fsync(file.fileno())

    def load(self) -> dict[str, Any] | None:
        """Return the state of an unfinished training, or None; an unreadable one is reported and deleted.

        The tensors are on the CPU; loading them into a network or optimizer moves them where they belong.
        """
        try:
            content = memoryview(self.path.read_bytes())
            size = len(_head(b""))
            if content[:size] != _head(content[size:]):
                raise ValueError("its content is not what was written")
            state: dict[str, Any] = torch.load(io.BytesIO(content[size:]), map_location="cpu", weights_only=True)
        except FileNotFoundError:
            return None
        except Exception as error:  # torch lets whatever a damaged file provokes come through
            self.refuse(error)
            return None
        return state

    def refuse(self, error: Exception) -> None:
        """Report that the file cannot be resumed from, and delete it."""
        print(f"{self.path}: unreadable, the training starts over ({error})", file=sys.stderr)
        self.delete()

    def delete(self) -> None:
        """Delete the file, if it is there."""
        self.path.unlink(missing_ok=True)


def _head(content: bytes | memoryview) -> bytes:
    """Return the line that stands before a content."""
    return b"sha256 " + hashlib.sha256(content).hexdigest().encode() + b"\n"
