"""Look at a data set's folder before hours are spent on it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from pipeline.commands import compare_published
from pipeline.commands.scan import Finding, duplicates, scan
from pipeline.config.frames import Integrate
from pipeline.errors import PipelineError
from pipeline.events.listing import LAYOUTS, Listing, list_recordings
from pipeline.events.published import another_set
from pipeline.events.sides import TEST, TRAIN, VALIDATION
from pipeline.events.splits import assign, describe, taking_part, unlearned

# A share of the sensor's pixels that frames show, below which it is told.
LEAST_SHOWN = 0.5
# Problems printed, and the width of a printed line (characters); the JSON has all.
SHOWN = 10
WIDTH = 110


def check(dataset: str, folder: Path, settings: Integrate, workers: int) -> dict[str, Any]:
    """Examine every recording of a data set.

    Args:
        dataset: its name; the published counts are those of that name, if there are any.
        folder: where it lies. settings: its layout, sensor and split.

    Returns:
        JSON-able findings; `problems` is empty exactly when the data set can be used as params.yaml says; `warnings`
        are what may not be meant.

    Raises:
        FileError: the folder holds no recordings of any known layout.
    """
    problems: list[str] = []
    everything, layout = _listing(folder, dataset, settings.layout, problems)
    listing = taking_part(everything, settings.split)
    sides: list[int] = []
    try:
        sides = assign(listing.recordings, settings.split, settings.validation)
    except PipelineError as error:
        problems.append(str(error))
    if sides and (classes := unlearned(listing, sides)):
        problems.append(
            f"no training recording of the classes {', '.join(classes[:SHOWN])}: record some, or take them away"
        )
    held = compare_published.held(dataset, listing, sides, settings.split)
    problems += held.problems
    findings = scan(listing, settings.sensor, workers)
    problems += _duplicated(listing, sides, findings)
    problems += [f"{finding.name}: {finding.problem}" for finding in findings if finding.problem]
    counts = Counter(listing.labels)
    return {
        "dataset": dataset,
        "folder": folder.as_posix(),
        "layout": layout,
        "formats": _formats(listing, findings),
        "recordings": len(listing.recordings),
        "left_out": len(everything.recordings) - len(listing.recordings),
        "classes": {found: counts[label] for label, found in enumerate(listing.classes)},
        "published_classes": dict(held.published.classes) if held.published else None,
        "source": held.published.source if held.published else None,
        "deviations": [{**asdict(wrong), "text": str(wrong)} for wrong in held.deviations],
        "train": sides.count(TRAIN),
        "validation": sides.count(VALIDATION),
        "test": sides.count(TEST),
        "split": describe(settings.split),
        "manifest": held.digest,
        "published": held.verdict,
        "events": _statistics([finding for finding in findings if not finding.problem]),
        "warnings": _dropped(settings),
        "problems": problems,
    }


def as_text(report: dict[str, Any]) -> str:
    """Write the findings for people: classes and problems in detail only where something is wrong."""
    events, problems = report["events"], report["problems"]
    lines = [
        f"{report['dataset']} in {report['folder']}, layout {report['layout']}",
        f"  formats      {', '.join(f'{count:,} {name}' for name, count in report['formats'].items())} files",
        *_classes(report),
        *_split(report),
    ]
    if events:
        lines += [
            f"  events       {events['median']:,} a recording (median; {events['least']:,} to {events['most']:,})",
            f"  duration     {events['duration_ms']:,.0f} ms (median); {events['on_share']:.0%} with polarity true",
            f"  coordinates  up to {events['height']} x {events['width']} px (height x width)",
        ]
    lines.append(f"  verdict      {f'{len(problems)} problems' if problems else 'good'}")
    lines += [f"    {problem}" for problem in problems[:SHOWN]]
    lines += [f"  warning      {warning}" for warning in report["warnings"]]
    if len(problems) > SHOWN:
        lines.append(f"    and {len(problems) - SHOWN} more (--json lists them)")
    return "\n".join(lines)


def _classes(report: dict[str, Any]) -> list[str]:
    counts, wrong = report["classes"].values(), [one["text"] for one in report["deviations"]]
    spread = f"{min(counts):,} to {max(counts):,}"
    left = f"; {report['left_out']:,} others, not listed, left out" if report["left_out"] else ""
    lines = [f"  recordings   {report['recordings']:,} in {len(counts)} classes, {spread} a class{left}"]
    if wrong:
        lines.append(f"  classes      {len(wrong)} deviate, here of published ({report['source']}):")
        width = max(map(len, wrong)) + 3
        columns = max(1, WIDTH // width)
        rows = [wrong[start : start + columns] for start in range(0, len(wrong), columns)]
        lines += ["    " + "".join(cell.ljust(width) for cell in row).rstrip() for row in rows]
    elif report["published_classes"] is not None:
        unknown = None in report["published_classes"].values()
        found = "all there, published counts a class are not known" if unknown else "as published"
        lines.append(f"  classes      {found} ({report['source']})")
    return lines


def _split(report: dict[str, Any]) -> list[str]:
    if report["manifest"] is None:
        return [f"  split        {report['split']}: cannot be made, see below"]
    sides = [f"{report[side]:,} {side}" for side in ("train", "validation", "test") if report[side]]
    return [
        f"  split        {report['split']}: {', '.join(sides)}",
        f"  split digest {report['manifest']}: {report['published']}",
    ]


def _listing(root: Path, name: str, wanted: str, problems: list[str]) -> tuple[Listing, str]:
    """List by the layout that params.yaml names, or else by the one that fits, which is then a problem."""
    try:
        return list_recordings(root, wanted), wanted
    except PipelineError as error:
        for layout in sorted(set(LAYOUTS) - {wanted}):
            try:
                found = list_recordings(root, layout)
            except PipelineError:
                continue
            # To change the layout would not make another data set this one.
            if not another_set(name, found):
                problems.append(
                    f"its layout is {layout}, params/datasets.yaml says {wanted}: set {name}.integrate.layout"
                )
            return found, layout
        raise error


def _dropped(settings: Integrate) -> list[str]:
    """Return a warning where `nearest` leaves out most of the sensor's pixels, with all their events."""
    kept = math.prod(settings.frame_size) / math.prod(settings.sensor)
    if settings.resize != "nearest" or kept >= LEAST_SHOWN:
        return []
    return [
        f"resize nearest shows {kept:.1%} of the sensor's pixels in frames of {settings.frame_size}, as the paper's "
        "authors do; resize bin or area counts the events of all"
    ]


def _duplicated(listing: Listing, sides: Sequence[int], findings: Sequence[Finding]) -> list[str]:
    """List the recordings that are there more than once."""
    side_of = dict(zip(listing.names, sides, strict=True)) if sides else {}
    label_of = dict(zip(listing.names, listing.labels, strict=True))
    problems = []
    for group in duplicates(findings):
        across = " on two sides of the split" if len({side_of.get(member) for member in group}) > 1 else ""
        twice = " in two classes" if len({label_of[member] for member in group}) > 1 else ""
        problems.append(f"the same recording{twice}{' and' if across and twice else ''}{across}: {', '.join(group)}")
    return problems


def _formats(listing: Listing, findings: Sequence[Finding]) -> dict[str, int]:
    """Count the files of each format; one file may hold many recordings."""
    formats = {recording.path: found.format for recording, found in zip(listing.recordings, findings, strict=True)}
    return dict(sorted(Counter(formats.values()).items()))


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
