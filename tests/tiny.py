"""A project so small that a test can run all of it: three classes of noise images, two levels, two epochs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from pipeline.config import Recipe

CLASSES = ("bar", "cross", "dot")
PARAMS = Path(__file__).parents[1] / "params.yaml"


def recipe(**changes: Any) -> Recipe:
    """Give a recipe that says what sets it apart; all else is from recipe_defaults of params.yaml."""
    return Recipe(**{**yaml.safe_load(PARAMS.read_text())["recipe_defaults"], **changes})


def params() -> dict[str, Any]:
    """Give params.yaml with everything made small; the images are expected below `data/images/tiny`."""
    document: dict[str, Any] = copy.deepcopy(yaml.safe_load(PARAMS.read_text()))
    embedded = document["datasets"]["embedded"]
    embedded["recordings"].update(
        images="data/images/tiny", per_class=8, image_size=12, sensor=[18, 18], duration_ms=40
    )
    embedded["recordings"]["camera"].update(contrast=0.4)
    embedded["integrate"].update(steps=5, sensor=[18, 18], frame_size=[18, 18])
    embedded["integrate"]["split"]["train"] = 5
    embedded["whole"] = [2, 5]
    embedded["phases"] = {"offset": 0, "t1": 2, "t2": 2}
    for schedule in (embedded["train_ann"]["schedule"], *embedded["finetune"].values()):
        schedule.update(epochs=2, batch_size=8)
    document["networks"]["vgg-snn-8th"]["width"] = 1 / 32
    document["grid"].update(
        anns=["l4", "l8"], sweep=["l4"], baselines=["if"], whole=["tet-2", "tet-all"], resplit=["embedded"],
        recipes=["skd", "hsd"], sweep_recipes=["hsd"], seeds=[0],
    )  # fmt: skip
    document["methods"].update(
        anns=["l4", "l8"], sweep=["l4"], baselines=["if", "sltt"], whole=["tet-2", "tet-all"],
        recipes=["hsd", "hsd-1", "feature"], seeds=[0],
    )  # fmt: skip
    document["report"].update(preview=2, dpi=50)
    return document


def write_params(root: Path, document: dict[str, Any]) -> None:
    (root / "params.yaml").write_text(yaml.safe_dump(document, sort_keys=False))


def write_images(root: Path) -> None:
    """Draw eight pictures of each class: a bar, a cross or a dot, each at its own place and with its own noise."""
    rng = np.random.default_rng(0)
    for name in CLASSES:
        (root / "data/images/tiny" / name).mkdir(parents=True)
        for index in range(8):
            pixels = rng.integers(0, 60, (12, 12)).astype(np.uint8)
            row, column = rng.integers(2, 10, 2)
            if name != "dot":
                pixels[row] = 255
            if name == "cross":
                pixels[:, column] = 255
            if name == "dot":
                pixels[row - 2 : row + 2, column - 2 : column + 2] = 255
            Image.fromarray(pixels).save(root / "data/images/tiny" / name / f"{index}.png")
