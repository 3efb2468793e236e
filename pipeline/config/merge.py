"""Catalogues whose entries say what sets them apart, and grow from the entry under `like` and from `defaults`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.config.names import nearest
from pipeline.errors import ConfigError

DEFAULTS, LIKE = "defaults", "like"
# A group that names another of several alternatives is another thing: nothing of the old one stays.
TAGS = ("kind", "rule")

Entry = dict[str, Any]


def complete(catalogue: dict[str, Any], source: str) -> dict[str, Entry]:
    """Return the entries of a catalogue with what they leave out filled in; `defaults` is no entry.

    Raises:
        ConfigError: an entry is no group of keys, or `like` names no entry or goes round in a circle.
    """
    for name, entry in catalogue.items():
        if not isinstance(entry, dict):
            raise ConfigError(f"{source}: {name}: expected a group of keys, found {entry!r}")
    return {str(name): _grown(str(name), catalogue, source) for name in catalogue if name != DEFAULTS}


def chain(name: str, catalogue: dict[str, Any], source: str) -> list[str]:
    """Return an entry's name and those it grows from, nearest first, `defaults` last where there is one."""
    names = [name]
    while (parent := catalogue[names[-1]].get(LIKE)) is not None:
        known = [other for other in catalogue if other != DEFAULTS]
        if parent not in known:
            raise ConfigError(f"{source}: {names[-1]}.like: no entry {parent!r}; {nearest(str(parent), known)}")
        if parent in names:
            raise ConfigError(f"{source}: {names[-1]}.like: {' -> '.join([*names, parent])} goes round in a circle")
        names.append(parent)
    return [*names, DEFAULTS] if DEFAULTS in catalogue else names


def merged(below: Any, above: Any) -> Any:
    """Return `below` with what `above` says in its place; groups are merged key by key, all else is replaced."""
    if not isinstance(below, dict) or not isinstance(above, dict):
        return above
    if _another(above, below):
        return above
    return {**below, **{key: merged(below.get(key), value) for key, value in above.items()}}


def writer(path: Sequence[str], name: str, catalogue: dict[str, Any], source: str) -> str:
    """Return which of the entries that one grows from (or itself) says what it has at a path.

    Of a key that none of them has, it is the one that begins the group in which it is missing.
    """
    holders = [(other, catalogue[other]) for other in chain(name, catalogue, source)]
    for part in path:
        having = [(other, group[part]) for other, group in holders if part in group]
        if not having:
            return holders[-1][0]
        holders = having[:1]
        if not isinstance(having[0][1], dict):
            break
        for other, group in having[1:]:
            if not isinstance(group, dict) or _another(holders[-1][1], group):
                break
            holders.append((other, group))
    return holders[0][0]


def _another(above: Entry, below: Entry) -> bool:
    return any(tag in above and above[tag] != below.get(tag) for tag in TAGS)


def _grown(name: str, catalogue: dict[str, Any], source: str) -> Entry:
    grown: Entry = {}
    for ancestor in reversed(chain(name, catalogue, source)):
        grown = merged(grown, {key: value for key, value in catalogue[ancestor].items() if key != LIKE})
    return grown
