"""The plan's files: one for each run of each stage, with all it is told and the code it runs; its stage hangs on it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from pipeline.config.base import Group
from pipeline.config.code import code_of
from pipeline.config.explain import wrong
from pipeline.errors import ConfigError

PLAN = Path("data/plan")
Settings = TypeVar("Settings", bound=Group)


@dataclass(frozen=True)
class Planned:
    """What the plan says of one run: its stage, its settings, and the digest of each module and data file it uses."""

    stage: str
    settings: dict[str, Any]
    code: dict[str, str]

    def text(self) -> str:
        """Return the file's text: the same for the same plan, and readable."""
        content = {"stage": self.stage, "settings": self.settings, "code": self.code}
        return json.dumps(content, indent=1, sort_keys=True) + "\n"


def read(path: str | Path) -> Planned:
    """Read a file of the plan.

    Raises:
        ConfigError: it is missing, or not as `plan` writes it.
    """
    try:
        return parse(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: not found; `dvc repro` or `python -m stages.plan` makes it") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: not a file of the plan ({error}); run `dvc repro`") from error


def checked(path: str | Path, planned: Planned, model: type[Settings]) -> Settings:
    """Return a plan's settings as an object.

    Raises:
        ConfigError: they are not what the stage takes: the file was edited by hand, or written by other code.
    """
    try:
        return model.model_validate(planned.settings)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, item['loc']))}: {wrong(item)}" for item in error.errors())
        raise ConfigError(f"{path}: {problems}; edit params/ and not the plan, and run `dvc repro`") from error


def parse(text: str) -> Planned:
    content = json.loads(text)
    return Planned(str(content["stage"]), dict(content["settings"]), dict(content["code"]))


def check_code(path: str | Path, planned: Planned) -> None:
    """Refuse to run code that is not the plan's: an edit while `dvc repro` runs would be recorded as the old code.

    Raises:
        ConfigError: names the first module that was changed.
    """
    known = [name for name in planned.code if "/" not in name]
    now = code_of(f"stages.{planned.stage}", known)
    changed = sorted(name for name in {*now, *planned.code} if now.get(name) != planned.code.get(name))
    if changed:
        raise ConfigError(
            f"{path}: {', '.join(changed[:3])} changed after the plan was made; run `dvc repro` again, it plans anew"
        )
