"""Settings of a grid: which data sets, ANNs, recipes and seeds are run together."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from pipeline.config.base import Group, Name, Names, Whole, unique

# A recipe, or the recipe at another number of time steps: hsd, hsd.t3.
Reference = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*(\.t[1-9][0-9]*)?$")]
References = Annotated[list[Reference], AfterValidator(unique)]


class Grid(Group):
    """`anns`: recipes start and learn from the first of them; `sweep`: recipes that are run with every one.

    `baselines`: recipes that need no ANN; `recipes`: those that do.
    """

    name: Name
    datasets: Annotated[Names, Field(min_length=1)]
    anns: Annotated[Names, Field(min_length=1)]
    baselines: References
    recipes: References
    sweep: References
    seeds: Annotated[list[Whole], AfterValidator(unique), Field(min_length=1)]

    @model_validator(mode="after")
    def _lists_are_apart(self) -> Grid:
        both = sorted(set(self.baselines) & {*self.recipes, *self.sweep})
        if both:
            raise ValueError(f"listed under baselines and under recipes or sweep: {', '.join(both)}")
        return self

    @property
    def ann(self) -> str:
        """The ANN that recipes start and learn from."""
        return self.anns[0]

    @property
    def all_recipes(self) -> list[str]:
        """Every recipe of the grid, each once: baselines, recipes, sweep."""
        return list(dict.fromkeys([*self.baselines, *self.recipes, *self.sweep]))
