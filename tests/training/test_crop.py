"""Random crop with padding: each sample is moved as torch would move it, to all places alike."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.training.augmentations.crop import Options, augment
from pipeline.training.losses import Targets
from tests.training.resampled import moved


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12), st.integers(0, 2**31))
def test_each_sample_is_cut_out_of_itself_with_zeros_about(height: int, width: int, padding: int, seed: int) -> None:
    x = torch.randint(0, 200, (5, 3, 2, height, width), generator=generator(seed), dtype=torch.uint8)
    targets = Targets(torch.arange(5))
    found, same = augment(x, targets, Options(padding_px=padding), generator(seed))
    assert same is targets
    rows, columns = torch.randint(-padding, padding + 1, (2, 5), generator=generator(seed)).tolist()
    for index in range(5):
        assert torch.equal(found[index], moved(x[index], rows[index], columns[index]))


def test_all_places_are_as_likely() -> None:
    x = torch.zeros(6000, 1, 1, 9, 9)
    x[:, :, :, 4, 4] = 1
    found = augment(x, Targets(torch.zeros(6000).long()), Options(padding_px=1), generator(0))[0].mean((0, 1, 2))
    assert (found[3:6, 3:6] - 1 / 9).abs().max() < 0.015 and abs(found.sum() - 1) < 1e-5
