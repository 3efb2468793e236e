"""A copy of a public data set held against the published one: its classes, its recordings, its split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.config.splits import Split
from pipeline.events.listing import Listing, Recording
from pipeline.events.published import (
    DATASETS,
    Published,
    another_set,
    by_rule,
    class_key,
    foreign_classes,
    identities,
    manifest_digest,
    published_digest,
)
from pipeline.events.sides import TEST, TRAIN
from pipeline.events.splits import assign, describe

AS_PUBLISHED = "as published"
DIFFERS = "differs from the published split"
UNKNOWN = "no published digest for this split"


@dataclass(frozen=True)
class Deviation:
    """A class with another count than the published; `published` is 0 for a class it has not, None if not known."""

    name: str
    found: int
    published: int | None

    def __str__(self) -> str:
        known = "some" if self.published is None else f"{self.published:,}"
        note = " (unknown)" if self.published == 0 else "" if self.found else " (missing)"
        return f"{self.name} {self.found:,} of {known}{note}"


@dataclass(frozen=True)
class Held:
    """What a comparison gave: classes with other counts, the split's digest and the verdict on it, what is wrong.

    `published` is None where the copy is of no published set, `digest` where the split cannot be made.
    """

    published: Published | None
    deviations: list[Deviation]
    digest: str | None
    verdict: str
    problems: list[str]


def deviations(dataset: str, listing: Listing) -> list[Deviation]:
    """List the classes whose counts are not the published ones: those of the data set in order, then the unknown.

    Class names are compared without regard to case; a data set that is not published has none.
    """
    published = DATASETS.get(dataset)
    if published is None:
        return []
    found = Counter(class_key(dataset, listing.classes[label]) for label in listing.labels)
    wrong = []
    for name, count in published.classes.items():
        here = found[class_key(dataset, name)]
        # Where the count is not known, no more can be asked than that the class is there.
        good = here > 0 if count is None else count - published.short <= here <= count
        if not good:
            wrong.append(Deviation(name, here, count))
    unknown = foreign_classes(dataset, listing)
    return wrong + [Deviation(name, found[class_key(dataset, name)], 0) for name in unknown]


def held(dataset: str, listing: Listing, sides: Sequence[int], split: Split) -> Held:
    """Hold a copy against the published data set of its name.

    Args:
        sides: 0 (train), 1 (test) or 2 (validation) of each recording, empty where the split cannot be made.
    """
    digest = manifest_digest(dataset, listing.recordings, sides) if sides else None
    known = published_digest(dataset, describe(split))
    verdict = UNKNOWN if digest is None or known is None else AS_PUBLISHED if digest == known else DIFFERS
    published, another = DATASETS.get(dataset), another_set(dataset, listing)
    if published is None or another:
        return Held(None, [], digest, verdict, [another] if another else [])
    wrong = deviations(dataset, listing)
    problems = _counts(published, listing, sides)
    if wrong:
        unknown = sum(one.published == 0 for one in wrong)
        missing = sum(not one.found for one in wrong if one.published != 0)
        problems.append(
            f"classes that deviate from {published.title}: {len(wrong)} ({missing} missing, {unknown} unknown); "
            "get the data set anew, or mend these"
        )
    if verdict == DIFFERS:
        problems.append(f"{DIFFERS} ({describe(split)}): {_differences(dataset, listing.recordings, sides, split)}")
    return Held(published, wrong, digest, verdict, problems)


def _counts(published: Published, listing: Listing, sides: Sequence[int]) -> list[str]:
    problems = []
    if len(listing.recordings) != published.recordings:
        problems.append(f"{len(listing.recordings):,} recordings, {published.title} has {published.recordings:,}")
    found = (len(sides) - sides.count(TEST), sides.count(TEST))
    if published.train_test is not None and sides and found != published.train_test:
        train, test = published.train_test
        problems.append(f"{found[0]:,} train and {found[1]:,} test, published are {train:,} and {test:,}")
    return problems


def _differences(dataset: str, recordings: Sequence[Recording], sides: Sequence[int], split: Split) -> str:
    files, _ = by_rule(dataset)
    published = dict(zip(identities(dataset, files), assign(files, split), strict=True))
    names = identities(dataset, recordings)
    found = {name: TEST if side == TEST else TRAIN for name, side in zip(names, sides, strict=True)}
    parts = {
        "missing": published.keys() - found.keys(),
        "unknown": found.keys() - published.keys(),
        "on the other side": {name for name in found.keys() & published.keys() if found[name] != published[name]},
        "there more than once": {name for name, count in Counter(names).items() if count > 1},
    }
    return "; ".join(f"{len(some):,} {what}, first {min(some)}" for what, some in parts.items() if some)
