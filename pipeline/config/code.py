"""Which of the project's code a stage runs, and a digest of it that comments, docstrings and blank lines don't change.

Imports are followed from the stage's script, inside the project, wherever in a file they stand; the pieces that a run
names by their kind are added. A stage that loads a project module outside this list is stopped (`only`).
"""

from __future__ import annotations

import ast
import hashlib
import importlib.abc
import io
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from pipeline.errors import PipelineError

# The packages of the project, and the folder they lie in.
PACKAGES = ("pipeline", "stages")
ROOT = Path(__file__).parents[2]
# What changes no result: files, progress, processes, the choice of the machine, messages, and the plan's own reading.
# An edit of these runs nothing again.
UNCOUNTED = (
    "pipeline",
    "pipeline.config.code",
    "pipeline.config.explain",
    "pipeline.config.names",
    "pipeline.config.planned",
    "pipeline.errors",
    "pipeline.runtime",
    "stages",
    "stages._cli",
)
# Packages whose modules' docstrings are shown to readers: there they count.
SHOWN = ("pipeline.report.tables.", "pipeline.report.figures.", "pipeline.evaluation.exits.")
# What a file or folder beside a module may be called.
NAME = re.compile(r"[A-Za-z0-9_-]+([./][A-Za-z0-9_-]+){0,4}")
# Characters of a digest: enough that no two versions of a file share one, few enough to be read.
LENGTH = 16


class CodeError(PipelineError):
    """A stage loaded code that its plan does not know."""


def code_of(entry: str, pieces: Iterable[str] = ()) -> dict[str, str]:
    """Return the digest of each project module (and data file beside it) that a module and some pieces use.

    Args:
        entry: a module, such as stages.train_snn.
        pieces: further modules, those that settings name by their kind.
    """
    modules: set[str] = set()
    waiting = [entry, *pieces]
    while waiting:
        name = waiting.pop()
        if name in modules:
            continue
        modules.add(name)
        waiting += _imports(name)
    counted = sorted(name for name in modules if not _uncounted(name))
    found = {name: _digest(name) for name in counted}
    for name in counted:
        for path in _data_files(name):
            found[path.relative_to(ROOT).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()[:LENGTH]
    return found


def only(allowed: Mapping[str, str]) -> None:
    """From now on, refuse the import of a project module that is not in `allowed`; those loaded already are checked.

    Raises:
        CodeError: such a module is loaded, now or later.
    """
    for name in sorted(sys.modules):
        if _is_project(name) and not _uncounted(name) and name not in allowed:
            raise _unknown(name)
    sys.meta_path.insert(0, _Guard(allowed))


class _Guard(importlib.abc.MetaPathFinder):
    def __init__(self, allowed: Mapping[str, str]) -> None:
        self.allowed = allowed

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        del path, target
        if _is_project(fullname) and not _uncounted(fullname) and fullname not in self.allowed and _file(fullname):
            raise _unknown(fullname)
        return None


def _unknown(name: str) -> CodeError:
    return CodeError(
        f"module {name} is loaded, but the run's plan does not know that it depends on it, so an edit of it would go "
        "unnoticed; import it by an import statement or name it as a piece by its kind, and run `dvc repro`"
    )


def _is_project(name: str) -> bool:
    return name.partition(".")[0] in PACKAGES


def _uncounted(name: str) -> bool:
    return name in UNCOUNTED or name.startswith("pipeline.runtime.")


def _file(name: str) -> Path | None:
    """Return the file of a project module, or None where there is none of that name."""
    path = ROOT.joinpath(*name.split("."))
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _text(name: str) -> str:
    path = _file(name)
    if path is None:
        raise CodeError(f"module {name}: no such file below {', '.join(PACKAGES)}")
    return path.read_text(encoding="utf-8")


@cache
def _tree(name: str) -> ast.Module:
    return ast.parse(_text(name))


@cache
def _imports(name: str) -> tuple[str, ...]:
    """Return the project modules that importing a module and running its functions may load, parents included."""
    found: list[str] = []
    parts = name.split(".")
    found += [".".join(parts[:length]) for length in range(1, len(parts))]
    for node in _executed(_tree(name)):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return tuple(sorted({module for module in found if _is_project(module) and _file(module) is not None}))


def _executed(tree: ast.AST) -> Iterator[ast.AST]:
    """Walk a tree, but not into what stands under `if TYPE_CHECKING:`."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            for other in node.orelse:
                yield other
                yield from _executed(other)
            continue
        yield node
        yield from _executed(node)


@cache
def _data_files(name: str) -> tuple[Path, ...]:
    """Return the files beside a module, other than code, that a text in it names, by themselves or by their folder."""
    path = _file(name)
    folder = path.parent if path else ROOT
    texts = {node.value for node in ast.walk(_tree(name)) if isinstance(node, ast.Constant) and type(node.value) is str}
    named = [folder / text for text in sorted(texts) if NAME.fullmatch(text)]
    inside = [file for path in named if path.is_dir() for file in sorted(path.rglob("*"))]
    found = [path for path in [*named, *inside] if path.is_file() and path.suffix not in (".py", ".pyc")]
    return tuple(found)


@cache
def _digest(name: str) -> str:
    shown = (ast.get_docstring(_tree(name)) or "") if name.startswith(SHOWN) else ""
    return hashlib.sha256((shown + bare(_text(name), _tree(name))).encode()).hexdigest()[:LENGTH]


def bare(text: str, tree: ast.Module | None = None) -> str:
    """Return Python source without comments, docstrings, blank lines and spaces at the ends of lines.

    The text itself is kept and not a form of its syntax tree, which differs between versions of Python.
    """
    lines = text.splitlines()
    for (row, column), (last_row, last_column), instead in sorted(
        _docstrings(tree or ast.parse(text)) + _comments(text)
    )[::-1]:
        before, after = lines[row - 1].encode()[:column].decode(), lines[last_row - 1].encode()[last_column:].decode()
        lines[row - 1 : last_row] = [before + instead + after]
    return "\n".join(line.rstrip() for line in lines if line.strip())


# Where a piece of text begins and ends (line, byte), and what is put in its place.
Span = tuple[tuple[int, int], tuple[int, int], str]


def _docstrings(tree: ast.Module) -> list[Span]:
    spans: list[Span] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) or not node.body:
            continue
        first = node.body[0]
        if not (
            isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and type(first.value.value) is str
        ):
            continue
        end = (first.end_lineno or first.lineno, first.end_col_offset or first.col_offset)
        spans.append(((first.lineno, first.col_offset), end, "pass" if len(node.body) == 1 else ""))
    return spans


def _comments(text: str) -> list[Span]:
    spans: list[Span] = []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            row, column = token.start
            offset = len(token.line[:column].encode())
            spans.append(((row, offset), (row, offset + len(token.string.encode())), ""))
    return spans
