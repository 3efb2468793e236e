"""Look at a data set's folder before hours are spent on it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

from pipeline.commands.survey import Finding, duplicates, survey
from pipeline.config import Dataset
from pipeline.errors import PipelineError
from pipeline.events.listing import LAYOUTS, TEST, TRAIN, Listing, list_recordings
from pipeline.events.published import DATASETS, class_problems, compare, foreign_classes, manifest_digest
from pipeline.events.splits import VALIDATION, assign, describe

# Problems printed by name; all are in the JSON.
SHOWN = 10


def check(name: str, root: Path, settings: Dataset, workers: int) -> dict[str, Any]:
    """Examine every recording of a data set.

    Args:
        name: of the data set; the published counts are those of that name, if there are any.
        root: its folder. settings: its layout, sensor and split.

    Returns:
        JSON-able findings; `problems` is empty exactly when the data set can be used as params.yaml says.

    Raises:
        FileError: the folder holds no recordings of any known layout.
    """
    problems: list[str] = []
    made = settings.integrate
    listing, layout = _listing(root, made.layout, problems)
    findings = survey(listing, made.sensor, workers)
    problems += [f"{finding.name}: {finding.problem}" for finding in findings if finding.problem]
    good = [finding for finding in findings if not finding.problem]
    sides: list[int] = []
    try:
        sides = assign(listing.recordings, made.split, made.validation)
    except PipelineError as error:
        problems.append(str(error))
    side_of = dict(zip(listing.names, sides, strict=True)) if sides else {}
    for group in duplicates(findings):
        across = len({side_of.get(member) for member in group}) > 1
        problems.append(f"the same recording{' on two sides of the split' if across else ''}: {', '.join(group)}")
    digest = manifest_digest(name, listing.recordings, sides) if sides else None
    verdict = compare(name, describe(made.split), digest) if digest else ""
    problems += _against(name, listing, sides, verdict)
    counts = Counter(listing.classes[label] for label in listing.labels)
    return {
        "dataset": name,
        "folder": root.as_posix(),
        "layout": layout,
        "formats": dict(sorted(Counter(finding.format for finding in findings if finding.format).items())),
        "recordings": len(listing.recordings),
        "classes": {label: counts[label] for label in listing.classes},
        "train": sides.count(TRAIN),
        "validation": sides.count(VALIDATION),
        "test": sides.count(TEST),
        "split": describe(made.split),
        "manifest": digest,
        "published": verdict,
        "events": _statistics(good),
        "problems": problems,
    }


def as_text(report: dict[str, Any]) -> str:
    """Write the findings for people."""
    events = report["events"]
    classes = report["classes"]
    spread = f"{min(classes.values())} to {max(classes.values())}" if classes else "none"
    lines = [
        f"{report['dataset']} in {report['folder']}, layout {report['layout']}",
        f"  formats      {', '.join(f'{count:,} {name}' for name, count in report['formats'].items())}",
        f"  recordings   {report['recordings']:,} in {len(classes)} classes, {spread} a class",
        f"  split        {report['split']}: {report['train']:,} train, "
        + (f"{report['validation']:,} validation, " if report["validation"] else "")
        + f"{report['test']:,} test",
        f"  split digest {report['manifest']}",
        f"               {report['published'] or 'no published digest for this split'}",
    ]
    if events:
        lines += [
            f"  events       {events['median']:,} a recording (median; {events['least']:,} to {events['most']:,})",
            f"  duration     {events['duration_ms']:,.0f} ms (median); {events['on_share']:.0%} with polarity true",
            f"  coordinates  up to {events['height']} x {events['width']} px (height x width)",
        ]
    problems = report["problems"]
    if not problems:
        return "\n".join([*lines, "  verdict      good"])
    lines.append(f"  verdict      {len(problems)} problems")
    lines += [f"    {problem}" for problem in problems[:SHOWN]]
    if len(problems) > SHOWN:
        lines.append(f"    and {len(problems) - SHOWN} more (--json lists them)")
    return "\n".join(lines)


def _listing(root: Path, wanted: str, problems: list[str]) -> tuple[Listing, str]:
    """List by the layout that params.yaml names, or else by the one that fits, which is then a problem."""
    try:
        return list_recordings(root, wanted), wanted
    except PipelineError as error:
        for layout in sorted(set(LAYOUTS) - {wanted}):
            try:
                found = list_recordings(root, layout)
            except PipelineError:
                continue
            problems.append(f"its layout is {layout}, params.yaml says {wanted}")
            return found, layout
        raise error


def _against(name: str, listing: Listing, sides: list[int], verdict: str) -> list[str]:
    """List how a copy differs from the published data set of its name, if there is one."""
    published = DATASETS.get(name)
    if published is None:
        return []
    problems = []
    if len(listing.recordings) != published.recordings:
        problems.append(f"{len(listing.recordings):,} recordings, {published.title} has {published.recordings:,}")
    foreign = foreign_classes(name, listing)
    if foreign:
        problems.append(f"classes that {published.title} has not: {', '.join(foreign)}")
    problems += class_problems(name, listing)
    found = (len(sides) - sides.count(TEST), sides.count(TEST))
    if published.train_test is not None and sides and found != published.train_test:
        problems.append(f"{found[0]:,} train and {found[1]:,} test, published are {published.train_test}")
    if verdict.startswith("not "):
        problems.append(verdict)
    return problems


def _statistics(findings: list[Finding]) -> dict[str, Any] | None:
    if not findings:
        return None
    return {
        "median": int(median(finding.events for finding in findings)),
        "least": min(finding.events for finding in findings),
        "most": max(finding.events for finding in findings),
        "duration_ms": median(finding.duration_us for finding in findings) / 1000,
        "on_share": sum(finding.on_share for finding in findings) / len(findings),
        "height": max(finding.height for finding in findings),
        "width": max(finding.width for finding in findings),
    }
