"""Augmentation: each map against torch's own, one draw for a sample, nothing lost that should stay."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.training.augmentations import nda
from pipeline.training.augmentations._maps import Movement
from pipeline.training.augmentations.nda import ROLL, ROTATE, SHEAR, Draws, Options, draw
from pipeline.training.losses import Targets
from tests.training.resampled import rotated, sheared

NDA = Options(roll_px=5, rotate_deg=30.0, shear_deg=30.0)
PAPER = Options(roll_px=5, rotate_deg=30.0, shear_deg=16.7, cutout_px=16)
TET = Options(flip=True, roll_px=5)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def frames(count: int = 6, height: int = 11, width: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 200, (count, 3, 2, height, width), generator=generator(seed), dtype=torch.uint8)


def augment(x: torch.Tensor, options: Options, generator: torch.Generator) -> torch.Tensor:
    targets = Targets(torch.arange(len(x)))
    found, same = nda.augment(x, targets, options, generator)
    assert same is targets
    return found


def operated(sample: torch.Tensor, draws: Draws, kind: int, index: int) -> torch.Tensor:
    """Do one operation to one recording [T, 2, H, W] by torch's own means."""
    if kind == ROLL:
        return sample.roll((int(draws.rows[index]), int(draws.columns[index])), (2, 3))
    if kind == ROTATE:
        return rotated(sample, math.radians(draws.degrees[index]))
    if kind == SHEAR:
        return sheared(sample, math.radians(draws.shear[index]))
    side, left = int(draws.side[index]), sample.clone()
    row, column = (int(share[index] * pixels) - side // 2
                   for share, pixels in zip((draws.down, draws.right), sample.shape[-2:], strict=True))  # fmt: skip
    left[..., max(row, 0) : row + side, max(column, 0) : column + side] = 0
    return left


@hypothesis_settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**31), st.booleans(), st.integers(0, 4))
@example(48, 48, 0, True, 0)
@example(33, 64, 1, False, 4)
def test_each_map_is_torchs_own(height: int, width: int, seed: int, flip: bool, operations: int) -> None:
    """0 operations stand for the released policy; the paper's, M of four, are done one after the other."""
    released = NDA if operations == 0 else PAPER
    settings = released.model_copy(update={"flip": flip, "operations": max(operations, 1)})
    x = frames(9, height, width, seed)
    draws = draw(9, settings, generator(seed))
    found = augment(x, settings, generator(seed))
    for index in range(9):
        sample = x[index].flip(-1) if draws.flip[index] else x[index]
        kinds = draws.kinds[:, index].tolist()
        assert len(set(kinds)) == settings.operations
        for kind in kinds:
            sample = operated(sample, draws, kind, index)
        assert torch.equal(found[index], sample)


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
    turn = torch.tensor([math.radians(float(angle))], dtype=torch.float64)
    movement = Movement(turn=turn) if name == "rotate" else Movement(lean=turn.tan())
    assert movement.map(x[None, None, None]).applied(x[None, None, None]).squeeze().tolist() == wanted


def test_a_quarter_turn_is_counter_clockwise() -> None:
    x = torch.arange(16, dtype=torch.uint8).reshape(1, 1, 1, 4, 4)
    found = Movement(turn=torch.tensor([math.pi / 2], dtype=torch.float64)).map(x)
    assert found.inside.all() and torch.equal(found.applied(x)[0, 0, 0], x[0, 0, 0].rot90(1, (0, 1)))


