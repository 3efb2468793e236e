"""What all groups of params.yaml share: the kinds of values, and that nothing unknown is let in."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Count = Annotated[int, Field(ge=1)]
Whole = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Nonnegative = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Pair = Annotated[list[Count], Field(min_length=2, max_length=2)]


def unique(values: list[Any]) -> list[Any]:
    doubled = sorted({str(v) for v in values if values.count(v) > 1})
    if doubled:
        raise ValueError(f"listed twice: {', '.join(doubled)}")
    return values


Names = Annotated[list[Name], AfterValidator(unique)]


class Group(BaseModel):
    """A group of keys: unknown keys, missing keys and values of another type are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, protected_namespaces=(), allow_inf_nan=False)
