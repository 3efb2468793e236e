"""Settings of frames: how recordings become frames, which files of them are made, and which frames a run sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.base import Count, Group, Pair, Whole, unique
from pipeline.config.splits import Split, Validation

# How the files of a format are turned; the order is always this one, whatever the order in the list.
Turn = Literal["transpose", "flip_x", "flip_y", "invert"]
Format = Literal["aedat", "aedat4", "bin", "npy", "npz"]
# How frames share a recording: as many events each, or equal durations.
SliceBy = Literal["number", "time"]
# The same of a file, which may also hold windows of so many ms from the recording's first event on: 10ms.
Slicing = Annotated[str, Field(pattern=r"^(number|time|[1-9][0-9]*ms)$")]


def window_us(slicing: str) -> int | None:
    """Return the duration of a file's windows, us; None where its frames share whole recordings."""
    return 1000 * int(slicing.removesuffix("ms")) if slicing.endswith("ms") else None


class FrameFile(Group):
    """A frames file of a data set: T frames a recording, their height and width, px, and how they share its events."""

    steps: Count
    frame_size: Pair
    slice_by: Slicing

    @property
    def name(self) -> str:
        """Return the file's name in the folder of its data set's frames."""
        height, width = self.frame_size
        return f"t{self.steps}-{height}x{width}{'' if self.slice_by == 'number' else f'-{self.slice_by}'}.h5"


class Clip(Group):
    """Clips of `steps` frames of those that a run sees; a test recording is answered from `test` of them."""

    steps: Count
    test: Count


class FrameSelection(Group):
    """The frames that a run sees: those of `file` from `first` to before `stop`, every `stride`-th.

    With a stride of 2, phase 1 may see the even frames and phase 2 the odd ones. `causal`: the run's network answers
    at a step from the frames up to it alone. `clip`: it sees clips of these frames.
    """

    file: FrameFile
    first: Whole
    stop: Count
    stride: Count = 1
    causal: bool = True
    clip: Clip | None = None

    @model_validator(mode="after")
    def _frames_are_there(self) -> FrameSelection:
        if not self.first < self.stop <= self.file.steps:
            raise ValueError(f"frames {self.first} to {self.stop} are not within the {self.file.steps} of a recording")
        if self.clip is not None and self.clip.steps > self.stop - self.first:
            raise ValueError(
                f"clips of {self.clip.steps} frames are longer than the {self.stop - self.first} there are"
            )
        return self

    @property
    def frames(self) -> slice:
        """Return the slice of the frame axis."""
        return slice(self.first, self.stop, self.stride)

    @property
    def steps(self) -> int:
        """Return the number of frames that a network sees at once."""
        return self.clip.steps if self.clip else len(range(self.first, self.stop, self.stride))


class Integrate(Group):
    """How recordings become frames; `steps`, `frame_size` and `slice_by` are those of the data set's default file."""

    layout: Literal["classes", "sides", "dvsgesture", "dvsgesture_tonic"]
    orientation: dict[Format, Annotated[list[Turn], AfterValidator(unique)]]
    steps: Count
    sensor: Pair
    extent: Literal["sensor", "recording"]
    frame_size: Pair
    slice_by: SliceBy
    resize: Literal["nearest", "area", "bin"]
    clip: bool
    bad_recordings: Literal["fail", "skip"]
    split: Split
    validation: Validation | None

    @property
    def file(self) -> FrameFile:
        """Return the default file."""
        return FrameFile(steps=self.steps, frame_size=self.frame_size, slice_by=self.slice_by)

    @model_validator(mode="after")
    def _nearest_only_shrinks(self) -> Integrate:
        self.check_size(self.frame_size)
        return self

    def check_size(self, frame_size: Sequence[int]) -> None:
        """Refuse frames of a size that cannot be made.

        Raises:
            ValueError: frames larger than the sensor with resize: nearest.
        """
        if self.resize == "nearest" and any(f > s for f, s in zip(frame_size, self.sensor, strict=True)):
            raise ValueError(
                f"resize nearest cannot enlarge the sensor {self.sensor} to frame_size {list(frame_size)}: events "
                "would count twice; use resize: area"
            )
