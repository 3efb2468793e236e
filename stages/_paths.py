"""Where things lie: the one place that turns names into paths, as dvc.yaml writes them."""

from __future__ import annotations

from pathlib import Path

DATA = Path("data")
# In place of an ANN's name, for recipes that need none.
NO_ANN = "none"


def raw(dataset: str) -> Path:
    return DATA / "raw" / dataset


def frames(dataset: str) -> Path:
    return DATA / "frames" / f"{dataset}.h5"


def whole(dataset: str, steps: int | None = None) -> Path:
    """The folder of the recordings split anew, or the frames file in it with so many frames each."""
    folder = DATA / "frames" / f"{dataset}.whole"
    return folder if steps is None else folder / f"t{steps}.h5"


def frames_facts(dataset: str) -> Path:
    """What is in the frames file, to be read without opening it."""
    return DATA / "frames" / f"{dataset}.json"


def frames_record(dataset: str) -> Path:
    """Where the time of the integration is written; nothing depends on it."""
    return DATA / "runs" / dataset / "integrate.json"


def weights(dataset: str, ann: str, run: str, seed: int) -> Path:
    return DATA / "models" / dataset / ann / f"{run}-{seed}.safetensors"


def results(dataset: str, ann: str, run: str, seed: int) -> Path:
    return DATA / "results" / dataset / ann / f"{run}-{seed}"


def record(dataset: str, ann: str, run: str, seed: int) -> Path:
    """Where a run's machine and wall time are written; nothing depends on it."""
    return DATA / "runs" / dataset / ann / f"{run}-{seed}.json"
