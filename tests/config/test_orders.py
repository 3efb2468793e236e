"""Orders of the phases: which frames an ANN and the recipes that take it see, and in which lists of a grid they are."""

from __future__ import annotations

from typing import Any

import pytest

from pipeline.config.catalogues import Params
from pipeline.config.plan import plan, report_settings
from pipeline.config.resolve import Resolved
from tests.config.test_config import CAMERA, checked, documents, refusal

INTERLEAVED = (f"datasets.{CAMERA}.phases", {"order": "interleaved"})
MORE = {"more_anns": ["l8-interleaved", "l8-full"], "more": ["hsd", "hsd.t3"]}


def grid(*changes: tuple[str, Any], datasets: list[str] | None = None, **lists: list[str]) -> Resolved:
    made: dict[str, Any] = {"anns": ["l8"], "baselines": [], "recipes": [], "sweep": [], "more_anns": [], "more": []}
    made |= {"name": "g", "seeds": [0], "datasets": datasets or [CAMERA], **lists}
    # The named grids may not fit the changes.
    alone = [(f"grid.{name}.{key}", []) for name in ("methods", "paper") for key in ("more_anns", "more")]
    params: Params = checked(documents(*changes, *alone, ("grid.grid", made)))
    return Resolved(params, params.grid)


def seen(resolved: Resolved, dataset: str = CAMERA) -> dict[str, tuple[int, list[int]]]:
    """Return of each selection the length of its file, and its frames there."""
    return {
        name: (chosen.file.steps, list(range(chosen.file.steps))[chosen.frames])
        for name, chosen in resolved.selections(dataset).items()
    }


def test_frames_follow_the_order_of_the_ann() -> None:
    found = seen(grid(baselines=["if", "tet-full.t2"], sweep=["hsd"], **MORE))
    every, second, odd = list(range(10)), [5, 6, 7, 8, 9], [1, 3, 5, 7, 9]
    assert found == {
        "l8/ann.phase1": (10, [0, 1, 2, 3, 4]), "l8/ann.phase2": (10, second), "l8/hsd": (10, second),
        "l8-interleaved/ann.phase1": (10, [0, 2, 4, 6, 8]), "l8-interleaved/ann.phase2": (10, odd),
        "l8-interleaved/hsd": (10, odd), "l8-interleaved/hsd.t3": (10, odd[:3]),
        "l8-full/ann.phase1": (10, every), "l8-full/ann.phase2": (10, every),
        # Whole recordings, in as many frames as it has steps.
        "l8-full/hsd": (10, every), "l8-full/hsd.t3": (3, [0, 1, 2]),
        "none/if": (10, second), "none/tet-full.t2": (2, [0, 1]),
    }  # fmt: skip


def test_an_ann_may_start_at_a_threshold_of_its_own() -> None:
    resolved = grid(("anns.l8-lambda4.threshold", 4.5), anns=["l8", "l8-lambda4"])
    found = [resolved.ann_network(CAMERA, name).activation.threshold for name in ("l8", "l8-lambda4")]
    assert found == [resolved.params.dataset(CAMERA).ann.threshold, 4.5]
    assert "l8.threshold" in refusal(documents(("anns.l8.threshold", 0.0)))


def test_frames_without_an_ann_follow_the_order_of_the_data_set() -> None:
    found = seen(grid(INTERLEAVED, baselines=["if"], sweep=["hsd"], more_anns=["l4", "l8-full"], more=["ht"]))
    assert found["none/if"] == found["l8/hsd"] == found["l4/ht"] == (10, [1, 3, 5, 7, 9])
    assert found["l8/ann.phase1"] == found["l4/ann.phase1"] == (10, [0, 2, 4, 6, 8])
    assert found["l8-full/ht"] == (10, list(range(10)))
    # After an offset; the last frames that are left over go to no phase.
    phases = {"offset": 1, "t1": 3, "t2": 4, "order": "interleaved"}
    found = seen(grid((f"datasets.{CAMERA}.phases", phases), baselines=["if"]))
    assert found == {
        "l8/ann.phase1": (10, [1, 3, 5]), "l8/ann.phase2": (10, [2, 4, 6, 8]), "none/if": (10, [2, 4, 6, 8]),
    }  # fmt: skip


def test_interleaved_phases_take_as_many_frames_as_there_are() -> None:
    """DVS128 Gesture has 6 and 10 of 16 frames in a row, by turns 6 and 8."""
    resolved = grid(datasets=["dvsgesture"], baselines=["if"], more_anns=["own-interleaved", "own-full"], more=["hsd"])
    found = seen(resolved, "dvsgesture")
    assert found["own-interleaved/ann.phase1"] == (16, [0, 2, 4, 6, 8, 10])
    assert found["own-interleaved/hsd"] == (16, [1, 3, 5, 7, 9, 11, 13, 15])
    assert resolved.steps("dvsgesture", "hsd", "own-interleaved") == 8
    assert (resolved.steps("dvsgesture", "hsd", "own-full"), resolved.steps("dvsgesture", "if")) == (16, 10)
    network = {run.run.ann: run.network.steps for run in resolved.train_snns()}
    assert network == {None: 10, "own-interleaved": 8, "own-full": 16}


