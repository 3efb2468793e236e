"""What pydantic found wrong, said in terms of the file, the entry and the key."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pipeline.config.names import nearest


def explain(error: ValidationError, model: type[BaseModel], entry: Any) -> list[tuple[tuple[str, ...], str]]:
    """Return what is wrong with an entry: the path of each key in it, and the problem with the nearest valid key."""
    found: dict[tuple[str, ...], list[str]] = {}
    for item in error.errors():
        raw = [str(part) for part in item["loc"]]
        location = _without_tags(raw, entry, item["type"] == "missing")
        # Of one place: what each of several alternatives finds wrong.
        found.setdefault(tuple(location), []).append(_problem(item, raw, location, model, entry))
    return [(path, "; or ".join(problems)) for path, problems in found.items()]


def wrong(item: Any) -> str:
    """Return what pydantic says of a value, with the value and what may have been meant."""
    kind, value = item["type"], item["input"]
    message = item["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    if kind == "value_error":
        return message
    if kind == "string_pattern_mismatch":
        return f"a name is of lower-case letters, digits, - and _, found {value!r}"
    hint = ""
    if kind == "float_type" and isinstance(value, str) and _is_number(value):
        hint = f"; YAML reads {value} as text, write {float(value)!r}"
    return f"{message}, found {value!r}{hint}"


def _without_tags(location: list[str], document: Any, missing: bool) -> list[str]:
    """Drop from a place what the document has not: names of alternatives (split.numeric.train is split.train)."""
    kept = []
    for index, part in enumerate(location):
        if isinstance(document, list) and part.isdigit():
            document = document[int(part)]
        elif isinstance(document, dict) and part in document:
            document = document[part]
        elif not (missing and index == len(location) - 1):
            continue
        kept.append(part)
    return kept


def _problem(item: Any, raw: list[str], location: list[str], model: type[BaseModel], entry: Any) -> str:
    kind, value = item["type"], item["input"]
    if kind == "extra_forbidden":
        return f"unknown key; {nearest(location[-1], _fields_at(model, raw[:-1]))}"
    if kind == "missing":
        group = entry
        for part in location[:-1]:
            group = group.get(part) if isinstance(group, dict) else None
        wanted = set(_fields_at(model, raw[:-1]))
        strays = [key for key in group if key not in wanted] if isinstance(group, dict) else []
        return "missing key" + (f"; is it {strays[0]!r} that is meant?" if len(strays) == 1 else "")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        key = item["ctx"]["discriminator"].strip("'")
        tags = re.findall(r"'([^']+)'", item["ctx"].get("expected_tags", ""))
        if not tags:
            return f"missing key {key!r}"
        return f"unknown {key} {value.get(key)!r}; {nearest(str(value.get(key)), tags)}"
    return wrong(item)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _fields_at(model: Any, location: Sequence[str]) -> list[str]:
    """Name the keys that a model allows at a place."""
    schema = model
    for part in location:
        groups = _groups(schema)
        if len(groups) > 1:  # alternatives: the part names one
            schema = next((group for group in groups if part in _tags(group)), None)
        elif groups and part in groups[0].model_fields:
            schema = groups[0].model_fields[part].annotation
        elif get_origin(schema) is dict:
            schema = get_args(schema)[1]
        else:
            schema = None
    groups = _groups(schema)
    return sorted(groups[0].model_fields) if len(groups) == 1 else []


def _groups(schema: Any) -> list[type[BaseModel]]:
    """List the groups that an annotation allows: none, one, or alternatives."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return [schema]
    if get_origin(schema) is dict or schema is None:
        return []
    return [group for part in get_args(schema) for group in _groups(part)]


def _tags(group: type[BaseModel]) -> tuple[Any, ...]:
    return tuple(tag for field in group.model_fields.values() for tag in get_args(field.annotation))
