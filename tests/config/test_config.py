"""Settings: wrong keys are named with their file, path and the nearest valid one; impossible ones are refused."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from pipeline.config.catalogues import CATALOGUES, Params, load, parse
from pipeline.config.check import check
from pipeline.config.resolve import Resolved
from pipeline.config.training import Cosine
from pipeline.errors import ConfigError
from tests import tiny

DOCUMENTS = tiny.read()
CAMERA = "mnist-dvs-sim"


def documents(*changes: tuple[str, Any]) -> tiny.Documents:
    """Return the project's settings with keys set, named as in tiny.change."""
    made = copy.deepcopy(DOCUMENTS)
    for path, value in changes:
        tiny.change(made, path, value)
    return made


def removed(path: str) -> tiny.Documents:
    made, (*groups, key) = documents(), path.split(".")
    place = made
    for group in groups:
        place = place[group]
    del place[key]
    return made


def renamed(path: str, name: str) -> tiny.Documents:
    value: Any = DOCUMENTS
    for part in path.split("."):
        value = value[part]
    made = removed(path)
    tiny.change(made, f"{path.rpartition('.')[0]}.{name}", value)
    return made


def checked(made: tiny.Documents) -> Params:
    """Parse settings and check every grid, as stage plan does."""
    params = parse(made)
    for name, grid in {"grid": params.grid, **params.grids}.items():
        check(params, name, grid)
    return params


def refusal(made: tiny.Documents) -> str:
    with pytest.raises(ConfigError) as error:
        checked(made)
    return str(error.value)


def where(path: str) -> str:
    """Return how messages name a key: params/recipes.yaml: hsd.init, params.yaml: grid.seeds."""
    file, _, rest = path.partition(".")
    return f"{'params.yaml' if file == 'grid' else f'params/{file}.yaml'}: {rest}"


def test_the_projects_settings_are_valid_and_every_named_grid_checks() -> None:
    params = checked(documents())
    assert set(params.grids) >= {"methods", "one", "paper"}
    # A grid of one's own stands in params.yaml in place of the shipped one.
    assert load().model_copy(update={"grid": params.grid}) == params
    assert params.grid.datasets == [CAMERA] and params.grids["methods"].datasets[0] == CAMERA


@pytest.mark.parametrize(
    ("path", "wrong"),
    [
        ("recipes.hsd.init", "innit"),
        ("recipes.defaults.gradient", "gradeint"),
        (f"datasets.{CAMERA}.recordings.camera.leak_rate_hz", "leak_rate"),
        (f"datasets.{CAMERA}.schedules.converted", "convertd"),
        ("datasets.defaults.eval_every.validation", "validatoin"),
        ("datasets.defaults.ann.threshold", "treshold"),
        ("datasets.cifar10dvs.augmentation", "augmentations"),
        ("schedules.paper-sgd.optimizer.lr", "lrr"),
        ("schedules.short.epochs", "epoch"),
        ("anns.l8.levels", "level"),
        ("grid.grid.seeds", "seed"),
        ("grid.methods.recipes", "recipies"),
        ("report.dpi", "dpii"),
        ("report.figure4.channel", "chanel"),
    ],
)
def test_misspelt_keys_are_named_with_the_nearest(path: str, wrong: str) -> None:
    key = path.rpartition(".")[2]
    told = where(f"{path.rpartition('.')[0]}.{wrong}")
    assert f"{told}: unknown key; did you mean {key!r}?" in refusal(renamed(path, wrong))