def test_results_say_what_a_run_saw() -> None:
    resolved = grid(baselines=["if", "tet-full.t2"], sweep=["hsd"], **MORE)
    entries = {(entry.ann, entry.recipe): (entry.frames, entry.steps) for entry in report_settings(resolved).runs}
    assert entries == {
        ("l8", "ann"): ("phase2", 5), ("l8", "converted"): ("phase2", 5), ("l8", "hsd"): ("phase2", 5),
        ("l8-interleaved", "ann"): ("interleaved", 5), ("l8-interleaved", "converted"): ("interleaved", 5),
        ("l8-interleaved", "hsd"): ("interleaved", 5), ("l8-interleaved", "hsd.t3"): ("interleaved", 3),
        ("l8-full", "ann"): ("full", 10), ("l8-full", "converted"): ("full", 10),
        ("l8-full", "hsd"): ("full", 10), ("l8-full", "hsd.t3"): ("full", 3),
        (None, "if"): ("phase2", 5), (None, "tet-full.t2"): ("full", 2),
    }  # fmt: skip
    assert report_settings(grid(INTERLEAVED, baselines=["if"])).datasets[CAMERA].order == "interleaved"


def test_more_anns_change_no_plan_of_a_run_that_was_there() -> None:
    before, after = plan(grid(sweep=["hsd"]).params), plan(grid(sweep=["hsd"], **MORE).params)
    runs = [name for name in before if name.startswith(("train", "convert"))]
    assert runs and all(before[name].text() == after[name].text() for name in runs)
    new = {name for name in after if name not in before}
    assert new == {
        f"{stage}/{CAMERA}/{ann}/{run}-0.json"
        for ann in MORE["more_anns"]
        for stage, run in (
            ("train_ann", "ann"),
            ("convert", "converted"),
            ("train_snn", "hsd"),
            ("train_snn", "hsd.t3"),
        )
    }


def test_a_recipe_is_shown_with_the_first_ann_that_it_is_run_with() -> None:
    made = grid(baselines=["if"], recipes=["ht"], sweep=["hsd"], more_anns=["l8-full"], more=["hsd", "skd"]).grid
    assert [made.ann_of(name) for name in ("if", "ht", "hsd", "skd", "ann")] == [None, "l8", "l8", "l8-full", "l8"]
    assert (made.all_anns, made.all_recipes) == (["l8", "l8-full"], ["if", "ht", "hsd", "skd"])


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([("grid.grid.more", ["hsd"])], "more: hsd need an ANN under more_anns"),
        ([("grid.grid.more_anns", ["l8"])], "listed under anns and under more_anns: l8"),
        ([("grid.grid.more_anns", ["l8-ful"])], "more_anns: params/anns.yaml has no entry 'l8-ful'; did you mean"),
        ([("grid.grid.more_anns", ["l8-full"]), ("grid.grid.more", ["tet"])], "more takes recipes that need an ANN"),
        ([("anns.l8.order", "half")], "l8.order: input should be 'halves', 'interleaved' or 'full', found 'half'"),
        ([(f"datasets.{CAMERA}.phases", {"order": "full"})], "input should be 'halves' or 'interleaved', found 'full'"),
        ([("anns.l8.order", "interleaved"), ("grid.grid.sweep", ["hsd.t6"])],
         "hsd.t6: T = 6 frames between those of phase 1, params/datasets.yaml: mnist-dvs-sim leaves 5 of its"),
        ([("recipes.skd.frames", "full")], "skd: frames: full takes no ANN that learns on other frames, as l8 does"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(changes: list[tuple[str, Any]], expected: str) -> None:
    assert expected in refusal(documents(*changes))


def test_a_recipe_of_full_recordings_may_have_an_ann_of_full_recordings() -> None:
    recipe = ("recipes.hsd-full", {"like": "hsd", "frames": "full"})
    found = seen(grid(recipe, more_anns=["l8-full"], more=["hsd-full", "hsd-full.t2"]))
    assert (found["l8-full/hsd-full"], found["l8-full/hsd-full.t2"]) == ((10, list(range(10))), (2, [0, 1]))


def test_a_network_that_waits_for_all_frames_answers_when_they_have_come(monkeypatch: pytest.MonkeyPatch) -> None:
    """SSNN's: what its options say of it counts as what a layer says."""
    resolved = grid(baselines=["if", "sltt"])
    model = type(resolved.model(CAMERA))
    assert resolved.causal(CAMERA, "if") and resolved.selection(CAMERA, "if").causal
    monkeypatch.setattr(model, "causal", False, raising=False)
    assert not resolved.causal(CAMERA, "if") and not resolved.selection(CAMERA, "if").causal
    message = refusal(documents(("grid.grid.baselines", ["sltt"])))
    assert "sltt.gradient: sltt shows one time step at a time, the network 'vgg-snn' waits for all; set" in message
