"""Pointers to the frames of each run, written from what is known of a data set's frames files."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.config.frames import FrameSelection
from pipeline.errors import FramesError
from pipeline.frames.selection import Pointer, read_json
from pipeline.frames.store import FACTS, REPAIR
from pipeline.runtime.files import replacing, write_json


def select(folder: str | Path, wanted: Mapping[str, FrameSelection], target: str | Path) -> None:
    """Write a pointer `<target>/<name>.json` for each run; the folder `target` is replaced whole.

    A name may have a folder in it.

    Args:
        folder: of the frames files, as `build` left it. wanted: what each run sees, by its name.

    Raises:
        FramesError: the folder has no facts.json, or lacks a wanted file.
    """
    folder, target = Path(folder), Path(target)
    facts = read_json(folder / FACTS)
    try:
        files = {entry["file"]: entry for entry in facts["files"]}
        pointers = {
            name: _pointer(facts, files, chosen, folder, (target / name).parent) for name, chosen in wanted.items()
        }
    except (KeyError, TypeError) as error:
        raise FramesError(folder / FACTS, f"damaged or of another version ({error!r}); {REPAIR}") from error
    with replacing(target) as partial:
        partial.mkdir()
        for name, pointer in pointers.items():
            write_json(partial / f"{name}.json", pointer.model_dump())


def _pointer(
    facts: dict[str, Any], files: dict[str, Any], chosen: FrameSelection, folder: Path, target: Path
) -> Pointer:
    entry = files.get(chosen.file.name)
    if entry is None:
        raise FramesError(
            folder, f"has no {chosen.file.name}, it holds {', '.join(sorted(files))}; `dvc repro` makes it"
        )
    return Pointer(
        file=Path(os.path.relpath(folder / entry["file"], target)).as_posix(),
        sha256=entry["sha256"],
        **chosen.file.model_dump(),
        **chosen.model_dump(exclude={"file"}),
        classes=facts["class_names"],
        n_train=entry["train"],
        n_validation=entry["validation"],
        n_test=entry["test"],
        manifest=entry["manifest"],
    )
