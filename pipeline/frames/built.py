"""What came of building a data set's frames files, and the facts of it that are read without opening one."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config.frames import FrameFile
from pipeline.frames.store import Header


@dataclass(frozen=True)
class BuiltFile:
    """One frames file: its content's SHA-256, its recordings on each side, events its frames count.

    `windows`, of a file of windows: how many recordings end before the last one, whose frames are empty from there on,
    and how many windows the shortest recording has.
    """

    file: FrameFile
    header: Header
    sha256: str
    train: int
    validation: int
    test: int
    counted: int
    windows: tuple[int, int] | None

    def facts(self) -> dict[str, object]:
        """Return what is worth knowing of the file, as flat JSON but for the frame size."""
        return {
            "file": self.file.name,
            **self.file.model_dump(),
            "sha256": self.sha256,
            "train": self.train,
            "validation": self.validation,
            "test": self.test,
            "counted": self.counted,
            "clipped": self.header.clipped,
            "n_skipped": len(self.header.skipped),
            "manifest": self.header.manifest,
            **({} if self.windows is None else dict(zip(("n_ended", "fewest_windows"), self.windows, strict=True))),
        }


@dataclass(frozen=True)
class Built:
    """The frames files of a data set, the default one first, and the events of the recordings in that one."""

    files: list[BuiltFile]
    events: int

    @property
    def default(self) -> BuiltFile:
        """Return what became of the default file."""
        return self.files[0]

    def facts(self) -> dict[str, object]:
        """Return what is worth knowing without opening a file: that of the default one flat, then a list of all."""
        header, flat = self.default.header, self.default.facts()
        kept = ("train", "validation", "test", "counted", "clipped", "n_skipped", "manifest")
        return {
            **{key: flat[key] for key in kept},
            "dataset": header.dataset,
            "events": self.events,
            "classes": len(header.classes),
            "class_names": header.classes,
            "skipped": header.skipped,
            "split": header.split,
            "published": header.published,
            "files": [file.facts() for file in self.files],
        }
