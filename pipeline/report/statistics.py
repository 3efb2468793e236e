"""What a handful of runs on one test set allows to be said."""

from __future__ import annotations

import math
from collections.abc import Sequence

# Two-sided 95 % quantile of the normal distribution.
Z95 = 1.959963984540054


def wilson(correct: float, n: int) -> tuple[float, float]:
    """Give the Wilson 95 % interval of a share of right answers.

    Args:
        correct: right answers, 0 to n; a mean over runs need not be whole.
        n: answers of one evaluation, at least 1.

    Returns:
        Low and high end, 0 to 1.

    Raises:
        ValueError: n below 1 or correct outside 0..n.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if n < 1 or not 0 <= correct <= n:
        raise ValueError(f"expected 0 <= correct <= n and n >= 1, found correct {correct}, n {n}")
    share = correct / n
    scale = 1 / (1 + Z95**2 / n)
    centre = scale * (share + Z95**2 / (2 * n))
    half = scale * Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    # Rounding must not carry an end past 0 or 1.
    return max(0.0, centre - half), min(1.0, centre + half)


def mean(values: Sequence[float]) -> float:
    """Give the mean; ValueError for no values."""
    if not values:
        raise ValueError("mean of no values")
    return math.fsum(values) / len(values)


def deviation(values: Sequence[float]) -> float | None:
    """Give the sample standard deviation (n - 1); None for one value, which has none."""
    if len(values) < 2:
        return None
    centre = mean(values)
    return math.sqrt(math.fsum((value - centre) ** 2 for value in values) / (len(values) - 1))
