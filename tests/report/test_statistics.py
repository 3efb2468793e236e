from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, sem, ttest_1samp

from pipeline.report.statistics import (
    calibration,
    calibration_error,
    holm,
    mcnemar,
    paired_interval,
    paired_test,
    smallest_difference,
    wilson,
)


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


def change(before: Any, after: Any) -> np.ndarray:
    return np.asarray(after, dtype=float) - np.asarray(before, dtype=float)


def test_paired_interval_of_equal_networks_is_nothing() -> None:
    assert paired_interval(np.zeros((3, 50))) == (0.0, 0.0)


def test_paired_interval_is_the_quantiles_of_the_binomial_where_one_network_gains() -> None:
    # One seed, 40 of 100 recordings gained: resampled, their share is Binomial(100, 0.4) / 100, whose 2.5 and 97.5 %
    # quantiles are 0.31 and 0.50; the estimate from draws may be one recording off.
    gained = (np.arange(100)[None] < 40).astype(float)
    assert paired_interval(gained) == pytest.approx((0.31, 0.50), abs=0.011)
    assert paired_interval(-gained) == pytest.approx((-0.50, -0.31), abs=0.011)


def test_paired_interval_resamples_seeds_too() -> None:
    # No recording differs from another, so all there is to resample are two seeds: one gains all, one nothing.
    assert paired_interval(np.array([[1.0] * 30, [0.0] * 30])) == (0.0, 1.0)


def test_paired_interval_is_the_same_again_and_of_the_seed_alone() -> None:
    random = np.random.default_rng(2)
    before, after = random.random((3, 200)) < 0.8, random.random((3, 200)) < 0.85
    first = paired_interval(change(before, after))
    np.random.default_rng(0).random(5)
    assert paired_interval(change(before, after)) == first
    other = paired_interval(change(before, after), seed=1)
    assert other != first and other == pytest.approx(first, abs=0.01)
    assert first[0] < (after.mean() - before.mean()) < first[1]
    # Pairs, not two samples: what both share widens nothing.
    assert np.ptp(paired_interval(change(before, before | after))) < np.ptp(first)


def test_paired_test_of_one_seed_is_mcnemars() -> None:
    given = np.array([[1.0] * 9 + [-1.0] + [0.0] * 90])
    p, error, degrees = paired_test(given)
    assert p == pytest.approx(22 / 1024) and degrees == 99
    assert error == pytest.approx(given.std(ddof=1) / 10)


def test_paired_test_of_seeds_alone_is_their_t_test() -> None:
    # Every recording changes alike, so seeds are all there is to vary.
    shares = np.array([0.2, 0.5, 0.6])
    p, error, degrees = paired_test(np.tile(shares[:, None], (1, 40)))
    assert (p, error, degrees) == pytest.approx((ttest_1samp(shares, 0).pvalue, sem(shares), 2))


def test_paired_test_of_recordings_alone_is_their_t_test() -> None:
    recordings = np.random.default_rng(0).choice([-1.0, 0.0, 1.0], 40)
    p, error, degrees = paired_test(np.tile(recordings, (3, 1)))
    assert (p, error, degrees) == pytest.approx((ttest_1samp(recordings, 0).pvalue, sem(recordings), 39))


def test_paired_test_finds_nothing_where_nothing_changes_and_all_where_all_do() -> None:
    assert paired_test(np.zeros((3, 20))) == (1.0, 0.0, 2) and paired_test(np.ones((3, 20)))[0] == 0


def test_paired_test_is_wrong_as_rarely_as_it_says() -> None:
    """Networks of equal accuracy, whose seeds differ by points, as they do: 5 % and no more are told apart."""
    random = np.random.default_rng(0)

    def answers(hard: np.ndarray) -> np.ndarray:
        return hard + random.normal(0, 0.15, (3, 1)) + random.normal(0, 0.6, (3, 300)) > 0

    p = []
    for _ in range(400):
        hard = random.normal(1.5, 1.2, 300)
        p.append(paired_test(change(answers(hard), answers(hard)))[0])
    assert binomtest(sum(value < 0.05 for value in p), 400, 0.05, "greater").pvalue > 0.01


def test_smallest_difference_is_found_as_often_as_it_says() -> None:
    # With many degrees of freedom: 1.96 + 0.84 standard errors; never more than all.
    assert smallest_difference(0.01, 1e6, 0.05, 0.8) == pytest.approx(0.028016, abs=1e-5)
    assert smallest_difference(0.01, 4, 0.05, 0.8) == pytest.approx(0.01 * (2.77645 + 0.94096), rel=1e-4)
    assert smallest_difference(0.5, 2, 0.001, 0.8) == 1


def test_holm_by_hand() -> None:
    # Sorted 0.01, 0.02, 0.03, 0.5 by 4, 3, 2, 1: 0.04, 0.06, 0.06, 0.5; never above 1.
    assert holm([0.03, 0.01, 0.5, 0.02]).tolist() == pytest.approx([0.06, 0.04, 0.5, 0.06])
    assert holm([0.6, 0.9]).tolist() == [1, 1] and holm([]).tolist() == []


def test_calibration_by_hand() -> None:
    # Of 15 ranges: 0.90 and 0.91 in the 14th, 1.0 in the last.
    found = calibration(np.array([0.90, 0.91, 1.0, 1.0]), np.array([True, False, True, True]))
    assert found["sure"].tolist() == pytest.approx([0.905, 1]) and found["right"].tolist() == [0.5, 1]
    assert found["share"].tolist() == [0.5, 0.5]
    assert calibration_error(found) == pytest.approx(0.5 * 0.405)
