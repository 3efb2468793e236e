"""What a handful of runs on one test set allows to be said."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import binomtest, norm

# Resamples of a bootstrap: enough that another seed moves an end of the interval by about 1 % of its width.
DRAWS = 10_000
# So many of them are made at a time, for memory.
AT_ONCE = 500


def wilson(share: Any, n: Any) -> tuple[Any, Any]:
    """Return low and high end, 0 to 1, of the Wilson 95 % interval of shares (numbers or arrays) of n answers.

    scipy's binomtest has it for whole numbers of right answers alone, and a mean over seeds is none. ValueError for n
    below 1 or a share outside 0..1.

    Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    """
    if np.any(np.less(n, 1)) or not np.all(np.greater_equal(share, 0) & np.less_equal(share, 1)):
        raise ValueError(f"expected 0 <= share <= 1 and n >= 1, found share {share}, n {n}")
    z = norm.ppf(0.975)
    scale = 1 / (1 + z**2 / n)
    centre = scale * (share + z**2 / (2 * n))
    half = scale * z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    # Rounding must not carry an end past 0 or 1.
    return np.maximum(0.0, centre - half), np.minimum(1.0, centre + half)


def mcnemar(lost: int, gained: int) -> float:
    """Return the exact two-sided p of McNemar's test, 1 where no answer changed.

    Are answers as often lost (only the first of two networks is right) as gained, given how many changed?

    Source: McNemar (1947), Note on the sampling error of the difference between correlated proportions; exact: the
    sign test on the pairs that differ.
    """
    return float(binomtest(gained, lost + gained).pvalue) if lost + gained else 1.0


def paired_interval(
    before: npt.NDArray[np.bool_], after: npt.NDArray[np.bool_], draws: int = DRAWS, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the difference of two mean accuracies, after - before, -1 to 1.

    Both are resampled together, as pairs: seeds and recordings, each with replacement, a recording in all seeds at
    once. scipy.stats.bootstrap resamples one axis alone: seeds, or recordings, would be taken as fixed.

    before, after: whether each network is right, [seeds, recordings], of the same ones in the same order; ValueError
    where shapes differ or nothing is there.

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
