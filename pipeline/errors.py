"""The errors this project raises on purpose: each names the file, key or value, and what to do."""

from __future__ import annotations

from pathlib import Path


class PipelineError(Exception):
    """An expected failure, shown to the user as its message alone (no traceback)."""


class ConfigError(PipelineError):
    """params.yaml holds a wrong, missing or impossible setting."""


class FileError(PipelineError):
    """A file that cannot be used as it is.

    Args:
        path: the file at fault; kept as attribute `path` and put in front of the message.
        problem: what is wrong with it, what was expected and what to do.
    """

    def __init__(self, path: str | Path, problem: str) -> None:
        self.path = Path(path)
        self.problem = problem
        super().__init__(f"{self.path}: {problem}")

    def __reduce__(self) -> tuple[type[FileError], tuple[Path, str]]:
        # The default pickles the formatted message, so an error raised in a worker process would not come back.
        return type(self), (self.path, self.problem)


class RecordingError(FileError):
    """A recording that is truncated, empty, of another format or off its sensor."""


class FramesError(FileError):
    """A frames file that is damaged, of another schema or does not fit the settings."""


class TrainingError(PipelineError):
    """A training that cannot go on, such as one whose loss is no longer finite."""


class WeightsError(FileError):
    """A weights file that is damaged or belongs to another network."""
