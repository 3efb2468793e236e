"""Spikformer's augmentation: each map against torch's own, and amounts as its authors draw them."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.training.augmentations._maps import Movement
from pipeline.training.augmentations.snn_augment import Options, augment, draw
from pipeline.training.losses import Targets
from tests.training.resampled import moved, rotated, sheared


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def one_of_six(sample: torch.Tensor, drawn: Movement, index: int) -> torch.Tensor:
    """Do to one recording [T, 2, H, W] what was drawn, by torch's own means; at most one thing beside the flip."""
    turn, lean = drawn.turn[index].item(), drawn.lean[index].item()
    (rows, columns), (row, column), (side, other) = (
        (pair[0][index].item(), pair[1][index].item()) for pair in (drawn.move, drawn.hole, drawn.sides)
    )
    assert sum(amount != 0 for amount in (turn, lean, rows, columns, side)) <= 1
    # A square that is inside as a whole.
    assert side == other and 0 <= row <= sample.shape[-2] - side and 0 <= column <= sample.shape[-1] - side
    result = sample.flip(-1) if drawn.flip[index] else sample
    if turn:
        return rotated(result, turn)
    if lean:
        return sheared(result, math.atan(lean))
    result = moved(result, rows, columns).clone()
    result[..., row : row + side, column : column + side] = 0
    return result


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 6), st.integers(1, 12), st.integers(0, 2**31))
@example(24, 48, 0)
@example(32, 33, 1)
def test_each_map_is_torchs_own(half: int, width: int, seed: int) -> None:
    # Where both sides are odd, a turn by 30 degrees falls midway between two pixels, and either is the nearest.
    height = 2 * half
    x = torch.randint(0, 200, (12, 3, 2, height, width), generator=generator(seed), dtype=torch.uint8)
    targets, options = Targets(torch.arange(12)), Options()
    found, same = augment(x, targets, options, generator(seed))
    assert same is targets
    drawn = draw(12, height, width, options, generator(seed))
    for index in range(12):
        assert torch.equal(found[index], one_of_six(x[index], drawn, index))


def test_amounts_are_even_steps_and_all_six_as_likely() -> None:
    count = 30000
    drawn = draw(count, 48, 48, Options(), generator())
    shares = [(amount != 0).double().mean().item() for amount in (drawn.turn, drawn.lean, *drawn.move, drawn.sides[0])]
    # Of 31 steps the middle one changes nothing, and of the moves the five that are below a pixel.
    expected = [30 / 31 / 6, 30 / 31 / 6, 26 / 31 / 6, 26 / 31 / 6, 1 / 6]
    assert shares == pytest.approx(expected, abs=0.01)
    torch.testing.assert_close(torch.rad2deg(drawn.turn).unique(), torch.arange(-30, 31, 2).double())
    torch.testing.assert_close(drawn.lean.atan().unique(), torch.arange(-0.3, 0.301, 0.02, dtype=torch.float64))
    for pixels in drawn.move:
        # Thirds of a pixel, rounded towards 0: one of 31 steps is 5 pixels, three are 4.
        values, counts = pixels[pixels != 0].unique(return_counts=True)
        assert values.tolist() == [-5, -4, -3, -2, -1, 1, 2, 3, 4, 5]
        wanted = torch.tensor([1, 3, 3, 3, 3, 3, 3, 3, 3, 1]) / 31 / 6
        assert (counts / count - wanted).abs().max() < 0.004
    # 0.1 % to 11 % of 48 x 48 pixels.
    assert drawn.sides[0].unique().tolist() == [0, *range(2, 17)]
    assert abs(drawn.flip.double().mean() - 1 / 2) < 0.02


def test_what_is_at_0_takes_no_part() -> None:
    drawn = draw(500, 48, 48, Options(shear_rad=0.0, move_px=0, erase=[0.0, 0.0], flip=False), generator())
    assert (drawn.turn != 0).double().mean() == pytest.approx(0.5, abs=0.07)
    assert not any(amount.any() for amount in (drawn.lean, *drawn.move, *drawn.sides, drawn.flip))


def test_options_that_cannot_be_and_mirrors_say_so() -> None:
    with pytest.raises(ValidationError, match="erase: expected the smaller share first"):
        Options(erase=[0.2, 0.1])
    with pytest.raises(ValidationError, match="levels.*\n.*greater than or equal to 2"):
        Options(levels=1)
    assert Options().mirrors and not Options(flip=False).mirrors