@pytest.mark.parametrize(
    ("path", "wrong", "expected"),
    [
        ("recipes.hsd.loss.weight", "wieght", "hsd.loss: kind 'skd' has no option 'wieght'; did you mean 'weight'?"),
        ("recipes.tcja.attention.kernel_t", "kernel_tt", "no option 'kernel_tt'; did you mean 'kernel_t'?"),
        ("networks.vgg-snn.width", "widht", "vgg-snn: kind 'chain' has no option 'widht'; did you mean 'width'?"),
        ("datasets.cifar10dvs.augmentation.roll_px", "roll", "kind 'nda' has no option 'roll'; did you mean 'roll_px'"),
    ],
)
def test_misspelt_options_of_a_piece_are_named_with_the_nearest(path: str, wrong: str, expected: str) -> None:
    message = refusal(renamed(path, wrong))
    assert expected in message and f"params/{path.partition('.')[0]}.yaml: " in message


@pytest.mark.parametrize(
    "path", ["recipes.defaults.loss", "grid.grid.seeds", "report.dpi", "datasets.defaults.phases.t1"]
)
def test_missing_keys_are_named(path: str) -> None:
    if path == "datasets.defaults.phases.t1":
        # Of the data sets that have no t1 of their own: told once, where it should stand.
        assert refusal(removed(path)).count("missing key") == 1
    assert f"{where(path)}: missing key" in refusal(removed(path))


