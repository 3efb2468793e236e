"""Mixup: the mean by hand, its weight, and the epochs in which it takes part."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from pipeline.nets.forward import laid_out
from pipeline.training.augmentations.mixup import Options, augment
from pipeline.training.losses import Targets

ALWAYS = Options(probability=1.0)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counts(count: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 250, (count, 3, 2, 4, 5), generator=generator(seed), dtype=torch.uint8)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int16, torch.float32])
def test_each_recording_is_the_mean_that_its_labels_say(dtype: torch.dtype) -> None:
    x, labels = counts(6).to(dtype), torch.arange(6) + 10
    before = x.clone()
    for seed in range(10):
        found, targets = augment(x, Targets(labels), ALWAYS, generator(seed))
        assert torch.equal(targets.labels, labels) and torch.equal(targets.other.sort().values, labels)
        # One weight for the batch.
        weight = targets.weight[0].item()
        assert (targets.weight == targets.weight[0]).all() and 0 <= weight <= 1
        wanted = weight * x.double() + (1 - weight) * x[targets.other - 10].double()
        torch.testing.assert_close(found, wanted.float(), rtol=1e-5, atol=1e-4)
        # Fractions are taken by a network as they are.
        assert found.dtype == torch.float32 and torch.equal(laid_out(found), found)
    assert torch.equal(x, before)


def test_the_weight_is_of_the_beta_distribution_and_probability_that_of_a_batch() -> None:
    x, targets = counts(2), Targets(torch.arange(2))
    for alpha, spread in ((0.5, 1 / 8), (5.0, 1 / 44)):  # 1 / (4 (2 alpha + 1))
        options = Options(alpha=alpha, probability=1.0)
        found = [augment(x, targets, options, generator(seed))[1].weight[0].item() for seed in range(1500)]
        assert np.mean(found) == pytest.approx(0.5, abs=0.03) and np.var(found) == pytest.approx(spread, rel=0.15)
    batches = [augment(x, targets, Options(), generator(seed)) for seed in range(900)]
    assert np.mean([now.other is not None for _, now in batches]) == pytest.approx(0.5, abs=0.05)
    # A batch that is not mixed is left as it is.
    assert all(found is x and now is targets for found, now in batches if now.other is None)


def test_until_is_the_number_of_epochs() -> None:
    assert [Options(until=3).takes_part(epoch) for epoch in range(5)] == [True, True, True, False, False]
    assert Options().takes_part(10**6)
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Options(until=0)


def test_what_is_mixed_is_not_mixed_again() -> None:
    found, targets = augment(counts(3), Targets(torch.arange(3)), ALWAYS, generator(0))
    with pytest.raises(ValueError, match="mixup: the targets are mixed already"):
        augment(found, targets, ALWAYS, generator(1))
