"""The frame around every stage: its file of the plan, errors without a traceback, and an end with DVC's."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from pipeline.config import code, planned
from pipeline.config.base import Group
from pipeline.errors import ConfigError, PipelineError
from pipeline.runtime import guard, lock, waiting
from pipeline.runtime.progress import prepare_output

Settings = TypeVar("Settings", bound=Group)


@dataclass(frozen=True)
class Call(Generic[Settings]):
    """What a stage is called with: settings, the digests of the code it runs, and when a training should pause."""

    settings: Settings
    code: dict[str, str]
    pause: Callable[[], bool] | None = None


def run(stage: Callable[[Call[Any]], None], model: type[Group]) -> None:
    """Run one stage from the command line: `python -m stages.<stage> data/plan/<stage>/<run>.json`.

    Args:
        stage: called with what the file of the plan says.
        model: the class of its settings.

    Exits with 1 and a message alone on a PipelineError and where disk or memory is full, with 130 on an interrupt. A
    training that pauses is started again at once in this process, its threads waiting without spinning.
    """
    parser = argparse.ArgumentParser(description=sys.modules[stage.__module__].__doc__)
    parser.add_argument("plan", help="the run's file below data/plan/; stage plan writes it")
    path = parser.parse_args().plan
    prepare_output()
    guard.die_with_dvc()
    lock.keep()
    try:
        said = planned.read(path)
        own = sys.modules[stage.__module__].__spec__
        if own is not None and own.name != f"stages.{said.stage}":
            raise ConfigError(f"{path}: is of stage {said.stage}, found it given to {own.name}")
        planned.check_code(path, said)
        code.only(said.code)
        stage(Call(planned.checked(path, said, model), said.code, waiting.Contention()))
    except waiting.Paused as pause:
        print(pause, file=sys.stderr, flush=True)
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **waiting.PASSIVE})
    except PipelineError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        sys.exit(
            f"error: {error.filename or 'a file'}: {error.strerror or error}; nothing was left half-written; make "
            "room or make it writable, then run again"
        )
    except MemoryError as error:
        sys.exit(f"error: out of memory ({error}); a smaller batch_size or HSD_WORKERS=1 needs less")
    except KeyboardInterrupt as interrupt:
        print(str(interrupt) or "interrupted", file=sys.stderr)
        sys.exit(130)