def test_a_catalogue_without_a_grid_is_refused() -> None:
    assert "params.yaml: missing key 'grid'" in refusal(removed("grid.grid"))


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("recipes.hsd.loss.weight", "1e-3", "hsd.loss: weight: input should be a valid number, found '1e-3'"),
        ("schedules.short.optimizer", {"kind": "sgd", "lr": "1e-3"}, "short.optimizer.lr: input should be a valid "
         "number, found '1e-3'; YAML reads 1e-3 as text, write 0.001"),
        ("recipes.hsd.loss.weight", -1.0, "greater than 0, found -1.0"),
        ("recipes.hsd.loss.weight", float("inf"), "finite number"),
        (f"datasets.{CAMERA}.phases", {"t1": 2.5}, f"{CAMERA}.phases.t1: input should be a valid integer"),
        (f"datasets.{CAMERA}.phases", {"t1": True}, "valid integer, found True"),
        (f"datasets.{CAMERA}.integrate.clip", "yes", "valid boolean"),
        (f"datasets.{CAMERA}.integrate.resize", "bilinear", "'nearest', 'area' or 'bin'"),
        (f"datasets.{CAMERA}.integrate.orientation", {"npz": ["mirror"]}, "'transpose', 'flip_x', 'flip_y' or"),
        (f"datasets.{CAMERA}.integrate.orientation", {"mat": ["flip_x"]}, "'aedat', 'aedat4', 'bin', 'npy' or 'npz'"),
        (f"datasets.{CAMERA}.integrate.orientation", {"npz": ["flip_x", "flip_x"]}, "listed twice: flip_x"),
        (f"datasets.{CAMERA}.integrate.validation", {"share": 0.1}, "validation.seed: missing key"),
        (f"datasets.{CAMERA}.augmentation", {"kind": "nda", "roll_px": -1}, "greater than or equal to 0, found -1"),
        (f"datasets.{CAMERA}.augmentation", {"kind": "nda"}, "varies nothing here; set roll_px"),
        (f"datasets.{CAMERA}.augmentation", {"kind": "cutmx"}, "unknown kind 'cutmx'; did you mean 'cutmix'?"),
        (f"datasets.{CAMERA}.phases", {"t2": 6}, "need 11 frames"),
        (f"datasets.{CAMERA}.integrate.steps", 9, "integrate.steps gives 9"),
        (f"datasets.{CAMERA}.recordings.sensor", [200, 200], "7-bit addresses"),
        (f"datasets.{CAMERA}.recordings.camera.contrast", 0.9, "must lie in 0..1"),
        (f"datasets.{CAMERA}.recordings.images", "pictures", "'mnist' or 'folder', found 'pictures'"),
        (f"datasets.{CAMERA}.recordings.sensor", [40, 40], "does not fit integrate.sensor [34, 34]"),
        (f"datasets.{CAMERA}.integrate.frame_size", [48, 48], "resize nearest cannot enlarge"),
        (f"datasets.{CAMERA}.integrate.split", {"rule": "numeric", "train": 130}, "leaves a side empty"),
        (f"datasets.{CAMERA}.recordings.skip", 30, "at number 30, they have 30 to 159"),
        (f"datasets.{CAMERA}.integrate.split", {"rule": "given"}, "without a given split"),
        (f"datasets.{CAMERA}.integrate.split", {"rule": "listed", "file": "x.csv"}, "below data/splits/"),
        (f"datasets.{CAMERA}.integrate.split", {"rule": "listed", "file": "data/splits/../x.csv"},
         "below data/splits/"),
        (f"datasets.{CAMERA}.integrate.split", {"rule": "random", "share": 1.0, "seed": 0}, "less than 1"),
        (f"datasets.{CAMERA}.integrate.split", {"rule": "numerik", "train": 3}, "did you mean 'numeric'?"),
        (f"datasets.{CAMERA}.paper", "cifar", "'cifar10dvs', 'ncaltech101' or 'dvsgesture'"),
        (f"datasets.{CAMERA}.eval_every.test", -1, "greater than or equal to 0, found -1"),
        ("networks.snn-5.dropout", 1.0, "less than 1"),
        ("networks.snn-5.kind", "chian", "did you mean 'chain'?"),
        ("networks.vgg-snn.layers", [64, "q"], "vgg-snn: layers.1: unknown layer 'q'; 64 is a convolution"),
        ("networks.vgg-snn.width", 0.0, "greater than 0"),
        ("anns.l8.levels", 0, "l8.levels: input should be greater than or equal to 1, found 0"),
        ("grid.grid.seeds", [0, 0], "listed twice: 0"),
        ("grid.grid.seeds", [], "at least 1 item"),
        ("grid.grid.name", "My Grid", "lower-case letters"),
        ("grid.grid.recipes", ["skd", "Mine_1"], "lower-case letters"),
        ("grid.grid.recipes", ["skd.t0"], "found 'skd.t0'"),
        ("report.exit_at", [1.5], "exit_at.0: input should be less than or equal to 1"),
    ],
)  # fmt: skip
def test_ill_typed_and_impossible_values_are_named(path: str, value: Any, expected: str) -> None:
    message = refusal(documents((path, value)))
    assert expected in message
    file, entry = path.split(".")[:2]
    told = where(f"{file}.{entry}")
    assert told in message and len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        ("grid.grid.recipes", ["skd", "hds"], "grid.recipes: params/recipes.yaml: no entry 'hds'; did you"),
        ("grid.methods.datasets", ["mnist-dvs-sin"], "params/datasets.yaml has no entry 'mnist-dvs-sin'; did "
         f"you mean '{CAMERA}'?"),
        ("grid.grid.anns", ["l9"], "grid.anns: params/anns.yaml has no entry 'l9'; did you mean 'l8'?"),
        ("grid.paper.sweep", ["hsdd.t3"], "paper.sweep: params/recipes.yaml: no entry 'hsdd'; did you mean 'hsd'?"),
        (f"datasets.{CAMERA}.network", "vgg", f"{CAMERA}.network: params/networks.yaml has no entry 'vgg'"),
        (f"datasets.{CAMERA}.schedules.ann", "shorter", f"datasets.yaml: {CAMERA}.schedules.ann: params/schedules.yaml "
         "has no entry 'shorter'; did you mean 'short'?"),
        # Of entries that no grid names, too, and once of all that grow from one.
        ("datasets.dvsgesture.schedules.random", "tny", "dvsgesture.schedules.random: params/schedules.yaml has no"),
        ("anns.l16.schedule", "tny", "params/anns.yaml: l16.schedule: params/schedules.yaml has no entry 'tny'"),
        ("datasets.ncaltech101.like", "cifar10", "ncaltech101.like: no entry 'cifar10'; did you mean 'cifar10dvs'?"),
        ("recipes.hsd.schedule", "papersgd", "hsd.schedule: params/schedules.yaml has no entry 'papersgd'; "
         "did you mean 'paper-sgd'?"),
        ("recipes.hsd.network", "vgg-snn-7th", "hsd.network: params/networks.yaml has no entry 'vgg-snn-7th'; did you"),
        ("anns.own.levels", "onw", "own.levels: params/datasets.yaml: cifar10dvs.ann.levels has no entry 'onw'; did"),
        ("report.headline", ["an"], "params/report.yaml: headline: no run 'an'; did you mean 'ann'?"),
        ("report.table1", ["tett.t5"], "params/report.yaml: table1: no run 'tett.t5'; did you mean 'tet'?"),
        ("report.comparisons", [["ht", "hds@l8"]], "comparisons: no run 'hds'; did you mean 'hsd'?"),
        ("report.methods", ["hds"], "params/report.yaml: methods: no run 'hds'; did you mean 'hsd'?"),
        ("report.figure2", {"sts": ["hsd1"], "dts": []}, "figure2.sts: no run 'hsd1'; did you mean 'hsd'?"),
        ("report.figure4.recipes", ["tett"], "params/report.yaml: figure4.recipes: no run 'tett'; did you mean 'tet'?"),
    ],
)  # fmt: skip
def test_names_that_mean_nothing_are_refused(path: str, value: Any, expected: str) -> None:
    assert expected in refusal(documents((path, value)))


