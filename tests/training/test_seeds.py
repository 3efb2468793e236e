"""The random streams of a run have names, and none meets another."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.loop import epoch_order
from pipeline.training.seeds import NAMES, stream

# Of seed 3 and numbers 1, 2; another would be other weights for everyone.
FOUND = {
    "weights": 3112431700553692646,
    "aligner": 8405901247430398052,
    "order": 1721139566421697190,
    "noise": 6078434352344501008,
    "augmentation": 7884566877630838359,
    "gradient": 3525395379474334306,
}


def test_no_two_streams_of_small_numbers_coincide() -> None:
    first = {}
    for name, meant in NAMES.items():
        for seed, *numbers in product(range(6), *[range(16)] * len(meant)):
            generator = stream(seed, name, *numbers)
            # What is drawn, not the seed: two seeds may be one to the generator.
            first[name, seed, *numbers] = tuple(torch.rand(4, generator=generator).tolist())
    assert len(first) == 6 * (16 + 1 + 16 + 256 + 256 + 256)
    assert len(set(first.values())) == len(first)


@st.composite
def arguments(draw: st.DrawFn) -> tuple[int, str, tuple[int, ...]]:
    name, number = draw(st.sampled_from(sorted(NAMES))), st.integers(0, 2**64 - 1)
    return draw(number), name, tuple(draw(number) for _ in NAMES[name])


@given(arguments(), arguments())
def test_a_stream_follows_from_its_arguments_alone(one, two) -> None:
    seeds = [stream(seed, name, *numbers).initial_seed() for seed, name, numbers in (one, one, two)]
    assert seeds[0] == seeds[1] and (seeds[0] == seeds[2]) == (one == two)


@pytest.mark.parametrize(
    ("other", "numbers"),
    [("order", (0,)), ("noise", (0, 0)), ("augmentation", (0, 0)), ("aligner", ())],
)
def test_numbers_that_say_nothing_say_it_of_one_name(other: str, numbers: tuple[int, ...]) -> None:
    """Zeros at the end of what NumPy takes as entropy are as if they were not there, up to four words."""
    seeds = {stream(0, name, *[0] * len(meant)).initial_seed() for name, meant in NAMES.items() if name != other}
    assert stream(0, other, *numbers).initial_seed() not in seeds


def test_the_streams_are_the_same_on_every_machine() -> None:
    found = {name: stream(3, name, *range(1, 1 + len(meant))).initial_seed() for name, meant in NAMES.items()}
    assert found == FOUND


def test_names_and_numbers_are_checked() -> None:
    with pytest.raises(ValueError, match="unknown stream 'noises'; did you mean 'noise'"):
        stream(0, "noises", 1, 2)
    with pytest.raises(ValueError, match=r"'noise' takes 2 numbers \('epoch', 'step'\), found \(1,\)"):
        stream(0, "noise", 1)
    with pytest.raises(OverflowError):
        stream(-1, "aligner")


def test_the_order_of_an_epoch_is_a_permutation_of_its_own() -> None:
    orders = [epoch_order(50, seed, epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(torch.equal(order.sort().values, torch.arange(50)) for order in orders)
    assert len({tuple(order.tolist()) for order in orders}) == 4
