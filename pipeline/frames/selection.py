"""The frames that a run sees, as a small file that says which, and of which content.

A pointer is `<folder>/<run>.json`. It changes with the content of the one frames file it names and with nothing else
beside that file, so what depends on the pointer runs again exactly when its own input has changed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError, model_validator

from pipeline.config.base import Group
from pipeline.config.frames import Clip, FrameFile, FrameSelection, Slicing, window_us
from pipeline.errors import FramesError
from pipeline.frames.clips import clip_starts, cut, real_windows
from pipeline.frames.latency import InputLatency, input_latency
from pipeline.frames.store import REPAIR, Header, file_sha256
from pipeline.frames.store import load as load_frames


class Pointer(Group):
    """The frames that a run sees, and what is known of their file without opening it.

    `file` is its path from the pointer's folder, `sha256` that of its bytes; `first`, `stop`, `stride`, `causal` and
    `clip` are those of the FrameSelection, `n_train`, `n_validation`, `n_test` count the recordings,
    `manifest` names the split.
    """

    file: str
    sha256: str
    steps: int
    frame_size: list[int]
    slice_by: Slicing
    first: int
    stop: int
    stride: int
    causal: bool
    clip: Clip | None
    classes: list[str]
    n_train: int
    n_validation: int
    n_test: int
    manifest: str

    @model_validator(mode="after")
    def _fits(self) -> Pointer:
        self.selection  # noqa: B018
        return self

    @property
    def selection(self) -> FrameSelection:
        """Return which frames of the file are seen."""
        file = FrameFile(steps=self.steps, frame_size=self.frame_size, slice_by=self.slice_by)
        return FrameSelection(
            file=file, first=self.first, stop=self.stop, stride=self.stride, causal=self.causal, clip=self.clip
        )


@dataclass(frozen=True)
class LabelledFrames:
    """The recordings of one side as a run sees them: frames uint8 [N, t, 2, H, W], contiguous, and labels int64 [N].

    `latency` is of the t frames; `header` says how the file was made, and has the class names. Where a run sees clips
    of `steps` frames, `starts` int64 [N, clips] says where those of a test begin, and the latency of a step is that of
    the last clip's: an answer needs all of them. `padded` counts recordings shorter than a clip.
    """

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64]
    names: list[str]
    header: Header
    latency: InputLatency
    steps: int
    starts: NDArray[np.int64] | None = None
    padded: int = 0

    def views(self) -> Iterator[NDArray[np.uint8]]:
        """Yield the frames [N, steps, 2, H, W] that a network is shown at once: all, or one clip after the other."""
        if self.starts is None:
            yield self.frames
            return
        for first in self.starts.T:
            yield cut(self.frames, first, self.steps)


def read_pointer(path: str | Path) -> Pointer:
    """Read a pointer.

    Raises:
        FramesError: it is missing or damaged.
    """
    try:
        return Pointer.model_validate(read_json(Path(path)))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
        raise FramesError(path, f"damaged or of another version ({wrong}); {REPAIR}") from error


def load(pointer_path: str | Path, side: int) -> LabelledFrames:
    """Read the recordings of one side and keep the frames that the run sees.

    The file's SHA-256 is compared first: it costs less than a tenth of the reading, and damaged bytes never reach HDF5.

    Args:
        pointer_path: as `select` wrote it. side: 0 train, 1 test, 2 validation.

    Raises:
        FramesError: the pointer or its file is missing, damaged, or another than the pointer names.
    """
    pointer_path = Path(pointer_path)
    pointer = read_pointer(pointer_path)
    path = Path(os.path.normpath(pointer_path.parent / pointer.file))
    if not path.is_file():
        raise FramesError(path, f"not found, {pointer_path} names it; `dvc repro` makes it")
    if (found := file_sha256(path)) != pointer.sha256:
        raise FramesError(
            path,
            f"has the SHA-256 {found[:12]}..., {pointer_path} names {pointer.sha256[:12]}...: changed or damaged "
            f"since; {REPAIR}",
        )
    selection = pointer.selection
    read = load_frames(path, side, selection.frames)
    header = read.header
    if (header.steps, header.size, header.slice_by) != (pointer.steps, pointer.frame_size, pointer.slice_by):
        raise FramesError(
            path,
            f"holds {header.steps} frames of {header.size} px by {header.slice_by}, {pointer_path} says "
            f"{pointer.steps} of {pointer.frame_size} by {pointer.slice_by}; run `dvc repro`",
        )
    starts, padded, ends = None, 0, np.arange(header.steps)[selection.frames]
    if selection.clip is not None:
        windows = real_windows(read.time_until_us[:, -1], window_us(header.slice_by) or 1)
        starts = clip_starts(windows, selection.steps, selection.clip.test)
        padded, ends = int((windows < selection.steps).sum()), starts[:, -1:] + np.arange(selection.steps)
    latency = input_latency(read.events, read.events_until, read.time_until_us, ends, selection.causal)
    frames = np.ascontiguousarray(read.frames)
    return LabelledFrames(frames, read.labels, read.names, header, latency, selection.steps, starts, padded)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; FramesError where there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FramesError(path, "not found; `dvc repro` makes it") from error
    except (OSError, ValueError) as error:
        raise FramesError(path, f"cannot be read ({error}); {REPAIR}") from error
    if not isinstance(content, dict):
        raise FramesError(path, f"damaged: expected an object, found {type(content).__name__}; {REPAIR}")
    return content
