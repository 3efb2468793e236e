"""Clips in training: frames in a row of each sample, begun at a place that is drawn."""

from __future__ import annotations

import pytest
import torch

from pipeline.training.augmentations.clip import Options, augment
from pipeline.training.losses import Targets

TARGETS = Targets(torch.tensor([0, 1]))


def numbered(lengths: list[int], every: int) -> torch.Tensor:
    """Return uint8 [N, every, 2, 3, 3] whose frame t shows t + 1, and nothing from a recording's end on."""
    frames = torch.arange(1, every + 1, dtype=torch.uint8)[None, :, None, None, None].repeat(len(lengths), 1, 2, 3, 3)
    for row, length in enumerate(lengths):
        frames[row, length:] = 0
    return frames


def starts(lengths: list[int], every: int, steps: int, draws: int) -> list[set[int]]:
    generator, found = torch.Generator().manual_seed(0), [set[int]() for _ in lengths]
    frames = numbered(lengths, every)
    for _ in range(draws):
        clips, targets = augment(frames, TARGETS, Options(steps=steps), generator)
        assert clips.shape == (len(lengths), steps, 2, 3, 3) and clips.dtype == torch.uint8 and targets is TARGETS
        for row, clip in enumerate(clips[:, :, 0, 0, 0].tolist()):
            kept = clip[: lengths[row]] if lengths[row] < steps else clip
            assert kept == list(range(kept[0], kept[0] + len(kept))) and not any(clip[len(kept) :])
            found[row].add(kept[0] - 1)
    return found


def test_a_clip_is_frames_in_a_row_and_all_places_come_up() -> None:
    assert starts([6, 6, 4], every=6, steps=4, draws=60) == [{0, 1, 2}, {0, 1, 2}, {0}]


def test_a_sample_that_is_shorter_than_a_clip_is_followed_by_empty_frames() -> None:
    assert starts([2, 5], every=6, steps=4, draws=30) == [{0}, {0, 1}]


def test_the_same_generator_draws_the_same_and_frames_stay() -> None:
    frames = numbered([6, 6], 6)
    before = frames.clone()
    first, second = (augment(frames, TARGETS, Options(steps=2), torch.Generator().manual_seed(3))[0] for _ in range(2))
    assert torch.equal(first, second) and torch.equal(frames, before)
    with pytest.raises(ValueError, match="a clip of 7 frames cannot be cut from 6"):
        augment(frames, TARGETS, Options(steps=7), torch.Generator())


def test_a_sample_without_any_event_is_left_empty() -> None:
    clips, _ = augment(torch.zeros(2, 5, 2, 3, 3, dtype=torch.uint8), TARGETS, Options(steps=3), torch.Generator())
    assert clips.shape == (2, 3, 2, 3, 3) and not clips.any()
