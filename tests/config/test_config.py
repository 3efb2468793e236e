"""Settings: wrong keys are named with their path and the nearest valid one; impossible ones are refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipeline.config import load, parse
from pipeline.errors import ConfigError

DOCUMENT = yaml.safe_load(Path("params.yaml").read_text())


def changed(path: str, value: Any) -> dict[str, Any]:
    """Copy params.yaml with one key set (or, for None... see removed)."""
    document = copy.deepcopy(DOCUMENT)
    *groups, key = path.split(".")
    place = document
    for group in groups:
        place = place[group]
    place[key] = value
    return document


def renamed(path: str, name: str) -> dict[str, Any]:
    document = copy.deepcopy(DOCUMENT)
    *groups, key = path.split(".")
    place = document
    for group in groups:
        place = place[group]
    place[name] = place.pop(key)
    return document


def refusal(document: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as error:
        parse(document)
    return str(error.value)


def test_params_yaml_is_valid_and_has_its_grids() -> None:
    params = load()
    assert params.grid.name == "default" and params.grid.seeds == [0]
    study = params.grids["study"]
    assert (study.datasets, study.anns) == (params.grid.datasets, params.grid.anns)
    assert len(study.seeds) == 5
    assert set(params.grids) == {"study", "methods", "paper"}


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("recipes.hsd.weight", "wieght"),
        ("recipe_defaults.temperature", "temperatur"),
        ("recipes.tcja-5.attention.kernel_t", "kernel_tt"),
        ("datasets.embedded.monitor.validation", "validatoin"),
        ("grid.seeds", "seed"),
        ("study.recipes", "recipies"),
        ("datasets.embedded.train_ann.threshold", "treshold"),
        ("datasets.embedded.finetune.converted.optimiser.lr", "lrate"),
        ("datasets.embedded.recordings.camera.leak_rate_hz", "leak_rate"),
        ("networks.vgg-snn.width", "widht"),
        ("anns.l8.levels", "level"),
        ("recipes", "recipe"),
        ("report.dpi", "dpii"),
    ],
)
def test_misspelt_keys_are_named_with_the_nearest(path: str, wrong: str) -> None:
    message = refusal(renamed(path, wrong))
    parent, _, key = path.rpartition(".")
    assert f"{parent}.{wrong}".lstrip(".") in message
    assert f"did you mean '{key}'?" in message


@pytest.mark.parametrize("path", ["recipe_defaults.loss", "grid.seeds", "datasets.embedded.phases", "report"])
def test_missing_keys_are_named(path: str) -> None:
    document = copy.deepcopy(DOCUMENT)
    *groups, key = path.split(".")
    place = document
    for group in groups:
        place = place[group]
    del place[key]
    assert f"{path}: missing key" in refusal(document)


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("recipes.hsd.weight", "1e-3", "write 0.001"),
        ("recipes.hsd.weight", -1.0, "greater than or equal to 0"),
        ("datasets.embedded.phases.t1", 2.5, "valid integer"),
        ("datasets.embedded.phases.t1", True, "valid integer"),
        ("datasets.embedded.integrate.clip", "yes", "valid boolean"),
        ("datasets.embedded.integrate.resize", "bilinear", "'nearest', 'area' or 'bin'"),
        ("datasets.embedded.integrate.orientation", {"npz": ["mirror"]}, "'transpose', 'flip_x', 'flip_y' or 'invert'"),
        ("datasets.embedded.integrate.orientation", {"mat": ["flip_x"]}, "'aedat', 'aedat4', 'bin', 'npy' or 'npz'"),
        ("datasets.embedded.integrate.orientation", {"npz": ["flip_x", "flip_x"]}, "listed twice: flip_x"),
        ("datasets.embedded.integrate.validation", {"share": 0.1}, "validation.seed: missing key"),
        ("datasets.dvsgesture.augment.flip", True, "a mirrored right hand wave is a left hand wave"),
        ("datasets.dvsgesture-tonic.augment.flip", True, "wrong labels on DVS128 Gesture"),
        ("datasets.dvsgesture.integrate.frame_size", [16, 16], "snn5 needs at least 32 px a side, found 16"),
        ("datasets.embedded.augment.roll_px", -1, "greater than or equal to 0"),
        ("networks.snn-5.dropout", 1.0, "less than 1"),
        ("networks.snn-5.family", "snn-5", "did you mean 'snn5'?"),
        ("networks.vgg-snn.dropout", 0.5, "unknown key"),
        ("recipes.hsd.neuron", "lif", "init: converted needs neuron: if"),
        ("datasets.embedded.phases.t2", 6, "need 11 frames"),
        ("datasets.embedded.integrate.steps", 9, "integrate.steps gives 9"),
        ("networks.vgg-snn-8th.width", 0, "greater than 0"),
        ("grid.seeds", [0, 0], "listed twice: 0"),
        ("grid.seeds", [], "at least 1 item"),
        ("grid.sweep", ["l4"], "anns must be ann and sweep together"),
        ("grid.name", "My Grid", "lower-case letters"),
        ("datasets.embedded.recordings.sensor", [200, 200], "7-bit addresses"),
        ("datasets.embedded.recordings.camera.contrast", 0.9, "must lie in 0..1"),
        ("datasets.embedded.integrate.frame_size", [8, 8], "vgg_snn needs at least 16 px a side, found 8"),
        ("datasets.embedded.integrate.frame_size", [48, 48], "resize nearest cannot enlarge"),
        ("datasets.embedded.recordings.sensor", [40, 40], "does not fit integrate.sensor [34, 34]"),
        ("datasets.embedded.integrate.split", {"rule": "numeric", "train": 130}, "leaves a side empty"),
        ("datasets.embedded.integrate.split", {"rule": "given"}, "without a given split"),
        ("datasets.embedded.integrate.split", {"rule": "listed", "file": "x.csv"}, "below data/splits/"),
        ("datasets.embedded.integrate.split", {"rule": "random", "share": 1.0, "seed": 0}, "less than 1"),
        ("datasets.embedded.integrate.split", {"rule": "numerik", "train": 3}, "did you mean 'numeric'?"),
        ("datasets.embedded.recordings.images", "pictures", "below data/images/"),
        ("datasets.embedded.paper", "cifar", "'cifar10dvs', 'ncaltech101' or 'dvsgesture'"),
        ("report.headline", ["an"], "no run 'an'; did you mean 'ann'?"),
        ("recipes.hsd.weight", float("inf"), "finite number"),
    ],
)
def test_ill_typed_and_impossible_values_are_named(path: str, value: Any, expected: str) -> None:
    message = refusal(changed(path, value))
    assert expected in message
    assert path.split(".")[0] in message


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("grid.recipes", ["skd", "ht", "ht-kd", "hds"], "grid.recipes: recipes has no entry 'hds'; did you"),
        ("study.datasets", ["embeded"], "did you mean 'embedded'?"),
        ("datasets.embedded.network", "vgg", "networks has no entry 'vgg'"),
        ("grid.recipes", ["if2"], "no entry 'if2'"),
        ("grid.baselines", ["hsd"], "two of baselines, whole and recipes: hsd"),
        ("grid.recipes", ["if", "hsd"], "two of baselines, whole and recipes: if"),
        ("grid.sweep_recipes", ["if"], "takes recipes that need an ANN"),
        ("datasets.embedded.recordings", None, "nothing to simulate"),
        ("datasets.ncaltech101.train_ann.levels", {"on": 32, "other": 16}, "no entry 'own'; did you mean 'on'?"),
        ("anns.own.levels", "onw", "datasets.cifar10dvs.train_ann.levels has no entry 'onw'; did you mean 'own'?"),
    ],
)  # fmt: skip
def test_names_that_mean_nothing_are_refused(path: str, value: Any, expected: str) -> None:
    document = changed(path, value)
    if path == "study.datasets":
        document["study"]["simulated"] = value
    assert expected in refusal(document)


def test_flips_are_refused_on_a_gesture_copy_in_class_folders_too() -> None:
    document = changed("datasets.dvsgesture.integrate.layout", "sides")
    document["datasets"]["dvsgesture"]["augment"]["flip"] = True
    assert "wrong labels" in refusal(document)
    assert parse(changed("datasets.cifar10dvs.augment.flip", True)).dataset("cifar10dvs").augment.active


def test_the_paper_grid_has_the_papers_settings() -> None:
    params = load()
    grid = params.grids["paper"]
    wanted = {
        "cifar10dvs": ("vgg-snn", [48, 48], (5, 5), "sgd", 0.1, 128, 16),
        "ncaltech101": ("vgg-snn", [48, 48], (5, 5), "sgd", 0.1, 128, 32),
        "dvsgesture": ("snn-5", [128, 128], (6, 10), "adam", 1e-3, 32, 16),
    }
    assert grid.datasets == list(wanted)
    for name, (network, size, phases, optimiser, rate, batch, levels) in wanted.items():
        found = params.dataset(name)
        schedule, tuned = found.train_ann.schedule, found.finetune.converted
        assert (found.network, found.integrate.frame_size) == (network, size)
        assert (found.phases.t1, found.phases.t2) == phases and sum(phases) == found.integrate.steps
        assert (schedule.optimiser.name, schedule.optimiser.lr, schedule.batch_size) == (optimiser, rate, batch)
        assert (schedule.epochs, schedule.decay, schedule.optimiser.weight_decay) == (300, "cosine", 5e-4)
        assert (tuned.optimiser.name, tuned.optimiser.lr, tuned.epochs) == ("adam", 1e-5, 100)
        assert params.levels(name, grid.ann) == levels and found.augment.active
        # Table 3: all four, each once.
        assert sorted(params.levels(name, ann) for ann in grid.anns) == [4, 8, 16, 32]
        assert found.finetune.random == schedule


def test_every_problem_is_listed_at_once() -> None:
    document = changed("recipes.hsd.weight", "much")
    document["datasets"]["embedded"]["phases"]["t1"] = 0
    message = refusal(document)
    assert "recipes.hsd.weight" in message and "datasets.embedded.phases.t1" in message


def test_no_key_is_one_that_dvcs_run_cache_overlooks() -> None:
    """DVC leaves keys of these names out of a run's hash: a change of them would bring old results back."""

    def keys(value: Any) -> set[str]:
        if not isinstance(value, dict):
            return set()
        return set(value) | {key for inner in value.values() for key in keys(inner)}

    assert not keys(DOCUMENT) & {"size", "nfiles"}


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"p\.yaml: not found"):
        load(tmp_path / "p.yaml")
    for text in ("grid: [", "- 1", ""):
        (tmp_path / "p.yaml").write_text(text)
        with pytest.raises(ConfigError, match=r"p\.yaml"):
            load(tmp_path / "p.yaml")