def test_a_problem_that_entries_inherit_is_told_once_where_it_is_written() -> None:
    for path, value in (
        ("datasets.defaults.integrate.clip", "yes"),  # of every data set
        ("datasets.dvsgesture.network", 5),  # dvsgesture-tonic is like it
        ("schedules.paper-sgd.decay", {"kind": "cosin"}),  # every schedule grows from it
        ("recipes.tet.loss", {"kind": "tett"}),  # tet-full and tcja are like it
    ):
        message = refusal(documents((path, value)))
        assert where(path) in message and len(message.splitlines()) == 1
    # An entry's own value stands in front of a wrong default, which the others still have.
    message = refusal(documents(("recipes.defaults.init", "none"), ("recipes.lif.init", "random")))
    assert len(message.splitlines()) == 1 and "recipes.yaml: defaults.init" in message


def test_every_problem_is_listed_at_once() -> None:
    message = refusal(
        documents(
            ("recipes.hsd.loss.weight", "much"), (f"datasets.{CAMERA}.phases", {"t1": 0}), ("networks.snn-5.voters", 0),
            ("grid.paper.seeds", []), ("report.dpi", 0),
        )
    )  # fmt: skip
    for told in ("recipes.yaml: hsd.loss", f"{CAMERA}.phases.t1", "snn-5: voters", "paper.seeds", "report.yaml: dpi"):
        assert told in message
    assert len(message.splitlines()) == 5


def test_names_that_are_taken_or_misspelt_are_refused() -> None:
    for name in ("ann", "converted"):
        assert f"recipes.yaml: {name}: the name is taken" in refusal(documents((f"recipes.{name}", {})))
    assert "lower-case letters, digits, - and _, found 'Mine'" in refusal(documents(("recipes.Mine", {})))


def test_frames_must_be_large_enough_for_the_network() -> None:
    message = refusal(documents(("datasets.dvsgesture.integrate.frame_size", [16, 16])))
    assert "networks.yaml: snn-5, for own on dvsgesture: frames of (16, 16) px are too small" in message
    message = refusal(documents((f"datasets.{CAMERA}.integrate.frame_size", [8, 8])))
    assert "at least 16" in message


