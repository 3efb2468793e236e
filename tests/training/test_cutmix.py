"""CutMix: the box, the weight that is its area, and labels that follow the recordings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.training.augmentations.cutmix import Options, augment, box
from pipeline.training.losses import Targets


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Centred:
    """Draws the centres it was made with."""

    def __init__(self, *centres: int) -> None:
        self.centres = list(centres)

    def integers(self, _: int) -> int:
        return self.centres.pop(0)


def told_apart(count: int, height: int, width: int) -> torch.Tensor:
    """Return frames [N, 3, 2, H, W] in which every pixel of recording n is n."""
    return (
        torch.arange(count, dtype=torch.uint8)[:, None, None, None, None].expand(-1, 3, 2, height, width).contiguous()
    )


@settings(max_examples=60, deadline=None)
@given(
    st.integers(1, 7), st.integers(1, 20), st.integers(1, 20), st.integers(0, 2**31), st.sampled_from([0.2, 1.0, 5.0])
)
def test_the_weight_is_the_share_that_is_left_and_the_label_that_of_the_box(
    count: int, height: int, width: int, seed: int, alpha: float
) -> None:
    x = told_apart(count, height, width)
    labels = torch.arange(count) + 10
    found, targets = augment(x, Targets(labels), Options(alpha=alpha), generator(seed))
    assert torch.equal(targets.labels, labels) and torch.equal(targets.other.sort().values, labels)
    others = targets.other - 10
    boxes = []
    for n, other in enumerate(others.tolist()):
        own = found[n, 0, 0] == n
        if other != n:
            # Only what is of the other has changed, and exactly as much as the weight says.
            assert (found[n, 0, 0][~own] == other).all()
            assert targets.weight[n].item() == pytest.approx(own.double().mean().item())
            boxes.append(~own)
        # All frames and polarities alike.
        assert (found[n] == found[n, 0, 0]).all()
    for changed in boxes:
        # One box for the batch, and it is a rectangle.
        assert torch.equal(changed, boxes[0])
        assert torch.equal(changed, changed.any(1)[:, None] & changed.any(0)[None])
    assert torch.equal(x, told_apart(count, height, width))


def test_a_box_by_hand() -> None:
    # A quarter of the area: half of each side, 5 and 3 pixels, rounded down to an even number about the centre.
    assert box(10, 6, 0.75, Centred(4, 3)) == (slice(2, 6), slice(2, 4))
    # Cut off at the edges.
    assert box(10, 6, 0.75, Centred(0, 5)) == (slice(0, 2), slice(4, 6))
    assert box(10, 6, 0.0, Centred(5, 3)) == (slice(0, 10), slice(0, 6))
    assert box(10, 6, 1.0, Centred(5, 3)) == (slice(5, 5), slice(3, 3))


def test_the_share_outside_the_box_follows_the_beta_distribution() -> None:
    """Of a box in the middle, which no edge cuts off, the area is that drawn."""
    for alpha, spread in ((1.0, 1 / 12), (5.0, 1 / 44)):  # 1 / (4 (2 alpha + 1))
        shares = []
        for seed in range(1500):
            numpy = np.random.default_rng(seed)
            outside = numpy.beta(alpha, alpha)
            rows, columns = box(1000, 1000, outside, Centred(500, 500))
            assert (rows.stop - rows.start) * (columns.stop - columns.start) / 1e6 == pytest.approx(
                1 - outside, abs=5e-3
            )
            shares.append(outside)
        assert np.mean(shares) == pytest.approx(0.5, abs=0.03) and np.var(shares) == pytest.approx(spread, rel=0.15)


def test_the_other_recording_is_given_by_a_uniform_permutation() -> None:
    x, labels, counts = told_apart(3, 4, 4), torch.arange(3), torch.zeros(3, 3)
    for seed in range(900):
        other = augment(x, Targets(labels), Options(), generator(seed))[1].other
        counts[labels, other] += 1
    assert (counts / 900 - 1 / 3).abs().max() < 0.06


def test_probability_is_that_of_a_batch_to_be_mixed() -> None:
    x, targets = told_apart(4, 8, 8), Targets(torch.arange(4))
    for seed in range(20):
        found, same = augment(x, targets, Options(probability=0.0), generator(seed))
        assert found is x and same is targets
        assert augment(x, targets, Options(probability=1.0), generator(seed))[1].other is not None
    mixed = [augment(x, targets, Options(probability=0.3), generator(seed))[1].other is not None for seed in range(900)]
    assert np.mean(mixed) == pytest.approx(0.3, abs=0.05)


def test_same_seed_same_mixture() -> None:
    x, targets = torch.randint(0, 9, (5, 2, 2, 8, 8), generator=generator(0)).float(), Targets(torch.arange(5))
    first, again, other = (augment(x, targets, Options(), generator(seed)) for seed in (7, 7, 8))
    assert torch.equal(first[0], again[0]) and torch.equal(first[1].weight, again[1].weight)
    assert torch.equal(first[1].other, again[1].other) and first[0].dtype == x.dtype
    assert not torch.equal(first[0], other[0])


def test_what_is_mixed_is_not_mixed_again() -> None:
    x = told_apart(3, 4, 4)
    found, targets = augment(x, Targets(torch.arange(3)), Options(), generator(0))
    with pytest.raises(ValueError, match="mixed already"):
        augment(found, targets, Options(), generator(1))
