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

    `baselines`: recipes that need no ANN; `recipes`: those that do. `more`: recipes that are run with every one of
    `more_anns`, ANNs beside those of the sweep.
    """

    name: Name
    datasets: Annotated[Names, Field(min_length=1)]
    anns: Annotated[Names, Field(min_length=1)]
    baselines: References
    recipes: References
    sweep: References
    more_anns: Names
    more: References
    seeds: Annotated[list[Whole], AfterValidator(unique), Field(min_length=1)]

    @model_validator(mode="after")
    def _lists_are_apart(self) -> Grid:
        both = sorted(set(self.baselines) & {*self.recipes, *self.sweep, *self.more})
        if both:
            raise ValueError(f"listed under baselines and under recipes, sweep or more: {', '.join(both)}")
        twice = sorted(set(self.anns) & set(self.more_anns))
        if twice:
            raise ValueError(f"listed under anns and under more_anns: {', '.join(twice)}")
        if self.more and not self.more_anns:
            raise ValueError(f"more: {', '.join(self.more)} need an ANN under more_anns")
        return self

    @property
    def ann(self) -> str:
        """The ANN that recipes start and learn from."""
        return self.anns[0]

    @property
    def all_anns(self) -> list[str]:
        """Every ANN of the grid: anns, more_anns."""
        return [*self.anns, *self.more_anns]

    @property
    def all_recipes(self) -> list[str]:
        """Every recipe of the grid, each once: baselines, recipes, sweep, more."""
        return list(dict.fromkeys([*self.baselines, *self.recipes, *self.sweep, *self.more]))

    def ann_of(self, recipe: str) -> str | None:
        """Return the ANN with which a recipe is shown where nothing else is said: the first that it is run with."""
        if recipe in self.baselines:
            return None
        alone = recipe in self.more and recipe not in {*self.recipes, *self.sweep}
        return self.more_anns[0] if alone else self.anns[0]
