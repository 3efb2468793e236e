"""Pieces: a loss, layer, model, gradient, augmentation or exit rule is one file, found by its `kind`.

`{kind: skd, weight: 1.0}` under the group `training.losses` is the file pipeline/training/losses/skd.py. Each such file
has a class `Options` with the options of its kind, checked, and what its group asks for (see the group's __init__).
No list of kinds stands anywhere: the files are the list.
"""

from __future__ import annotations

import importlib
import keyword
import pkgutil
from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, ValidationError

from pipeline.config.base import Group
from pipeline.config.explain import wrong
from pipeline.config.names import nearest

ROOT = "pipeline"


def kinds(group: str) -> list[str]:
    """Return the kinds of a group, such as `training.losses`, sorted; files whose names begin with _ are none."""
    package = importlib.import_module(f"{ROOT}.{group}")
    names = [module.name for module in pkgutil.iter_modules(package.__path__)]
    return sorted(name.removesuffix("_").replace("_", "-") for name in names if not name.startswith("_"))


def module_name(group: str, kind: str) -> str:
    """Return the name of the module of a kind; a kind that is a word of Python (if) has a file that ends in _."""
    stem = kind.replace("-", "_")
    return f"{ROOT}.{group}.{stem}_" if keyword.iskeyword(stem) else f"{ROOT}.{group}.{stem}"


def find(group: str, kind: str) -> ModuleType:
    """Return the module of a kind.

    Raises:
        ValueError: the group has no such kind; the nearest one is named.
    """
    known = kinds(group)
    if kind not in known:
        raise ValueError(f"unknown kind {kind!r}; {nearest(str(kind), known)}")
    return importlib.import_module(module_name(group, kind))


def module_of(group: str, options: Group) -> ModuleType:
    """Return the module whose `Options` these are."""
    return find(group, options.kind)  # type: ignore[attr-defined]


def checked(group: str, value: Any) -> Group:
    """Check the options of a piece, given as {kind: ..., ...} or as an `Options` object.

    Raises:
        ValueError: no kind, an unknown one, or an option that the kind lacks or that is wrong; each is named.
    """
    if isinstance(value, Group):
        return value
    if not isinstance(value, dict) or "kind" not in value:
        raise ValueError(f"expected {{kind: ..., ...}}, found {value!r}; kinds: {', '.join(kinds(group))}")
    options: type[Group] = find(group, value["kind"]).Options
    try:
        return options.model_validate(value)
    except ValidationError as error:
        raise ValueError("; ".join(_problem(item, options, value["kind"]) for item in error.errors())) from error


def piece(group: str) -> Any:
    """Return the type of a setting that holds a piece of a group, for use in a pydantic model."""
    check: Callable[[Any], Group] = lambda value: checked(group, value)  # noqa: E731
    return Annotated[Any, PlainValidator(check), PlainSerializer(lambda options: options.model_dump(mode="json"))]


def _problem(item: Any, options: type[Group], kind: str) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        known = [name for name in options.model_fields if name != "kind"]
        return f"kind {kind!r} has no option {where!r}; {nearest(where, known)}"
    if item["type"] == "missing":
        return f"option {where!r} of kind {kind!r} is missing"
    return f"{where}: {wrong(item)}" if where else wrong(item)
