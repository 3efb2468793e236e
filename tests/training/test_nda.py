"""Augmentation: each map against torch's own, one draw for a sample, nothing lost that should stay."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional

from pipeline.training.augmentations import nda
from pipeline.training.augmentations.nda import Draws, Options, draw, source_pixels
from pipeline.training.losses import Targets

NDA = Options(roll_px=5, rotate_deg=30.0, shear_deg=30.0)
TET = Options(flip=True, roll_px=5)
ROLL, ROTATE, SHEAR = 0, 1, 2


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frames(count: int = 6, height: int = 11, width: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 200, (count, 3, 2, height, width), generator=generator(seed), dtype=torch.uint8)


def augment(x: torch.Tensor, options: Options, generator: torch.Generator) -> torch.Tensor:
    targets = Targets(torch.arange(len(x)))
    found, same = nda.augment(x, targets, options, generator)
    assert same is targets
    return found


def by_grid(sample: torch.Tensor, matrix: list[list[float]]) -> torch.Tensor:
    """Resample as torchvision does: an affine grid about the centre in pixels, nearest, zeros from outside."""
    height, width = sample.shape[-2:]
    (a, b), (c, d) = matrix
    theta = torch.tensor([[[a, b * height / width, 0], [c * width / height, d, 0]]], dtype=torch.float64)
    grid = functional.affine_grid(theta, [1, 1, height, width], align_corners=False)
    flat = sample.reshape(1, -1, height, width).double()
    moved = functional.grid_sample(flat, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved.to(sample.dtype).reshape(sample.shape)


def one(kind: int, degrees: float = 0.0, shear: float = 0.0) -> Draws:
    """Return what was drawn for a single sample."""
    none, angles = torch.zeros(1, dtype=torch.int64), torch.tensor([[degrees], [shear]], dtype=torch.float64)
    return Draws(torch.tensor([kind]), none, none, angles[0], angles[1], none.bool())


@hypothesis_settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31), st.booleans())
@example(48, 48, 0, True)
@example(33, 64, 1, False)
def test_each_map_is_torchs_own(height: int, width: int, seed: int, flip: bool) -> None:
    settings = NDA.model_copy(update={"flip": flip})
    x = frames(9, height, width, seed)
    draws = draw(9, settings, generator(seed))
    found = augment(x, settings, generator(seed))
    for index in range(9):
        sample = x[index].flip(-1) if draws.flip[index] else x[index]
        if draws.kind[index] == ROLL:
            wanted = sample.roll((int(draws.rows[index]), int(draws.columns[index])), (2, 3))
        elif draws.kind[index] == ROTATE:
            turn = math.radians(draws.degrees[index])
            # Counter-clockwise on a screen whose y points down; the map from result to source.
            wanted = by_grid(sample, [[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
        else:
            wanted = by_grid(sample, [[1, math.tan(math.radians(draws.shear[index]))], [0, 1]])
        assert torch.equal(found[index], wanted)


@pytest.mark.parametrize(
    ("draws", "wanted"),
    [
        ("rotate 25", [[2, 3, 4, 0], [2, 6, 7, 12], [5, 10, 11, 16], [9, 14, 15, 19], [0, 17, 18, 19]]),
        ("rotate -25", [[0, 1, 2, 3], [9, 6, 7, 3], [13, 10, 11, 8], [18, 14, 15, 12], [18, 19, 20, 0]]),
        ("shear 25", [[0, 1, 2, 3], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [18, 19, 20, 0]]),
        ("shear -25", [[2, 3, 4, 0], [5, 6, 7, 8], [9, 10, 11, 12], [13, 14, 15, 16], [0, 17, 18, 19]]),
    ],
)
def test_rotation_and_shear_are_what_torchvision_gave(draws: str, wanted: list[list[int]]) -> None:
    # functional.rotate(x, angle) and functional.affine(x, 0, [0, 0], 1, [angle, 0]), nearest, of torchvision 0.28.
    x = torch.arange(1, 21).reshape(5, 4)
    name, angle = draws.split()
    drawn = one(ROTATE, degrees=float(angle)) if name == "rotate" else one(SHEAR, shear=float(angle))
    index, inside = source_pixels(drawn, 5, 4)
    assert (x.flatten()[index[0]] * inside[0]).tolist() == wanted


def test_a_quarter_turn_is_counter_clockwise() -> None:
    x = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 1, 4, 4)
    index, inside = source_pixels(one(ROTATE, degrees=90.0), 4, 4)
    assert inside.all() and torch.equal(x.flatten()[index[0]], x[0, 0, 0].rot90(1, (0, 1)))


def test_one_draw_for_all_frames_and_polarities() -> None:
    alike = frames(5)[:, :1, :1].expand(-1, 4, 2, -1, -1).contiguous()
    found = augment(alike, NDA, generator(3))
    assert (found == found[:, :1, :1]).all()
    # Another for each sample.
    same = frames(1).expand(40, -1, -1, -1, -1).contiguous()
    assert len({tuple(sample.flatten().tolist()) for sample in augment(same, NDA, generator(3))}) > 30


def test_roll_and_flip_keep_every_event() -> None:
    x = frames(50)
    found = augment(x, TET, generator(1))
    assert torch.equal(found.sum((3, 4), dtype=torch.int64), x.sum((3, 4), dtype=torch.int64))
    assert not torch.equal(found, x)


def test_what_is_drawn_has_the_distribution_that_is_said() -> None:
    draws = draw(6000, NDA.model_copy(update={"flip": True}), generator(2))
    for kind in (ROLL, ROTATE, SHEAR):
        assert abs((draws.kind == kind).double().mean() - 1 / 3) < 0.03
    for offsets in (draws.rows, draws.columns):
        assert offsets.unique().tolist() == list(range(-5, 6))
    assert abs(draws.flip.double().mean() - 0.5) < 0.03
    for angles in (draws.degrees, draws.shear):
        assert -30 <= angles.min() < -29 and 29 < angles.max() <= 30 and abs(angles.mean()) < 1
    # Each is drawn apart from the others.
    correlation = torch.corrcoef(torch.stack([drawn.double() for drawn in vars(draws).values()]))
    assert (correlation - torch.eye(6)).abs().max() < 0.05


def test_the_kinds_leave_the_amounts_alone() -> None:
    every, some = draw(20, NDA, generator(4)), draw(20, TET, generator(4))
    assert not torch.equal(every.kind, some.kind)
    assert torch.equal(every.rows, some.rows) and torch.equal(every.columns, some.columns)
    half = draw(20, NDA.model_copy(update={"roll_px": 0, "rotate_deg": 15.0}), generator(4))
    assert torch.equal(half.degrees * 2, every.degrees) and torch.equal(half.shear, every.shear)
    assert torch.equal(draw(20, NDA.model_copy(update={"flip": True}), generator(4)).flip, some.flip)


def test_only_what_is_switched_on_takes_part() -> None:
    for settings, kinds in ((TET, {ROLL}), (Options(rotate_deg=9.0, shear_deg=1.0), {1, 2})):
        draws = draw(200, settings, generator())
        assert set(draws.kind.tolist()) == kinds and draws.flip.any() == settings.flip
    mirror = Options(flip=True)
    many = frames(20)
    found, flipped = augment(many, mirror, generator(5)), draw(20, mirror, generator(5)).flip
    assert torch.equal(found, torch.where(flipped[:, None, None, None, None], many.flip(-1), many))
    assert 0 < flipped.sum() < 20


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_same_seed_same_frames_and_the_input_is_left_alone(dtype: torch.dtype) -> None:
    x = frames().to(dtype)
    before = x.clone()
    first, again, other = (augment(x, NDA, generator(seed)) for seed in (7, 7, 8))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert torch.equal(x, before) and first.dtype == dtype


def test_a_slice() -> None:
    x = frames(8)
    assert torch.equal(augment(x[::2], NDA, generator()), augment(x[::2].contiguous(), NDA, generator()))


def test_options_that_vary_nothing_are_refused_and_mirrors_say_so() -> None:
    with pytest.raises(ValidationError, match="varies nothing here; set roll_px"):
        Options()
    assert TET.mirrors and not NDA.mirrors and not NDA.mixes
