"""What a handful of runs on one test set allows to be said."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import binomtest, norm, t

# Resamples of a bootstrap: enough that another seed moves an end of the interval by about 1 % of its width.
DRAWS = 10_000
# Below it a corrected test is said to tell two methods apart.
LEVEL = 0.05
# How probably a difference is to be found that is called the smallest to be found.
POWER = 0.8
# Ranges of confidence, as usual for the calibration error.
BINS = 15
# Of each seed and recording: 1 where only the second of two networks is right, -1 where only the first, else 0.
Change = npt.NDArray[np.float64]


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


def paired_interval(change: Change, draws: int = DRAWS, seed: int = 0) -> tuple[float, float]:
    """Return the 95 % percentile interval of a mean change, -1 to 1: hierarchical bootstrap of seeds and recordings.

    Both are resampled with replacement, a recording in all seeds at once: another training and another test set.
    scipy.stats.bootstrap resamples one axis alone.

    Source: Owen (2007), The pigeonhole bootstrap.
    """
    random = np.random.default_rng(seed)
    seeds, recordings = change.shape
    # Recordings that change alike are drawn together: few patterns stand for all.
    patterns, counts = np.unique(change, axis=1, return_counts=True)
    weights = random.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws)
    drawn = random.multinomial(recordings, counts / recordings, size=draws)
    low, high = np.quantile((weights @ patterns * drawn).sum(axis=1) / change.size, (0.025, 0.975))
    return float(low), float(high)


def paired_test(change: Change) -> tuple[float, float, float]:
    """Return the two-sided p of a mean change being 0, its standard error and the degrees of freedom of that.

    Seeds and recordings are both taken as drawn at random: other seeds, other recordings. One seed says nothing of
    others: p is McNemar's, the error that of other recordings. p is 1 where nothing changes.

    Source: Satterthwaite (1946), An approximate distribution of estimates of variance components; for two crossed
    random factors Clark (1973), The language-as-fixed-effect fallacy.
    """
    seeds, recordings = change.shape
    mean, by_seed, by_recording = change.mean(), change.mean(axis=1), change.mean(axis=0)
    over_recordings = seeds * np.square(by_recording - mean).sum() / (recordings - 1)
    if seeds == 1:
        p = mcnemar(int((change < 0).sum()), int((change > 0).sum()))
        return p, float(np.sqrt(over_recordings / recordings)), recordings - 1
    over_seeds = recordings * np.square(by_seed - mean).sum() / (seeds - 1)
    freedom = np.array([seeds - 1, recordings - 1, (seeds - 1) * (recordings - 1)])
    rest = np.square(change - by_seed[:, None] - by_recording + mean).sum() / freedom[2]
    # What both share is subtracted once, as far as chance allows.
    variance = max(over_seeds + over_recordings - rest, over_seeds, over_recordings)
    if variance == 0:
        return float(mean == 0), 0.0, seeds - 1
    error = float(np.sqrt(variance / change.size))
    degrees = float(variance**2 / (np.square([over_seeds, over_recordings, rest]) / freedom).sum())
    return float(2 * t.sf(abs(mean) / error, degrees)), error, degrees


def smallest_difference(error: float, degrees: float, level: float, power: float) -> float:
    """Return the true difference that a two-sided t test at `level` finds with a probability of `power`, at most 1.

    Source: Bloom (1995), Minimum detectable effects.
    """
    return float(min(1.0, error * (t.isf(level / 2, degrees) + t.isf(1 - power, degrees))))


def holm(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Return p values corrected for their number: that any below a level is false has a chance of that at most.

    Source: Holm (1979), A simple sequentially rejective multiple test procedure.
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values)
    corrected = np.empty_like(values)
    corrected[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(len(values), 0, -1)))
    return corrected


def calibration(sure: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], bins: int = BINS) -> pd.DataFrame:
    """Return a row for each of equal ranges of confidence with answers: sure and right (means, 0 to 1), share of all.

    Source: Guo et al. (2017), On calibration of modern neural networks.
    """
    place = np.minimum((sure * bins).astype(int), bins - 1)
    found = pd.DataFrame({"sure": sure, "right": right.astype(float), "place": place}).groupby("place")
    return found.mean().assign(share=found.size() / len(sure))


def calibration_error(found: pd.DataFrame) -> float:
    """Return the expected calibration error, 0 to 1: the mean distance of confidence and accuracy in `calibration`."""
    return float(((found["sure"] - found["right"]).abs() * found["share"]).sum())
