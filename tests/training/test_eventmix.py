"""EventMix: the region is what its Gaussians say, events add up, and labels are weighed by what is seen of each."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.training.augmentations.eventmix import Blobs, Options, augment, draw, masks, weights
from pipeline.training.losses import Targets


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counts(count: int, steps: int = 3, height: int = 7, width: int = 6, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 9, (count, steps, 2, height, width), generator=generator(seed), dtype=torch.uint8)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 6), st.integers(1, 6), st.integers(0, 2**31), st.sampled_from([None, 1, 3]))
def test_the_region_is_where_the_sum_of_gaussians_is_large(
    steps: int, height: int, width: int, seed: int, gaussians: int | None
) -> None:
    """Pixel by pixel, as the equations are printed."""
    shape, numpy = (steps, height, width), np.random.default_rng(seed)
    blobs, outside = draw(2, shape, Options(gaussians=gaussians), numpy), numpy.random(2)
    found = masks(blobs, shape, outside)
    for n in range(2):
        sums = np.zeros(shape)
        for place in np.ndindex(shape):
            for i, height_of in enumerate(blobs.heights[n]):
                squares = sum(((at - blobs.centres[axis][n, i]) / blobs.spreads[axis][n, i]) ** 2
                              for axis, at in enumerate(place))  # fmt: skip
                sums[place] += height_of * math.exp(-squares / 2)
        rank = math.floor(outside[n] * sums.size)
        bound = np.sort(sums.ravel())[rank - 1] if rank else -1.0
        # Beside the bound itself, where one rounding decides.
        clear = abs(sums - bound) > 1e-12
        assert (found[n].numpy() == (sums > bound))[clear].all()


def test_what_is_drawn_for_a_region() -> None:
    shape, numpy = (4, 10, 20), np.random.default_rng(0)
    blobs = draw(6000, shape, Options(gaussians=None), numpy)
    assert blobs.heights.shape == (6000, 4)
    used = (blobs.heights > 0).sum(1)
    assert [np.mean(used == n) for n in (2, 3, 4)] == pytest.approx([1 / 3] * 3, abs=0.03)
    assert blobs.heights.min() >= 0 and 0.99 < blobs.heights.max() < 1
    for centre, spread, side in zip(blobs.centres, blobs.spreads, shape, strict=True):
        assert np.unique(centre).tolist() == list(range(side))
        assert spread.min() == pytest.approx(0.1 * side / 2) and spread.max() <= side / 2
        # A tenth of the draws is below the narrowest.
        assert np.mean(spread == spread.min()) == pytest.approx(0.1, abs=0.01)
    assert draw(2, shape, Options(gaussians=5), numpy).heights.shape == (2, 5)


def test_narrow_gaussians_far_apart_leave_the_share_that_was_drawn() -> None:
    """Where each is e^-600 of its top, in float32 nothing would be left to order."""
    shape = (10, 48, 48)
    one = Blobs(np.ones((1, 2)), (np.array([[0, 1]]), np.array([[0, 3]]), np.array([[0, 1]])),
                tuple(np.full((1, 2), 0.05 * side) for side in shape))  # fmt: skip
    for outside in (0.0, 0.01, 0.5, 0.999):
        inside = int(masks(one, shape, np.array([outside])).sum())
        # A few pixels are as far from a centre as others, and as high.
        assert 0 <= 23040 - math.floor(outside * 23040) - inside <= 8


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 7), st.integers(0, 2**31), st.sampled_from(["events", "area", "distance"]))
def test_counts_add_up_and_labels_follow(count: int, seed: int, weigh: str) -> None:
    x, labels = counts(count, seed=seed), torch.arange(count) + 10
    # Other polarities of recording n are at 100 + n: what comes from where is seen.
    x[:, :, 1] = 100 + torch.arange(count, dtype=torch.uint8)[:, None, None, None]
    before = x.clone()
    found, targets = augment(x, Targets(labels), Options(weigh=weigh, probability=0.7), generator(seed))
    assert torch.equal(x, before) and found.dtype == torch.uint8
    if targets.other is None:
        assert found is x
        return
    assert torch.equal(targets.labels, labels) and torch.equal(targets.other.sort().values, labels)
    for n, other in enumerate((targets.other - 10).tolist()):
        inside = found[n, :, 1] == 100 + other
        assert torch.equal(found[n, :, 0], torch.where(inside, x[other, :, 0], x[n, :, 0]))
        if other == n:
            continue
        assert torch.equal(~inside, found[n, :, 1] == 100 + n)
        own, theirs = x[n].sum(1).double(), x[other].sum(1).double()
        assert found[n].sum(dtype=torch.float64) == own[~inside].sum() + theirs[inside].sum()
        kept, brought = own[~inside].sum() / own.sum(), theirs[inside].sum() / theirs.sum()
        if weigh == "events":
            assert targets.weight[n].item() == pytest.approx((kept / (kept + brought)).item())
        if weigh == "area":
            assert targets.weight[n].item() == pytest.approx((~inside).double().mean().item())
        if not inside.any():
            assert targets.weight[n] == 1


def test_weights_by_hand() -> None:
    mask = torch.tensor([[[[True, False, False]]]])
    own, other = (torch.tensor(values).reshape(1, 1, 2, 1, 3) for values in ([1, 1, 2, 0, 0, 0], [3, 0, 0, 3, 2, 0]))
    both = torch.where(mask[:, :, None], other, own)
    # Inside: a quarter of one's events, three quarters of the other's.
    assert weights(own, other, both, mask, "events").tolist() == [0.5]
    assert weights(own, other, both, mask, "area").tolist() == [pytest.approx(2 / 3)]
    # The mixture is 3 1 2 and 3 0 0. Sums over three pixels of what it differs: from own (2 2 0) and (3 3 0), whose
    # squares are 26, from the other (1 3 3) and (-2 -2 -2), whose squares are 31.
    assert weights(own, other, both, mask, "distance").tolist() == [pytest.approx(31**2 / (26**2 + 31**2))]


def test_where_nothing_is_seen_the_area_weighs() -> None:
    mask = torch.tensor([[True, True, False]]).reshape(1, 1, 1, 3)
    empty = torch.zeros(1, 1, 2, 1, 3)
    inside, outside = empty.clone(), empty.clone()
    inside[..., 0], outside[..., 2] = 1, 1
    third = [pytest.approx(1 / 3)]
    # Events of one within the region only, of the other outside only: none is left.
    assert weights(inside, outside, empty, mask, "events").tolist() == third
    for rule in ("events", "distance"):
        assert weights(empty, empty, empty, mask, rule).tolist() == third
    # A recording without events says nothing.
    assert weights(empty, inside, inside, mask, "events").tolist() == [0]
    assert weights(outside, empty, outside, mask, "events").tolist() == [1]


def test_probability_is_that_of_a_recording_to_be_mixed() -> None:
    x, targets = counts(200, height=2, width=2), Targets(torch.arange(200))
    for seed in range(5):
        found, same = augment(x, targets, Options(probability=0.0), generator(seed))
        assert found is x and same is targets
    assert augment(x, targets, Options(probability=1.0), generator(0))[1].weight.lt(1).double().mean() > 0.9
    shares = [(augment(x, targets, Options(probability=0.3), generator(seed))[0] != x).flatten(1).any(1).double().mean()
              for seed in range(20)]  # fmt: skip
    assert 0.2 < np.mean(shares) < 0.32


def test_the_share_outside_is_that_of_the_beta_distribution() -> None:
    x, targets = counts(1500), Targets(torch.arange(1500))
    for alpha, spread in ((1.0, 1 / 12), (5.0, 1 / 44)):  # 1 / (4 (2 alpha + 1))
        options = Options(alpha=alpha, probability=1.0, weigh="area")
        outside = augment(x, targets, options, generator(0))[1].weight
        assert outside.mean() == pytest.approx(0.5, abs=0.03) and outside.var() == pytest.approx(spread, rel=0.15)


def test_options_that_cannot_be() -> None:
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        Options(narrowest=2.0)
    with pytest.raises(ValueError, match="eventmix: the targets are mixed already"):
        labels = torch.arange(2)
        augment(counts(2), Targets(labels, labels, torch.ones(2)), Options(), generator(0))
