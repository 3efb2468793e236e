"""The random streams of a run follow from their seed, name and numbers."""

from __future__ import annotations

import pytest
import torch

from pipeline.training.loop import epoch_order
from pipeline.training.seeds import stream


def test_a_stream_follows_from_its_arguments_alone() -> None:
    first, again = (torch.rand(5, generator=stream(3, "noise", 1, 2)) for _ in range(2))
    assert torch.equal(first, again)
    for other in (stream(4, "noise", 1, 2), stream(3, "noise", 2, 1), stream(3, "augmentation", 1, 2)):
        assert not torch.equal(first, torch.rand(5, generator=other))


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(KeyError, match="noises"):
        stream(0, "noises", 1)


def test_the_order_of_an_epoch_is_a_permutation_of_its_own() -> None:
    orders = [epoch_order(50, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(torch.equal(order.sort().values, torch.arange(50)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 4