def test_operations_in_a_row_by_hand() -> None:
    x = torch.arange(1, 10, dtype=torch.uint8).reshape(1, 1, 1, 3, 3)
    one, none = torch.tensor([1]), torch.tensor([0])
    down = Movement(roll=(one, none)).map(x)
    assert down.applied(x).squeeze().tolist() == [[7, 8, 9], [1, 2, 3], [4, 5, 6]]
    right = Movement(move=(none, one)).map(x)
    assert right.applied(x).squeeze().tolist() == [[0, 1, 2], [0, 4, 5], [0, 7, 8]]
    empty = Movement(hole=(one, none), sides=(one, one + one)).map(x)
    assert empty.applied(x).squeeze().tolist() == [[1, 2, 3], [0, 0, 6], [7, 8, 9]]
    # The hole is rolled with the rest, or is where it was drawn if it comes last.
    assert down.after(right).after(empty).applied(x).squeeze().tolist() == [[0, 7, 8], [0, 1, 2], [0, 0, 0]]
    assert empty.after(right).after(down).applied(x).squeeze().tolist() == [[0, 7, 8], [0, 0, 2], [0, 4, 5]]
    mirrored = Movement(flip=torch.tensor([True]), move=(none, one)).map(x)
    assert mirrored.applied(x).squeeze().tolist() == [[0, 3, 2], [0, 6, 5], [0, 9, 8]]


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
        assert abs((draws.kinds == kind).double().mean() - 1 / 3) < 0.03
    for offsets in (draws.rows, draws.columns):
        assert offsets.unique().tolist() == list(range(-5, 6))
    assert abs(draws.flip.double().mean() - 0.5) < 0.03
    for angles in (draws.degrees, draws.shear):
        assert -30 <= angles.min() < -29 and 29 < angles.max() <= 30 and abs(angles.mean()) < 1
    # Each is drawn apart from the others.
    amounts = (draws.rows, draws.columns, draws.degrees, draws.shear, draws.flip)
    correlation = torch.corrcoef(torch.stack([drawn.double() for drawn in (draws.kinds[0], *amounts)]))
    assert (correlation - torch.eye(6)).abs().max() < 0.05


def test_what_is_drawn_without_cutout_for_one_operation_stays() -> None:
    """As it was before there were either."""
    state = generator(4)
    draws = draw(5, NDA.model_copy(update={"flip": True}), state)
    assert draws.kinds.tolist() == [[1, 2, 0, 2, 2]]
    assert draws.rows.tolist() == [3, -4, 2, 5, 5] and draws.columns.tolist() == [-4, -3, -3, 3, 4]
    assert draws.flip.tolist() == [True, True, False, True, True]
    assert int(torch.randint(10**6, (), generator=state)) == 901729  # what follows, too


def test_different_operations_are_drawn_alike_and_the_first_is_that_of_one() -> None:
    two = PAPER.model_copy(update={"operations": 2})
    draws, single = draw(6000, two, generator(3)), draw(6000, PAPER, generator(3))
    for name, drawn in vars(single).items():
        assert torch.equal(drawn, getattr(draws, name)[:1] if name == "kinds" else getattr(draws, name)), name
    pairs = torch.bincount(draws.kinds[0] * 4 + draws.kinds[1], minlength=16).view(4, 4) / 6000
    assert pairs.diagonal().sum() == 0 and (pairs + torch.eye(4) / 12 - 1 / 12).abs().max() < 0.015
    assert draws.side.unique().tolist() == list(range(1, 17))
    assert (torch.bincount(draws.side)[1:] / 6000 - 1 / 16).abs().max() < 0.015
    assert all(abs(place.mean() - 1 / 2) < 0.02 and 0 <= place.min() <= place.max() < 1
               for place in (draws.down, draws.right))  # fmt: skip


def test_the_kinds_leave_the_amounts_alone() -> None:
    every, some = draw(20, NDA, generator(4)), draw(20, TET, generator(4))
    assert not torch.equal(every.kinds, some.kinds)
    assert torch.equal(every.rows, some.rows) and torch.equal(every.columns, some.columns)
    half = draw(20, NDA.model_copy(update={"roll_px": 0, "rotate_deg": 15.0}), generator(4))
    assert torch.equal(half.degrees * 2, every.degrees) and torch.equal(half.shear, every.shear)
    assert torch.equal(draw(20, NDA.model_copy(update={"flip": True}), generator(4)).flip, some.flip)


def test_only_what_is_switched_on_takes_part() -> None:
    for settings, kinds in ((TET, {ROLL}), (Options(rotate_deg=9.0, shear_deg=1.0), {1, 2})):
        draws = draw(200, settings, generator())
        assert set(draws.kinds[0].tolist()) == kinds and draws.flip.any() == settings.flip
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
    with pytest.raises(ValidationError, match="operations: 3 different ones are to be drawn of the 2 that take part"):
        Options(roll_px=5, cutout_px=8, operations=3)
    assert TET.mirrors and not NDA.mirrors and not NDA.mixes
