"""What pydantic found wrong, said in terms of params.yaml."""

from __future__ import annotations

import re
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pipeline.config.names import nearest
from pipeline.config.schema import Grid, Params

# Stands in a place for the key itself, where that is what is wrong.
KEY = "[key]"


def explain(error: ValidationError, document: dict[str, Any]) -> list[str]:
    """List what is wrong, a line each: the key's path, the problem, the nearest valid key."""
    lines = []
    for item in error.errors():
        if _inherited(item["loc"], document):
            continue
        raw = [str(part) for part in item["loc"] if part != KEY]
        if raw and raw[0] == "grids":
            raw = raw[1:]
        location = _without_tags(raw, document)
        lines.append(f"{'.'.join(location) or '(top level)'}: {_problem(item, raw, location, document)}")
    return lines


def _inherited(location: tuple[int | str, ...], document: dict[str, Any]) -> bool:
    """Say whether a recipe has the key from recipe_defaults, where the same problem is told once for all of them."""
    if len(location) < 3 or location[0] != "recipes" or location[2] == KEY:
        return False
    entry = document["recipes"].get(location[1])
    return isinstance(entry, dict) and location[2] not in entry


def _without_tags(location: list[str], document: Any) -> list[str]:
    """Drop from a place the names of alternatives (split.numeric.train is split.train): the document has none."""
    kept = []
    for part in location[:-1]:
        if isinstance(document, dict) and part not in document:
            continue
        kept.append(part)
        document = document[part] if isinstance(document, dict) else None
    return [*kept, *location[-1:]]


def _problem(item: Any, raw: list[str], location: list[str], document: dict[str, Any]) -> str:
    kind, value = item["type"], item["input"]
    if kind == "extra_forbidden":
        return f"unknown key; {nearest(location[-1], _fields_at(raw[:-1]))}"
    if kind == "missing":
        written = _value_at(document, location[:-1])
        wanted = set(_fields_at(raw[:-1]))
        strays = [key for key in written if key not in wanted] if isinstance(written, dict) else []
        return "missing key" + (f"; is it {strays[0]!r} that is meant?" if len(strays) == 1 else "")
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        key = item["ctx"]["discriminator"].strip("'")
        tags = re.findall(r"'([^']+)'", item["ctx"].get("expected_tags", ""))
        if not tags:
            return f"missing key {key!r}"
        return f"unknown {key} {value.get(key)!r}; {nearest(str(value.get(key)), tags)}"
    message = item["msg"].removeprefix("Value error, ")
    message = message[0].lower() + message[1:]
    if kind == "value_error":
        return message
    if kind == "string_pattern_mismatch":
        return f"a name is of lower-case letters, digits, - and _, found {value!r}"
    hint = ""
    if kind == "float_type" and isinstance(value, str) and _is_number(value):
        hint = f"; YAML reads {value} as text, write {float(value)!r}"
    return f"{message}, found {value!r}{hint}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _value_at(document: Any, location: list[str]) -> Any:
    for part in location:
        if not isinstance(document, dict) or part not in document:
            return None
        document = document[part]
    return document


def _fields_at(location: list[str]) -> list[str]:
    """Name the keys that the schema allows at a place."""
    schema: Any = Params
    for depth, part in enumerate(location):
        groups = _groups(schema)
        if len(groups) > 1:  # alternatives: the part names one
            schema = next((group for group in groups if part in _tags(group)), None)
        elif groups and part in groups[0].model_fields:
            schema = groups[0].model_fields[part].annotation
        elif groups:  # a named grid at the top level, or an unknown key
            schema = Grid if depth == 0 else None
        elif get_origin(schema) is dict:
            schema = get_args(schema)[1]
    groups = _groups(schema)
    return sorted(key for key in groups[0].model_fields if key != "grids") if len(groups) == 1 else []


def _groups(schema: Any) -> list[type[BaseModel]]:
    """List the groups that an annotation allows: none, one, or alternatives."""
    if isinstance(schema, type) and issubclass(schema, BaseModel):
        return [schema]
    if get_origin(schema) is dict or schema is None:
        return []
    return [group for part in get_args(schema) for group in _groups(part)]


def _tags(group: type[BaseModel]) -> tuple[Any, ...]:
    return tuple(tag for field in group.model_fields.values() for tag in get_args(field.annotation))
