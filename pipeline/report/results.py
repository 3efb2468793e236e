"""The finished runs of a grid: their frames, and one row for the seeds of each recipe."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipeline.config.report import DatasetFacts, ReportSettings
from pipeline.errors import FileError
from pipeline.report import statistics
from pipeline.results.paths import NO_ANN, RunName
from pipeline.results.read import AGAIN, digest

ANN, CONVERTED = "ann", "converted"
KEYS = ["dataset", "at", "recipe"]
# Of a table's name: the column of `runs` and its unit there.
MEANS = {
    "accuracy": ("accuracy", 100), "best_val": ("best_val_accuracy", 100), "best_test": ("best_test_accuracy", 100),
    "phase1": ("accuracy_phase1", 100), "firing_rate": ("firing_rate", 1), "macs_millions": ("macs", 1e-6),
    "synops_millions": ("synops", 1e-6), "energy_uj": ("energy_uj", 1),
}  # fmt: skip
SPREADS = {"sd": ("accuracy", 100), "energy_sd": ("energy_uj", 1)}
# Behind the title of a recipe that learns as its authors have it.
OWN_SETTINGS = ", own settings"
REFERENCES = {ANN: "reference: ANN (teacher)", CONVERTED: "reference: converted, not fine-tuned"}
SEEN = {"phase2": "phase 2", "interleaved": "interleaved", "full": "full", "clips": "clips"}


@dataclass(frozen=True, eq=False)
class Results:
    """`runs` and `steps` as pipeline.results.table has them; `root`: the folder that holds data/.

    `frames`: by data set, the frames file of the recordings that the camera's figure shows.
    """

    runs: pd.DataFrame
    steps: pd.DataFrame
    settings: ReportSettings
    root: Path = Path()
    frames: Mapping[str, Path] = field(default_factory=dict)

    @cached_property
    def _keyed(self) -> tuple[pd.DataFrame, ...]:
        """`runs` and `steps` by data set, ANN (or none) and recipe."""
        frames = (frame.assign(at=frame["ann"].fillna(NO_ANN)) for frame in (self.runs, self.steps))
        return tuple(frame.set_index(KEYS, drop=False).rename_axis([None] * 3) for frame in frames)

    @property
    def datasets(self) -> list[str]:
        return self.settings.grid.datasets

    @property
    def count(self) -> int:
        """Number of seeds."""
        return len(self.settings.grid.seeds)

    def facts(self, dataset: str) -> DatasetFacts:
        return self.settings.datasets[dataset]

    def camera(self, dataset: str) -> str:
        """Return what saw its recordings: `simulated` or `real`."""
        return "simulated" if self.facts(dataset).simulated else "real"

    def label(self, dataset: str) -> str:
        """Return a data set and its camera, for a heading."""
        return f"{dataset} ({self.camera(dataset)} camera)"

    @cached_property
    def cells(self) -> pd.DataFrame:
        """A row for the seeds of a recipe, by dataset, `at` (the ANN, or none) and recipe: what it is, and its numbers.

        `title`, `seeds`; means over seeds: accuracies in percent, firing_rate 0 to 1, operations in millions and energy
        in µJ a recording, each nan where a seed has none; sample standard deviations, nan for one seed; wilson_low,
        wilson_high: of one evaluation at the mean accuracy, for seeds share the test set and are not to be pooled.
        """
        grouped = self._keyed[0].groupby(KEYS, sort=False)
        found = grouped.first().drop(columns=["accuracy", "firing_rate", "energy_uj"]).rename(columns={"title": "base"})
        numbers = {name: scale * grouped[key].mean(skipna=False) for name, (key, scale) in MEANS.items()}
        numbers |= {name: scale * grouped[key].std(ddof=1) for name, (key, scale) in SPREADS.items()}
        low, high = statistics.wilson(grouped["accuracy"].mean(), found["n_test"])
        found = found.assign(**numbers, wilson_low=100 * low, wilson_high=100 * high, seeds=grouped.size())
        found = found.assign(**found.index.to_frame(), seen=found["frames"].map(SEEN))
        return found.assign(title=[self._title(row) for row in found.to_dict("records")]).rename_axis([None] * 3)

    def _title(self, row: Mapping[str, Any]) -> str:
        if row["kind"] != "snn":
            return {ANN: "ANN (teacher)", CONVERTED: "converted"}[row["kind"]]
        steps, unit = row["steps"], "frame" if row["frames"] in ("full", "clips") else "step"
        at_t2 = unit == "step" and steps == self.facts(row["dataset"]).t2
        own = OWN_SETTINGS if row["own_schedule"] else ""
        return row["base"] + ("" if at_t2 else f", {steps} {unit}{'s' * (steps > 1)}") + own

    @cached_property
    def _by_key(self) -> dict[Any, dict[str, Any]]:
        rows = ({str(name): value for name, value in row.items()} for row in self.cells.to_dict("records"))
        return dict(zip(self.cells.index, rows, strict=True))

    def key(self, dataset: str, recipe: str, ann: str | None = None) -> tuple[str, str, str]:
        """Return the key of a cell; recipes that need none stand under no ANN, others under the first they run with."""
        grid = self.settings.grid
        return dataset, NO_ANN if recipe in grid.baselines else ann or grid.ann_of(recipe) or NO_ANN, recipe

    def rows(self, dataset: str, recipes: Sequence[str]) -> pd.DataFrame:
        """Return the rows of `cells` of recipes at the grid's first ANN, in the order in which they are named."""
        return self.cells.loc[[self.key(dataset, recipe) for recipe in recipes]]

    def cell(self, dataset: str, recipe: str, ann: str | None = None) -> dict[str, Any]:
        """Return one row of `cells`."""
        return dict(self._by_key[self.key(dataset, recipe, ann)])

    def found(self, dataset: str, compared: str) -> dict[str, Any] | None:
        """Return the row of `cells` of what report.comparisons names, its ANN in the title; None if it did not run."""
        recipe, _, ann = compared.partition("@")
        if self.key(dataset, recipe, ann or None) not in self._by_key:
            return None
        row = self.cell(dataset, recipe, ann or None)
        return {**row, "title": f"{row['title']}, ANN {ann}"} if ann else row

    def all_rows(self, recipes: Sequence[str], references: bool = False) -> pd.DataFrame:
        """Return `rows` for every data set, in groups, the ANN and the converted network last if they are asked for."""
        groups = [recipes, (ANN, CONVERTED)] if references else [recipes]
        places = [(dataset, names) for dataset in self.datasets for names in groups]
        rows = pd.concat([self.rows(*place).assign(group=group) for group, place in enumerate(places)])
        return rows.assign(title=rows["kind"].map(REFERENCES).fillna(rows["title"]), reference=rows["kind"] != "snn")

    def folders(self, dataset: str, recipe: str, ann: str | None = None) -> list[Path]:
        """Return the folder of each seed; FileError where one is gone or is not what `runs` was read from."""
        found = []
        for row in self._keyed[0].loc[[self.key(dataset, recipe, ann)]].to_dict("records"):
            folder = self.root / RunName(dataset, row["at"], recipe, row["seed"]).results
            if digest(folder) != row["results"]:
                raise FileError(folder, "was changed after runs.csv was made of it; `dvc repro` makes both again")
            found.append(folder)
        return found

    def accuracies(self, dataset: str, recipe: str, ann: str | None = None) -> NDArray[np.float64]:
        """Return the accuracy of each seed, 0 to 1."""
        return self._keyed[0].loc[[self.key(dataset, recipe, ann)], "accuracy"].to_numpy()

    def by_step(self, dataset: str, recipe: str, ann: str | None = None) -> pd.DataFrame:
        """Return the rows of `steps` of a recipe's seeds, at its own T."""
        rows = self.grouped(dataset, recipe, ann)
        return rows[rows["of"] == rows["steps"]]

    def grouped(self, dataset: str, recipe: str, ann: str | None = None) -> pd.DataFrame:
        """Return the same with those of other numbers of steps, into which a network's frames were grouped (`of`)."""
        return self._keyed[1].loc[[self.key(dataset, recipe, ann)]]

    def after_steps(self, dataset: str, recipe: str, ann: str | None = None) -> NDArray[np.float64]:
        """Return the accuracy after each step, 0 to 1: [seeds, T]."""
        return self.by_step(dataset, recipe, ann).pivot(index="seed", columns="t", values="accuracy").to_numpy()

    def events_at_answer(self, dataset: str, recipe: str) -> float:
        """Return the share of a recording's events (%) that had come at the last step, mean over recordings."""
        steps = self.by_step(dataset, recipe)
        return 100 * float(steps.loc[steps["t"] == steps["steps"], "events"].mean())

    def files(self, dataset: str, recipe: str, read: Callable[[Path], pd.DataFrame]) -> pd.DataFrame:
        """Return a file of each seed, with `place`, the row's number in it; FileError where they differ in length."""
        folders = self.folders(dataset, recipe)
        found = [read(folder) for folder in folders]
        for folder, frame in zip(folders, found, strict=True):
            if len(frame) != len(found[0]):
                raise FileError(folder, f"a file has {len(frame)} rows, {folders[0].name} has {len(found[0])}; {AGAIN}")
        return pd.concat(found).rename_axis("place").reset_index()

    def present(self, recipes: Iterable[str]) -> list[str]:
        """List those of the recipes that the grid has, in the order in which they are named; it has `converted`."""
        return [name for name in recipes if name in (CONVERTED, *self.settings.grid.all_recipes)]

    def ablation(self) -> list[str]:
        """List the rows of Table 2: report.table2, then the recipes of the grid that nothing under report names.

        So a new recipe is seen as soon as the grid has it.
        """
        report = self.settings.report
        named = {*report.table1, *report.table2, *report.table4, *report.table5, *report.few_steps}
        named |= {*report.figure4.recipes}
        bases = {*report.figure2.sts, *report.figure2.dts}
        others = [name for name in self.settings.grid.all_recipes if name not in named and base(name) not in bases]
        return self.present(report.table2) + others

    def compared(self) -> list[str]:
        """List the recipes of Tables 2, 4, 5 and 1 and of few steps, each once, in this order."""
        report = self.settings.report
        others = [*report.table4, *report.table5, *report.table1, *report.few_steps]
        return [name for name in self.present(dict.fromkeys([*self.ablation(), *others])) if name != CONVERTED]

    def every(self) -> list[str]:
        """List all recipes of the grid: those of the tables, then the others in the grid's order."""
        return list(dict.fromkeys([*self.compared(), *self.settings.grid.all_recipes]))

    def adds(self, recipes: Sequence[str]) -> list[str]:
        """List those of a table's recipes that the grid has; none where they compare nothing or are all Table 2's."""
        found = self.present(recipes)
        # The converted network is always there to compare with.
        trained = set(found) - {CONVERTED}
        return found if len(found) > 1 and trained and not trained <= set(self.ablation()) else []

    def by_levels(self, dataset: str) -> list[str]:
        """List the grid's ANNs by their L on a data set."""
        return sorted(self.settings.grid.anns, key=lambda ann: (self.cell(dataset, ANN, ann)["levels"], ann))


def base(recipe: str) -> str:
    """Return the recipe of a reference, whatever its T: hsd of hsd.t3."""
    return recipe.partition(".")[0]
