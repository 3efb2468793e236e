"""What a handful of runs on one test set allows to be said."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest

# Two-sided 95 % quantile of the normal distribution.
Z95 = 1.959963984540054
# Resamples of a bootstrap: enough that another seed moves an end of the interval by about 1 % of its width.
DRAWS = 10_000
# Of the resampling alone, so that the same runs give the same interval.
BOOTSTRAP_SEED = 0
# So many of them at a time, for memory.
AT_ONCE = 500


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


def mcnemar(lost: int, gained: int) -> float:
    """Give the exact two-sided p of McNemar's test: are answers as often lost as gained, given how many changed?

    Args:
        lost: recordings that only the first of two networks answers right.
        gained: those that only the second does.

    Returns:
        p, 0 to 1; 1 where no answer changed. ValueError for a negative count.

    Source: McNemar (1947), Note on the sampling error of the difference between correlated proportions; exact: the
    sign test on the pairs that differ.
    """
    if min(lost, gained) < 0:
        raise ValueError(f"expected counts, found lost {lost}, gained {gained}")
    return float(binomtest(gained, lost + gained).pvalue) if lost + gained else 1.0


def paired_interval(
    before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], draws: int = DRAWS, seed: int = BOOTSTRAP_SEED
) -> tuple[float, float]:
    """Give the 95 % percentile bootstrap interval of the difference of two mean accuracies, after - before.

    Both are resampled together, as pairs: seeds and recordings, each with replacement, a recording in all seeds at
    once.

    Args:
        before: whether the first network is right, [seeds, recordings].
        after: the same of the second, with the same seeds and recordings in the same order.

    Returns:
        Low and high end, -1 to 1.

    Raises:
        ValueError: shapes differ or nothing is there.

    Source: Efron and Tibshirani (1993), An introduction to the bootstrap, chapter 13.
    """
    if before.shape != after.shape or before.ndim != 2 or not before.size:
        raise ValueError(f"expected twice [seeds, recordings], found {before.shape} and {after.shape}")
    random = np.random.default_rng(seed)
    change = after.astype(np.float64) - before
    seeds, recordings = change.shape
    found = []
    for start in range(0, draws, AT_ONCE):
        count = min(AT_ONCE, draws - start)
        weights = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=count) / seeds
        chosen = random.integers(recordings, size=(count, recordings))
        found.append(np.take_along_axis(weights @ change, chosen, axis=1).mean(axis=1))
    low, high = np.quantile(np.concatenate(found), (0.025, 0.975))
    return float(low), float(high)
