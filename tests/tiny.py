"""A project so small that a test can run all of it: three classes of noise images, two levels, two epochs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from pipeline.config.catalogues import FOLDER, GRID, PARAMS
from pipeline.config.merge import merged

CLASSES = ("bar", "cross", "dot")
ROOT = Path(__file__).parents[1]
DATASET = "mnist-dvs-sim"
Documents = dict[str, Any]
# The grid as the project ships it: a person's own in params.yaml fails no test.
SHIPPED: Documents = {
    "name": "default", "seeds": [0], "datasets": [DATASET], "anns": ["l8", "l4", "l16", "l32"],
    "baselines": ["lif", "if"], "recipes": ["skd", "ht", "ht-kd"], "sweep": ["hsd"], "more_anns": [], "more": [],
}  # fmt: skip

SMALL: Documents = {
    "grid": {
        "grid": {
            "anns": ["l8", "l4"], "baselines": ["if", "tet-full.t2", "tet-full"], "recipes": ["skd"], "sweep": ["hsd"],
        },
        "methods": {
            "datasets": [DATASET],
            "anns": ["l8", "l4"], "baselines": ["if", "sltt", "tet-full.t2", "tet-full"],
            "recipes": ["feature", "hsd.t1"], "sweep": ["hsd"], "seeds": [0], "more_anns": [], "more": [],
        },
    },
    "datasets": {
        DATASET: {
            "width": 1 / 32,
            "recordings": {
                "images": "folder", "skip": 0, "per_class": 8, "image_size": 12, "sensor": [18, 18], "duration_ms": 40,
                "camera": {"contrast": 0.4},
            },
            "integrate": {"steps": 5, "sensor": [18, 18], "frame_size": [18, 18], "split": {"train": 5}},
            "phases": {"offset": 0, "t1": 2, "t2": 2},
            "augmentation": [],
        }
    },
    "schedules": {name: {"epochs": 2, "batch_size": 8} for name in ("short", "short-finetune", "short-random")},
    "report": {"preview": 2, "dpi": 50},
}  # fmt: skip


def files(root: Path = ROOT) -> dict[str, Path]:
    """Return the settings files of a project by the names that `catalogues.parse` gives them."""
    return {GRID: root / PARAMS, **{path.stem: path for path in sorted((root / FOLDER).glob("*.yaml"))}}


def read(root: Path = ROOT) -> Documents:
    """Return a project's settings as they are written; of this project, with the grid as it is shipped."""
    found = {name: yaml.safe_load(path.read_text(encoding="utf-8")) for name, path in files(root).items()}
    if root == ROOT:
        found[GRID][GRID] = copy.deepcopy(SHIPPED)
    return found


def documents() -> Documents:
    """Return the project's settings with everything made small; the images are expected below data/raw/."""
    made = merged(read(), SMALL)
    # These are like the one that is made small.
    for name in ("mnist-dvs-trial", "letters-dvs-sim", "letters-dvs-trial"):
        del made["datasets"][name]
    return made


def change(documents: Documents, path: str, value: Any) -> None:
    """Set a key, named by its file, entry and path: recipes.hsd.loss.weight; of params.yaml: grid.grid.seeds."""
    *groups, key = path.split(".")
    place = documents
    for group in groups:
        place = place.setdefault(group, {})
    place[key] = value


def write_params(root: Path, documents: Documents) -> None:
    (root / FOLDER).mkdir(exist_ok=True)
    for name in documents:
        path = root / PARAMS if name == GRID else root / FOLDER / f"{name}.yaml"
        path.write_text(yaml.safe_dump(documents[name], sort_keys=False), encoding="utf-8")


def write_images(root: Path) -> None:
    """Draw eight pictures of each class: a bar, a cross or a dot, each at its own place and with its own noise."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (root / "data/raw" / DATASET / name).mkdir(parents=True)
        for index in range(8):
            pixels = rng.integers(0, 60, (12, 12)).astype(np.uint8)
            row, column = rng.integers(2, 10, 2)
            if name != "dot":
                pixels[row] = 255
            if name == "cross":
                pixels[:, column] = 255
            if name == "dot":
                pixels[row - 2 : row + 2, column - 2 : column + 2] = 255
            Image.fromarray(pixels).save(root / "data/raw" / DATASET / name / f"{index}.png")
