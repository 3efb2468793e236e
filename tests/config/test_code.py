"""The digest of a run's code: comments are nothing to it, imports are followed, what it lacks is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.code import bare, code_of

SOURCE = '''"""A module, é."""

import os  # for paths


def double(x: int) -> int:
    """Return twice x.

    More.
    """
    # Not 3.
    return 2 * x  # é


class A:
    """Nothing."""

    text = "# no comment"
'''


def test_bare_source_is_what_runs() -> None:
    assert bare(SOURCE) == (
        'import os\ndef double(x: int) -> int:\n    return 2 * x\nclass A:\n    text = "# no comment"'
    )


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ("# Not 3.", "# Never 3, é.", True),
        ("Return twice x.", "Return x twice.", True),
        ("    # Not 3.\n", "", True),
        ("import os  # for paths\n\n", "import os\n\n\n\n", True),
        ("2 * x", "3 * x", False),
        ("# no comment", "# a comment", False),
        ("import os", "import io", False),
    ],
)
def test_only_what_runs_changes_it(old: str, new: str, same: bool) -> None:
    changed = SOURCE.replace(old, new, 1)
    assert changed != SOURCE
    assert (bare(changed) == bare(SOURCE)) == same


def test_every_module_of_the_project_is_still_python_when_bare() -> None:
    for path in sorted([*Path("pipeline").rglob("*.py"), *Path("stages").rglob("*.py")]):
        compile(bare(path.read_text(encoding="utf-8")), str(path), "exec")


def test_imports_are_followed_and_pieces_named_by_kind_are_added() -> None:
    without = code_of("stages.train_snn")
    assert {"stages.train_snn", "stages._training", "pipeline.training.loop", "pipeline.nets.convert"} <= set(without)
    assert not {name for name in without if name.startswith(("pipeline.report", "pipeline.training.losses."))}
    found = code_of("stages.train_snn", ["pipeline.training.losses.skd"])
    assert {"pipeline.training.losses", "pipeline.training.losses.skd"} <= set(found)
    assert not {name for name in found if name.endswith(("losses.tet", "losses.feature"))}


def test_what_changes_no_result_is_left_out() -> None:
    found = code_of("stages.train_snn")
    assert not {name for name in found if name.startswith(("pipeline.runtime", "pipeline.errors", "stages._cli"))}


def test_what_uses_a_trained_network_belongs_to_no_training() -> None:
    for stage in ("train_ann", "convert", "train_snn"):
        found = [name for name in code_of(f"stages.{stage}") if not name.startswith("pipeline.results")]
        assert not [
            name for name in found if name.startswith(("pipeline.inference", "pipeline.r", "pipeline.nets.int8"))
        ]


def test_files_that_a_module_names_belong_to_it() -> None:
    assert "pipeline/report/paper.json" in code_of("pipeline.report.paper")


def test_a_module_outside_the_plan_is_an_error() -> None:
    script = """
import sys
from pipeline.config import code
code.only(code.code_of("pipeline.config.base", ["pipeline.results.paths"]))
import pipeline.errors, pipeline.runtime.files, pipeline.config.base, pipeline.results.paths
try:
    import pipeline.results.answers
except code.CodeError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert "module pipeline.results.answers is loaded" in done.stdout and not done.stderr


def test_a_module_that_was_loaded_before_is_an_error_too() -> None:
    script = (
        "import pipeline.results.answers\n"
        "from pipeline.config import code\n"
        "code.only(code.code_of('pipeline.config.base'))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "module pipeline.results is loaded" in done.stderr