@pytest.mark.parametrize(
    "changes",
    [
        # Of the data set: what its ANNs learn with too.
        [("datasets.dvsgesture.augmentation.flip", True)],
        # A copy that says in another layout which data set of the paper it is.
        [("datasets.dvsgesture.integrate.layout", "sides"), ("datasets.dvsgesture.augmentation.flip", True)],
        # In no grid.
        [("datasets.dvsgesture-tonic.augmentation", {"kind": "nda", "flip": True})],
        # Of a recipe.
        [("recipes.hsd.augmentation", [{"kind": "nda", "flip": True}])],
    ],
)
def test_flips_are_refused_where_left_and_right_are_classes(changes: list[tuple[str, Any]]) -> None:
    message = refusal(documents(*changes))
    assert "a mirrored right hand wave is a left hand wave" in message and "wrong labels on DVS128 Gesture" in message
    assert ("recipes.yaml: hsd" if "recipes" in changes[0][0] else changes[0][0].split(".")[1]) in message


def test_flips_are_allowed_where_they_are_not() -> None:
    assert (
        checked(documents(("datasets.cifar10dvs.augmentation.flip", True))).dataset("cifar10dvs").augmentation[0].flip
    )


def test_the_paper_grid_has_the_papers_settings() -> None:
    params = load()
    grid = params.grids["paper"]
    resolved = Resolved(params, grid)
    wanted = {
        "cifar10dvs": ("vgg-snn", [48, 48], (5, 5), "sgd", 0.1, 128, 16),
        "ncaltech101": ("vgg-snn", [48, 48], (5, 5), "sgd", 0.1, 128, 32),
        "dvsgesture": ("snn-5", [128, 128], (6, 10), "adam", 1e-3, 32, 16),
    }
    assert grid.datasets == list(wanted)
    for name, (network, size, phases, optimizer, rate, batch, levels) in wanted.items():
        found = params.dataset(name)
        schedule, tuned = (params.schedule(named) for named in (found.schedules.ann, found.schedules.converted))
        assert (found.paper, found.network, found.integrate.frame_size) == (name, network, size)
        assert params.network(network).width == 1.0
        assert (found.phases.t1, found.phases.t2) == phases and sum(phases) == found.integrate.steps
        assert (schedule.optimizer.kind, schedule.optimizer.lr, schedule.batch_size) == (optimizer, rate, batch)
        assert (schedule.epochs, schedule.decay, schedule.optimizer.weight_decay) == (300, Cosine(), 5e-4)
        assert (tuned.optimizer.kind, tuned.optimizer.lr, tuned.epochs) == ("adam", 1e-5, 100)
        assert (tuned.batch_size, tuned.decay, tuned.optimizer.weight_decay) == (batch, Cosine(), 0.0)
        assert params.schedule(found.schedules.random) == schedule
        assert resolved.levels(name, grid.ann) == levels and found.augmentation
        # Table 3: all four, each once.
        assert sorted(resolved.levels(name, ann) for ann in grid.anns) == [4, 8, 16, 32]


def test_no_key_is_one_that_dvcs_run_cache_overlooks() -> None:
    """DVC leaves keys of these names out of a run's hash: a change of them would bring old results back."""

    def keys(value: Any) -> set[str]:
        if not isinstance(value, dict):
            return set()
        return set(value) | {key for inner in value.values() for key in keys(inner)}

    assert not keys(DOCUMENTS) & {"size", "nfiles"}


def test_unreadable_files_are_named(tmp_path: Path) -> None:
    tiny_files = tiny.files(tmp_path)
    assert list(tiny_files) == ["grid"], "an empty folder has no catalogues"
    (tmp_path / "params").mkdir()
    for name, path in {"grid": "params.yaml", **{name: f"params/{name}.yaml" for name in CATALOGUES}}.items():
        with pytest.raises(ConfigError, match=rf"{path}: not found"):
            load(tmp_path)
        for text, told in (("grid: [", "not readable as YAML"), ("- 1", "found list"), ("", "found NoneType")):
            (tmp_path / path).write_text(text)
            with pytest.raises(ConfigError, match=rf"{path}: .*{told}"):
                load(tmp_path)
        (tmp_path / path).write_text(tiny.files()[name].read_text())
