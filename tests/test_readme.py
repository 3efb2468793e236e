"""README and docs: what they quote a stage wrote, their commands can be run, their code works."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from copy import deepcopy
from decimal import Decimal
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from pipeline.config.catalogues import GRID, PARAMS, load, parse
from pipeline.config.check import check
from pipeline.config.grid import Grid
from pipeline.config.plan import plan
from pipeline.config.report import ReportSettings
from pipeline.events import aedat2
from pipeline.events.listing import list_recordings
from pipeline.events.read import read_events
from pipeline.events.types import events_from
from pipeline.pieces import checked, module_of
from pipeline.report.build import write_tables
from tests import tiny
from tests.finished import results_of, write_results

PAGES = [Path("README.md"), Path("CONTRIBUTING.md"), *sorted(Path("docs").rglob("*.md"))]
PAGES += sorted(Path("data").glob("**/README.md"))
README, ADDING = (Path(name).read_text(encoding="utf-8") for name in ("README.md", "docs/adding.md"))
# What a page quotes from a file that a stage or script wrote.
QUOTE = re.compile(r"<!-- from (\S+) -->\n(.*?)<!-- /from -->", re.DOTALL)
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?![\w.]*\d)")
LIST = re.compile(r"\n(?:\d+\.|-) ")
# A line of docs/adding.md that says which file a block is of, and the block.
BLOCK = re.compile(r"^(?:New file|In) `([^`]+)`[^\n]*:\n\n```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def table_of(text: str) -> list[list[str]]:
    return [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]


def columns(table: list[list[str]], heads: list[str]) -> list[list[str]]:
    places = [table[0].index(head) for head in heads]
    return [[row[place] for place in places] for row in table]


def numbers(text: str) -> list[str]:
    return NUMBER.findall(text.replace("\N{MINUS SIGN}", "-"))


def wrong(quote: str, source: str) -> list[str]:
    """Return what a quote has that its source has not: rows of a table, items of a list, else numbers (rounded)."""
    rows, prose = table_of(quote), "\n".join(line for line in quote.splitlines() if not line.startswith("|"))
    found = ["|".join(row) for row in rows if row not in columns(table_of(source), rows[0])]
    if prose.lstrip().startswith(("1. ", "- ")):
        whole = " ".join(source.split())
        return found + [item for item in LIST.split(f"\n{prose}") if " ".join(item.split()) not in whole]
    said = [Decimal(number) for number in numbers(source)]
    # In prose a loss has no sign.
    said += [abs(number) for number in said]
    for number in numbers(prose):
        digit = Decimal(1).scaleb(Decimal(number).as_tuple().exponent)
        if all(value.quantize(digit) != Decimal(number) for value in said):
            found.append(number)
    return found


QUOTES = [
    pytest.param(source, text, id=f"{page}-{source}-{index}")
    for page in PAGES
    for index, (source, text) in enumerate(QUOTE.findall(page.read_text(encoding="utf-8")))
]


@pytest.mark.parametrize(("source", "text"), QUOTES)
def test_what_is_quoted_is_as_the_file_says(source: str, text: str) -> None:
    assert text.strip() and wrong(text, Path(source).read_text(encoding="utf-8")) == []


def test_measured_numbers_of_the_readme_are_quoted() -> None:
    prose = re.sub(r"^```.*?^```", "", QUOTE.sub("", README), flags=re.MULTILINE | re.DOTALL)
    assert re.findall(r"\d(?:\.\d+)? (?:points|%(?! interval))", prose) == [] and "<!-- from" in README


@pytest.mark.parametrize(
    ("quote", "found"),
    [
        ("| a |\n|--:|\n| 87.10 |", []),
        ("| a |\n|--:|\n| 87.20 |", [" 87.20 "]),
        ("It gains 87.1 points, of 3.", []),
        ("It loses 87.2 points, or \N{MINUS SIGN}87.1.", ["87.2", "-87.1"]),
        ("1. So it\n   is.\n2. And so.", []),
        ("1. So it is not.", ["So it is not."]),
    ],
)
def test_a_wrong_quote_is_found(quote: str, found: list[str]) -> None:
    assert wrong(quote, "1. So it is.\n2. And so.\n\n| a | b |\n|--:|--:|\n| 87.10 | 3 |\n") == found


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_linked_files_are_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_lines_are_short(page: Path) -> None:
    prose = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    long = [
        line
        for line in prose.splitlines()
        if len(line) > 100 and not line.startswith(("|", "<!--")) and "](" not in line
    ]
    assert long == []


def test_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"From Python:\n\n```python\n(.*?)```", README, re.DOTALL).group(1)
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 128, (2, 500))
    aedat2.write(tmp_path / "recording.aedat", events_from(np.arange(500), x, y, rng.random(500) < 0.5))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(code, names)
    assert names["frames"].shape == (10, 2, 48, 48) and names["frames"].sum() == 500
    assert names["logits"].shape == (10, 1, 10)
    torch.testing.assert_close(names["stream"], names["logits"])


def test_a_recording_is_written_as_the_docs_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = re.search(r"```python\n(.*?)```", Path("docs/datasets/folder.md").read_text(), re.DOTALL).group(1)
    monkeypatch.chdir(tmp_path)
    exec(code, {})
    (path,) = list_recordings("data/raw/shapes").recordings
    events = read_events(path.path)
    assert len(events) == 500 and path.name == "square/square_0.npz"
    for name in ("aedat2", "aedat3", "aedat4", "atis", "npy"):
        assert callable(import_module(f"pipeline.events.{name}").write)


def test_results_of_the_readme_are_data_frames() -> None:
    code = re.search(r"## Results as data frames\n\n```python\n(.*?)```", README, re.DOTALL).group(1)
    assert len(code.splitlines()) <= 4
    *first, last = code.strip().splitlines()
    names: dict = {}
    exec("\n".join(first), names)
    found = eval(last, names)
    # A row a recipe and ANN, with as many runs as the grid has seeds.
    assert set(found["count"]) == {len(tiny.read()["grid"]["methods"]["seeds"])} and len(found) > 20


def experiments() -> list[str]:
    """Return the commands of README and docs that set keys, each once."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    found = re.findall(r"dvc exp run -S [^`#\n]+", re.sub(r" \\\n +", " ", text))
    return sorted({command.strip() for command in found})


def set_by(command: str, documents: tiny.Documents) -> tiny.Documents:
    """Return settings after the -S of a command."""
    made, words = deepcopy(documents), shlex.split(command.replace("<name>", "shapes"))[3:]
    assert words[::2] == ["-S"] * (len(words) // 2), command
    names = {path.relative_to(tiny.ROOT).as_posix(): name for name, path in tiny.files().items()}
    for setting in words[1::2]:
        target, value = setting.split("=", 1)
        file, key = target.split(":") if ":" in target else (PARAMS, target)
        *groups, last = key.removeprefix("++").split(".")
        place = made[names[file]]
        for group in groups:
            place = place[group]
        assert key.startswith("++") or last in place, f"{command}: there is no {key}"
        place[last] = made[GRID][value[2:-1]] if value.startswith("${") else yaml.safe_load(value)
    return made


def needs_added(command: str) -> bool:
    """Return whether a command is of docs/adding.md, or of a data set that is added there."""
    return "<name>" in command or command in re.sub(r" \\\n +", " ", ADDING)


def test_experiments_can_be_run() -> None:
    documents = tiny.read()
    before = parse(documents)
    commands = [command for command in experiments() if not needs_added(command)]
    assert len(commands) > 10
    for command in commands:
        made = set_by(command, documents)
        same = {**made, GRID: documents[GRID]} == documents
        # As `plan` checks it; only changed catalogues are parsed anew, and named grids are checked in tests/config.
        params, grid = before if same else parse(made), Grid.model_validate(made[GRID][GRID])
        if not same or grid not in before.grids.values():
            check(params, GRID, grid)


@pytest.mark.parametrize(
    ("page", "catalogue", "least"), [("recipes.md", "recipes", 6), ("datasets/folder.md", "datasets", 2)]
)
def test_entries_shown_can_be_run(page: str, catalogue: str, least: int) -> None:
    text = (Path("docs") / page).read_text(encoding="utf-8")
    shown: dict = {}
    for block in re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        shown |= {name: entry for name, entry in yaml.safe_load(block).items() if name != "grid"}
    assert len(shown) >= least
    documents = tiny.read()
    documents[catalogue] |= shown
    params = parse(documents)
    if catalogue == "datasets":
        grids = [params.grid.model_copy(update={"datasets": [name]}) for name in shown]
    else:
        by_need = {True: "recipes", False: "baselines"}
        empty = {"baselines": [], "recipes": [], "sweep": []}
        grids = [
            params.grid.model_copy(update={**empty, by_need[params.recipe(name).needs_ann]: [name]}) for name in shown
        ]
    for grid in grids:
        check(params, "grid", grid)


def test_neurons_shown_are_those_of_the_options() -> None:
    table = table_of(Path("docs/recipes.md").read_text(encoding="utf-8").partition("| neuron of |")[2])
    shown = [row[1].strip(" `") for row in table if len(row) == 2 and "{kind: " in row[1]]
    assert len(shown) == 16
    for options in shown:
        module_of("nets.layers", checked("nets.layers", yaml.safe_load(options)))


def blocks() -> list[tuple[str, str, str]]:
    """Return path, language and text of each block of docs/adding.md that is of a file."""
    return BLOCK.findall(ADDING)


def patched(text: str, diff: str) -> str:
    """Return a text with a block of - and + lines between lines that it has."""
    lines = diff.splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    after = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    assert text.count(before) == 1, before
    return text.replace(before, after)


@pytest.fixture(scope="module")
def added(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy the project's code and settings, with every block of docs/adding.md applied."""
    root = tmp_path_factory.mktemp("added")
    for name in ("pipeline", "stages", "params", "params.yaml"):
        copy = shutil.copytree if Path(name).is_dir() else shutil.copy
        copy(name, root / name)
    for path, language, text in blocks():
        file = root / path
        if language == "diff":
            file.write_text(patched(file.read_text(encoding="utf-8"), text), encoding="utf-8")
        else:
            assert not file.exists(), path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    return root


def in_copy(root: Path, *arguments: str, given: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run Python in a process of its own, whose project is the copy."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=root,
        env=environment,
        input=given,
        capture_output=True,
        text=True,
        check=False,
    )


# In the copy, where the pieces of docs/adding.md are.
PLAN = """
import json, sys
from pipeline.config.catalogues import parse
from pipeline.config.check import check
from pipeline.config.plan import plan
found = []
for made in json.load(sys.stdin):
    params = parse(made)
    check(params, "grid", params.grid)
    found.append({name: entry.text() for name, entry in plan(params).items()})
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def plans(added: Path) -> list[dict[str, str]]:
    """Return the plans that the copy makes of its own settings, and of each experiment with what is added."""
    documents = tiny.read(added)
    made = [documents, *(set_by(command, documents) for command in experiments() if needs_added(command))]
    done = in_copy(added, "-c", PLAN, given=json.dumps(made))
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_is_added_is_planned_and_no_run_that_was_there_changes(plans: list[dict[str, str]]) -> None:
    before, after = {name: entry.text() for name, entry in plan(load()).items()}, plans[0]
    seeds = load().grid.seeds
    new = {f"train_snn/mnist-dvs-sim/{run}-{seed}.json" for run in ("l8/ht-late", "none/alif") for seed in seeds}
    assert after.keys() - before.keys() == new
    report = {f"{stage}.json" for stage in ("results", "tables", "figures", "page")}
    changed = {name for name, text in before.items() if after[name] != text}
    # Pointers to the frames of the new recipes are written beside the old ones, which stay as they are.
    assert changed == report | {"select/mnist-dvs-sim.json"}


def test_experiments_with_what_is_added_are_planned_and_reported(plans: list[dict[str, str]], tmp_path: Path) -> None:
    said = [ReportSettings.model_validate(json.loads(made["tables.json"])["settings"]) for made in plans[1:]]
    found = {settings.grid.name: settings for settings in said}
    assert set(found) == {"residual", "shapes"}
    # The network of its ANN, and one that knows no width.
    of_ann = {run.recipe: run.network for run in found["residual"].runs if run.ann}
    assert of_ann == dict.fromkeys(("ann", "converted", "ht-residual"), "residual-16")
    write_results(found["residual"], tmp_path, 30)
    write_tables(results_of(found["residual"], tmp_path), tmp_path)
    assert "| HT | ✓ |" in (tmp_path / "tables/table2_ablation.md").read_text(encoding="utf-8")


def test_tests_of_what_is_added_pass(added: Path) -> None:
    tests = [path for path, _, _ in blocks() if path.startswith("tests/")]
    assert len(tests) == 3
    done = in_copy(added, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", *tests)
    assert done.returncode == 0 and "3 passed" in done.stdout, done.stdout
