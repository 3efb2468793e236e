"""Why a stage would run again: what its plan, its inputs and its outputs were when it last ran, and are now."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.config.catalogues import read_yaml
from pipeline.config.names import nearest
from pipeline.config.planned import PLAN, Planned, parse

LOCK = "dvc.lock"
CACHE = Path(".dvc/cache/files/md5")


def differences(before: Planned, now: Planned) -> list[str]:
    """Return what two plans of one run say otherwise: settings by their path, code by module."""
    lines = [f"{path}: {old} -> {new}" for path, old, new in _changed(before.settings, now.settings, "")]
    for name in sorted({*before.code, *now.code}):
        if before.code.get(name) != now.code.get(name):
            verb = "new" if name not in before.code else "no longer used" if name not in now.code else "edited"
            lines.append(f"code: {name} ({verb})")
    return lines


def why(stage: str, plan: dict[str, Planned], root: Path = Path()) -> list[str]:
    """Return the reasons for which `dvc repro` would run a stage, a line each; none: it is up to date.

    Args:
        stage: as DVC names it, such as train_snn@mnist-dvs-sim-lif-0.
        plan: the plan as it would be made now.

    Raises:
        ConfigError: dvc.lock cannot be read, or there is no such stage.
    """
    stages = _locked(root)
    if stage not in stages:
        known = f"; {nearest(stage, stages)}" if stages else ""
        return [f"{stage}: never ran here: {LOCK} does not know it{known}"]
    outputs = [line for out in stages[stage].get("outs", []) for line in _why_output(out, root)]
    return [*_why_inputs(stage, stages, plan, root), *outputs]


def changed_runs(plan: dict[str, Planned], root: Path = Path()) -> dict[str, list[str]]:
    """Return the runs whose plan is another than when their stage last ran: what changed, by file of the plan."""
    deps = [part for stage in _locked(root).values() for part in stage.get("deps", [])]
    locked = {part["path"]: part["md5"] for part in deps if "md5" in part}
    found = {}
    for name in plan:
        path = (PLAN / name).as_posix()
        if path in locked and (lines := _why_plan(path, locked[path], plan, root)):
            found[name] = lines
        elif path not in locked:
            found[name] = ["new"]
    return found


def _locked(root: Path) -> dict[str, Any]:
    """Return the stages of dvc.lock; none where it is not there."""
    found: dict[str, Any] = read_yaml(root / LOCK).get("stages", {}) if (root / LOCK).is_file() else {}
    return found


def _why_inputs(stage: str, stages: dict[str, Any], plan: dict[str, Planned], root: Path) -> list[str]:
    reasons = []
    for part in stages[stage].get("deps", []):
        path = part["path"]
        if path.startswith(f"{PLAN.as_posix()}/"):
            reasons += _why_plan(path, part["md5"], plan, root)
        else:
            reasons += _why_input(path, part, stages, plan, root)
    return reasons


def _why_output(out: dict[str, Any], root: Path) -> list[str]:
    path, digest = root / out["path"], out["md5"]
    problem = "missing" if not path.exists() else "" if _md5_of(path) == digest else "changed since the stage wrote it"
    kept = (root / CACHE / digest[:2] / digest[2:]).is_file()
    mended = "put back from the cache without a run" if kept else "made again, for the cache has it no more"
    return [f"{out['path']}: {problem}; {mended}"] if problem else []


def _why_plan(path: str, digest: str, plan: dict[str, Planned], root: Path) -> list[str]:
    name = Path(path).relative_to(PLAN).as_posix()
    if name not in plan:
        return [f"{path}: the grid has no such run any more"]
    if _md5(plan[name].text().encode()) == digest:
        return []
    kept = root / CACHE / digest[:2] / digest[2:]
    if not kept.is_file():
        return [f"{path}: changed; what it was is no longer in the cache"]
    return differences(parse(kept.read_text(encoding="utf-8")), plan[name]) or [f"{path}: written in another way"]


def _why_input(
    path: str, part: dict[str, Any], stages: dict[str, Any], plan: dict[str, Planned], root: Path
) -> list[str]:
    maker = next(
        (name for name, stage in stages.items() for out in stage.get("outs", []) if _inside(path, out["path"])), None
    )
    if maker is None:
        return [] if (root / path).exists() else [f"{path}: missing, and no stage makes it"]
    own = next(out for out in stages[maker]["outs"] if _inside(path, out["path"]))
    # A file of a folder that is one output has no digest of its own in dvc.lock.
    file = root / path
    now = own.get("md5") if own["path"] == path else _md5(file.read_bytes()) if file.is_file() else part.get("md5")
    if now != part.get("md5"):
        return [f"{path}: made anew by {maker} since"]
    above = [] if maker == "plan" else _why_inputs(maker, stages, plan, root)
    return [f"{path}: {maker} runs first ({above[0]}{', ...' if len(above) > 1 else ''})"] if above else []


def _inside(path: str, out: str) -> bool:
    return path == out or path.startswith(f"{out}/")


def _changed(before: Any, now: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        before, now = (dict(enumerate(values)) for values in (before, now))
    if isinstance(before, dict) and isinstance(now, dict):
        for key in sorted({*before, *now}):
            yield from _changed(before.get(key), now.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(before, list) and isinstance(now, list):
        # Lists of whole runs would fill the screen.
        yield path, f"{len(before)} entries", f"{len(now)}"
    elif before != now:
        yield path, before, now


def _md5_of(path: Path) -> str:
    """Return a file's MD5, or a folder's as DVC computes it: that of a list of its files."""
    if path.is_file():
        return _md5(path.read_bytes())
    files = sorted(file for file in path.rglob("*") if file.is_file() and not file.match(".*.partial"))
    listed = [{"md5": _md5(file.read_bytes()), "relpath": file.relative_to(path).as_posix()} for file in files]
    return _md5(json.dumps(sorted(listed, key=lambda entry: entry["relpath"])).encode()) + ".dir"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
