"""DVC's side of many stages at once: which must run, and the record of those that did.

One process asks and writes, by the methods that `dvc repro` calls in the same order, so dvc.lock and the run cache end
as it leaves them. While a stage's command runs, its inputs and outputs are marked as in use, as `dvc repro` marks them:
another `dvc` meanwhile waits its turn or refuses to touch them.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from contextlib import ExitStack
from enum import Enum, auto
from pathlib import Path

from dvc.exceptions import DvcException
from dvc.repo import Repo, lock_repo
from dvc.repo.reproduce import collect_stages, get_active_graph, plan_repro
from dvc.rwlock import rwlock
from dvc.stage import PipelineStage, Stage
from dvc.stage.cache import RunCacheNotFoundError
from dvc.stage.serialize import to_lockfile
from dvc.utils.serialize import modify_yaml

from pipeline.errors import PipelineError
from pipeline.runtime import lock
from pipeline.runtime.files import replacing

# dvc.lock is written at most for this share of the time: DVC parses and writes the whole file each time.
WRITING = 0.1


class Found(Enum):
    """What became of a stage that was asked for."""

    UNCHANGED = auto()
    RESTORED = auto()
    MUST_RUN = auto()


class Book:
    """The stages that some targets need, in the order of `dvc repro`, and DVC's record of them.

    Args:
        targets: as `dvc repro` takes them; none: all of dvc.yaml.
        root: the repository.

    Attributes:
        needs: for each stage, by its name, those that must be done before it.
        above: for each stage, how many stages the longest chain of those that wait for it has.

    Raises:
        PipelineError: DVC cannot read the project, or knows no such target.
    """

    def __init__(self, targets: Iterable[str] = (), root: str | Path = ".") -> None:
        try:
            self._repo = Repo(str(root), _wait_for_lock=True)
            with lock_repo(self._repo):
                graph = get_active_graph(self._repo.index.graph)
                order = plan_repro(
                    graph, collect_stages(self._repo, list(targets) or [str(Path(self._repo.root_dir, "dvc.yaml"))])
                )
        except DvcException as error:
            raise PipelineError(str(error)) from error
        self._stages: dict[str, Stage] = {stage.addressing: stage for stage in order}
        self.needs = {stage.addressing: [before.addressing for before in graph.successors(stage)] for stage in order}
        self.above = dict.fromkeys(self._stages, 0)
        for stage in reversed(order):
            for before in self.needs[stage.addressing]:
                self.above[before] = max(self.above[before], self.above[stage.addressing] + 1)
        self.root = Path(self._repo.root_dir)
        self._lock = self.root / lock.LOCK
        self._marks: dict[str, ExitStack] = {}
        self._new: list[str] | None = None
        self._unwritten: list[Stage] = []
        self._written = self._cost = 0.0

    def commands(self, name: str) -> list[str]:
        """Return the lines that a stage runs, one after the other."""
        said = self._stages[name].cmd
        return said if isinstance(said, list) else said.splitlines()

    def begin(self, name: str) -> Found:
        """Return whether a stage must run; if so its old outputs are gone, if not its outputs are there.

        Raises:
            PipelineError: it cannot, since an input is missing, say, or another process works on its files.
        """
        stage = self._stages[name]
        try:
            with lock_repo(self._repo):
                if stage.frozen or not stage.cmd:
                    # Without a command, DVC does all of it: `dvc add`ed data, imports, frozen stages.
                    if not stage.reproduce():
                        return Found.UNCHANGED
                    self._note(stage)
                    return Found.RESTORED
                if not stage.changed():
                    return Found.UNCHANGED
                stage.remove_outs(ignore_remove=False, force=False)
                try:
                    self._repo.stage_cache.restore(stage)
                except RunCacheNotFoundError:
                    stage.save_deps()
                    self._mark(stage)
                    return Found.MUST_RUN
                self._save(stage)
                return Found.RESTORED
        except DvcException as error:
            raise PipelineError(str(error)) from error

    def end(self, name: str, good: bool) -> None:
        """Take a stage whose command has ended out of use and, if it went well, record it.

        Raises:
            PipelineError: it did not write what dvc.yaml says.
        """
        try:
            with lock_repo(self._repo):
                self._marks.pop(name).close()
                if good:
                    self._save(self._stages[name])
        except DvcException as error:
            raise PipelineError(str(error)) from error

    def write(self, last: bool = False) -> None:
        """Write what is recorded to dvc.lock, whole or not at all; unless it is the last time, not all too often.

        A stage that is not yet in dvc.lock when all is killed is found in the run cache by the next call.
        """
        began = time.monotonic()
        if not self._unwritten or (not last and (began - self._written) * WRITING < self._cost):
            return
        with lock_repo(self._repo), replacing(self._lock) as partial:
            if self._lock.exists():
                shutil.copyfile(self._lock, partial)
            with modify_yaml(str(partial)) as content:
                content.setdefault("schema", "2.0")
                stages = content.setdefault("stages", {})
                if self._new is None:
                    self._new = [name for name in self._stages if name not in stages]
                for stage in self._unwritten:
                    stages.update(to_lockfile(stage))
                # They end in any order; DVC appends a new one when its turn has come.
                for name in filter(stages.__contains__, self._new):
                    stages[name] = stages.pop(name)
        self._unwritten = []
        self._written = time.monotonic()
        self._cost = self._written - began

    def close(self) -> None:
        """Write what is recorded, and take out of use what was begun and has not ended."""
        self.write(last=True)
        with lock_repo(self._repo):
            while self._marks:
                self._marks.popitem()[1].close()

    def _mark(self, stage: Stage) -> None:
        """Mark the files of a stage as in use until `end`; a process that is killed is known to be gone by its id."""
        read, written = (
            [part.fs_path for part in parts if part.protocol == "local"] for parts in (stage.deps, stage.outs)
        )
        # Under a name of its own: two stages may read one file, and the first that ends must not free it for both.
        label = f"python -m pipeline run: {stage.addressing}"
        hard = self._repo.config["core"].get("hardlink_lock", False)
        self._marks[stage.addressing] = ExitStack()
        self._marks[stage.addressing].enter_context(
            rwlock(self._repo.tmp_dir, self._repo.fs, label, read, written, hard)
        )

    def _save(self, stage: Stage) -> None:
        """Do what `dvc repro` does with a stage that has its outputs."""
        uncached = any(not out.use_cache for out in stage.outs if not (out.is_metric or out.is_plot))
        stage.save(run_cache=not uncached)
        stage.commit()
        self._note(stage)

    def _note(self, stage: Stage) -> None:
        if isinstance(stage, PipelineStage) and Path(stage.path).parent == self.root:
            self._unwritten.append(stage)
        else:
            stage.dump(update_pipeline=False)
