"""Settings of recordings and frames: the simulated camera and the integration."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, field_validator, model_validator

from pipeline.config.base import Count, Group, Nonnegative, Pair, Positive, Share, Whole, unique
from pipeline.config.splits import Split, Validation

# The folder that DVC watches: pictures for the camera are looked for only there.
IMAGES = "data/images"


class Motion(Group):
    path: Literal["closed_loop", "saccades"]
    amplitude_px: Nonnegative
    loops: Count


class Camera(Group):
    background: Share
    contrast: Annotated[float, Field(ge=-1, le=1)]
    pos_thres: Positive
    neg_thres: Positive
    sigma_thres: Nonnegative
    refractory_us: Whole
    cutoff_hz: Nonnegative
    leak_rate_hz: Nonnegative
    shot_noise_rate_hz: Nonnegative

    @model_validator(mode="after")
    def _light_is_displayable(self) -> Camera:
        brightest = self.background + self.contrast
        if not 0 <= brightest <= 1:
            raise ValueError(f"background + contrast must lie in 0..1, found {brightest:g}")
        return self


class Recordings(Group):
    images: str
    per_class: Count
    image_size: Count
    sensor: Pair
    duration_ms: Count
    frame_rate: Count
    motion: Motion
    camera: Camera
    seed: Whole

    @field_validator("images")
    @classmethod
    def _images_are_watched(cls, images: str) -> str:
        if images != "mnist" and not images.startswith(f"{IMAGES}/"):
            raise ValueError(f"expected mnist or a folder below {IMAGES}/, whose changes are noticed, found {images!r}")
        return images

    @model_validator(mode="after")
    def _dvs128_address_space(self) -> Recordings:
        if max(self.sensor) > 128:
            raise ValueError(
                f"sensor must fit the 7-bit addresses of AEDAT 2.0 (at most 128 x 128), found {self.sensor}"
            )
        if self.image_size > min(self.sensor):
            raise ValueError(f"image_size {self.image_size} is larger than the sensor {self.sensor}")
        return self


# How the files of a format are turned; the order is always this one, whatever the order in the list.
Turn = Literal["transpose", "flip_x", "flip_y", "invert"]
Format = Literal["aedat", "aedat4", "bin", "npy", "npz"]


class Integrate(Group):
    layout: Literal["classes", "sides", "dvsgesture", "dvsgesture_tonic"]
    orientation: dict[Format, Annotated[list[Turn], AfterValidator(unique)]]
    steps: Count
    sensor: Pair
    extent: Literal["sensor", "recording"]
    frame_size: Pair
    split_by: Literal["number", "time"]
    resize: Literal["nearest", "area", "bin"]
    clip: bool
    bad_recordings: Literal["fail", "skip"]
    split: Split
    validation: Validation | None

    @model_validator(mode="after")
    def _nearest_only_shrinks(self) -> Integrate:
        if self.resize == "nearest" and any(f > s for f, s in zip(self.frame_size, self.sensor, strict=True)):
            raise ValueError(
                f"resize nearest cannot enlarge the sensor {self.sensor} to frame_size {self.frame_size}: events would "
                "count twice; use resize: area"
            )
        return self
