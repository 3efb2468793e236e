"""The frame around every stage: flags, settings, errors without a traceback, and an end with DVC's."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable

from pipeline.config import Params, load
from pipeline.errors import PipelineError
from pipeline.runtime import guard

FLAGS = {
    "dataset": (str, "name under datasets in params.yaml"),
    "ann": (str, "name under anns"),
    "recipe": (str, "name under recipes"),
    "seed": (int, "seed of the run"),
}


def run(stage: Callable[[Params, argparse.Namespace], None], *flags: str, optional: tuple[str, ...] = ()) -> None:
    """Run one stage from the command line.

    Args:
        stage: called with the settings of params.yaml and the parsed flags.
        flags: the flags it takes, out of FLAGS, required. optional: those that may be left out.

    Exits with 1 and the message alone on a PipelineError, with 130 on an interrupt.
    """
    parser = argparse.ArgumentParser(description=sys.modules[stage.__module__].__doc__)
    for name in (*flags, *optional):
        kind, meaning = FLAGS[name]
        parser.add_argument(f"--{name}", type=kind, required=name in flags, help=meaning)
    arguments = parser.parse_args()
    guard.die_with_dvc()
    try:
        stage(load(), arguments)
    except PipelineError as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt as interrupt:
        print(str(interrupt) or "interrupted", file=sys.stderr)
        sys.exit(130)
