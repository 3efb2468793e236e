from __future__ import annotations

import math

import pytest

from pipeline.report.statistics import deviation, mean, wilson


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
    assert wilson(correct, n) == pytest.approx((low, high), abs=1e-5)


def test_wilson_stays_within_0_and_1() -> None:
    for n in range(1, 60):
        low, high = wilson(n, n)[0], wilson(0, n)[1]
        assert 0 < low < 1 and 0 < high < 1
        assert wilson(n, n)[1] <= 1 and wilson(0, n)[0] >= 0


@pytest.mark.parametrize(("correct", "n"), [(0, 0), (-1, 10), (11, 10)])
def test_wilson_refuses_what_is_no_share(correct: int, n: int) -> None:
    with pytest.raises(ValueError, match="expected 0 <= correct <= n"):
        wilson(correct, n)


def test_deviation_divides_by_one_less() -> None:
    # mean 0.85; deviations -0.05, 0, 0.05: sqrt(0.005 / 2)
    assert mean([0.80, 0.85, 0.90]) == pytest.approx(0.85)
    assert deviation([0.80, 0.85, 0.90]) == pytest.approx(math.sqrt(0.0025))


def test_one_value_has_no_deviation_and_none_no_mean() -> None:
    assert deviation([0.8]) is None
    with pytest.raises(ValueError, match="no values"):
        mean([])
