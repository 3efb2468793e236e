from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from pipeline.report.statistics import mcnemar, paired_interval, wilson


@pytest.mark.parametrize(
    ("correct", "n", "low", "high"),
    [
        # centre (81 + 1.9207) / 103.8415 = 0.79853, half 1.95996 * sqrt(81 * 19 / 100 + 0.96036) / 103.8415 = 0.07632
        (81, 100, 0.72221, 0.87485),
        # (1 + z^2 / 2) / (2 + z^2) = 1/2, half width z * sqrt(1/2 + z^2 / 4) / (2 + z^2) = 0.40547
        (1, 2, 0.09453, 0.90547),
        # All right: the low end is n / (n + z^2).
        (10, 10, 10 / 13.841459, 1.0),
        (0, 10, 0.0, 3.841459 / 13.841459),
    ],
)
def test_wilson_against_hand_worked(correct: int, n: int, low: float, high: float) -> None:
    assert wilson(correct / n, n) == pytest.approx((low, high), abs=1e-5)


def test_wilson_stays_within_0_and_1() -> None:
    n = np.arange(1, 60)
    assert np.all((wilson(1.0, n)[0] > 0) & (wilson(1.0, n)[1] <= 1))
    assert np.all((wilson(0.0, n)[0] >= 0) & (wilson(0.0, n)[1] < 1))


def test_wilson_of_whole_counts_is_scipys() -> None:
    for correct, n in ((0, 7), (3, 7), (281, 288), (1000, 1000)):
        assert wilson(correct / n, n) == pytest.approx(tuple(binomtest(correct, n).proportion_ci(method="wilson")))


@pytest.mark.parametrize(("share", "n"), [(0.5, 0), (-0.1, 10), (1.1, 10), (np.nan, 10), (np.array([0.5, 2]), 10)])
def test_wilson_refuses_what_is_no_share(share: float, n: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= share <= 1"):
        wilson(share, n)


@pytest.mark.parametrize(
    ("lost", "gained", "p"),
    [
        # Two tails of 10 tosses with at most 1 head: 2 * (1 + 10) / 1024.
        (1, 9, 22 / 1024),
        (9, 1, 22 / 1024),
        # 2 * (1 + 6 + 15) / 64.
        (2, 4, 44 / 64),
        (0, 5, 2 / 32),
        # The middle is in both tails, p is no more than 1.
        (3, 3, 1.0),
        (0, 0, 1.0),
    ],
)
def test_mcnemar_is_the_sign_test_of_the_pairs_that_differ(lost: int, gained: int, p: float) -> None:
    assert mcnemar(lost, gained) == pytest.approx(p, rel=1e-12)


def test_mcnemar_refuses_a_negative_count() -> None:
    with pytest.raises(ValueError, match="must not be greater"):
        mcnemar(-1, 3)


def test_paired_interval_of_equal_networks_is_nothing() -> None:
    right = np.random.default_rng(1).random((3, 50)) < 0.7
    assert paired_interval(right, right) == (0.0, 0.0)


def test_paired_interval_is_the_quantiles_of_the_binomial_where_one_network_gains() -> None:
    # One seed, 40 of 100 recordings gained: resampled, their share is Binomial(100, 0.4) / 100, whose 2.5 and 97.5 %
    # quantiles are 0.31 and 0.50; the estimate from draws may be one recording off.
    before, after = np.zeros((1, 100), dtype=bool), np.arange(100)[None] < 40
    assert paired_interval(before, after) == pytest.approx((0.31, 0.50), abs=0.011)
    low, high = paired_interval(after, before)
    assert (low, high) == pytest.approx((-0.50, -0.31), abs=0.011)


def test_paired_interval_resamples_seeds_too() -> None:
    # No recording differs from another, so all there is to resample are two seeds: one gains all, one nothing.
    before, after = np.zeros((2, 30), dtype=bool), np.array([[True] * 30, [False] * 30])
    assert paired_interval(before, after) == (0.0, 1.0)


def test_paired_interval_is_the_same_again_and_of_the_seed_alone() -> None:
    random = np.random.default_rng(2)
    before, after = random.random((3, 200)) < 0.8, random.random((3, 200)) < 0.85
    first = paired_interval(before, after)
    np.random.default_rng(0).random(5)
    assert paired_interval(before, after) == first
    other = paired_interval(before, after, seed=1)
    assert other != first and other == pytest.approx(first, abs=0.01)
    assert first[0] < (after.mean() - before.mean()) < first[1]
    # Pairs, not two samples: what both share widens nothing.
    assert np.ptp(paired_interval(before, before | after)) < np.ptp(first)


def test_paired_interval_refuses_what_is_no_pair() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(2, 4\)"):
        paired_interval(np.ones((2, 3), dtype=bool), np.ones((2, 4), dtype=bool))
