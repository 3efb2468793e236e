"""Where things lie below data/: the one place that turns names into paths, as dvc.yaml writes them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

DATA = Path("data")
# In place of an ANN's name, for recipes that need none.
NO_ANN = "none"
# What an ANN's selections of frames are called: those that it learns on, and those that it is tested on.
PHASES: dict[Literal[1, 2], str] = {1: "ann.phase1", 2: "ann.phase2"}


@dataclass(frozen=True)
class RunName:
    """Which run is meant.

    `ann` is None where the recipe needs none; `recipe` is a reference such as hsd or hsd.t3, or `ann`, or `converted`.
    """

    dataset: str
    ann: str | None
    recipe: str
    seed: int

    def __str__(self) -> str:
        return f"{self.dataset} {self.ann or NO_ANN} {self.recipe} seed {self.seed}"

    @property
    def weights(self) -> Path:
        return self._below("models", ".safetensors")

    @property
    def results(self) -> Path:
        """The folder of everything measured on the test recordings."""
        return self._below("results")

    @property
    def record(self) -> Path:
        """Where the run's machine and wall time are written; no stage depends on it."""
        return self._below("runs", ".json")

    def _below(self, folder: str, ending: str = "") -> Path:
        return DATA / folder / self.dataset / (self.ann or NO_ANN) / f"{self.recipe}-{self.seed}{ending}"


def raw(dataset: str) -> Path:
    """Return the folder of what a user provides of a data set: recordings, or pictures for the simulated camera."""
    return DATA / "raw" / dataset


def recordings(dataset: str) -> Path:
    """Return the folder of a data set's simulated recordings."""
    return DATA / "recordings" / dataset


def frames(dataset: str) -> Path:
    """Return the folder of a data set's frames files."""
    return DATA / "frames" / dataset


def selected(dataset: str, name: str | None = None) -> Path:
    """Return the folder that says which frames each run sees, or the file in it of a name as `selected_name` gives."""
    folder = DATA / "selected" / dataset
    return folder if name is None else folder / f"{name}.json"


def selected_name(ann: str | None, name: str) -> str:
    """Return the place of a selection of frames: that of a recipe, or of PHASES, with an ANN or none."""
    return f"{ann or NO_ANN}/{name}"


def frames_record(dataset: str) -> Path:
    """Return where the time of the integration is written; no stage depends on it."""
    return DATA / "runs" / dataset / "integrate.json"
