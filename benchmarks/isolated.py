"""A candidate in a process of its own: neither its allocator's nor torch's settings reach another one.

The process stays between turns, so that candidates take turns without starting anew.
"""

from __future__ import annotations

import multiprocessing
import time
import traceback
from collections.abc import Callable, Mapping
from multiprocessing.connection import Connection
from typing import Any

from pipeline.errors import PipelineError

# What a candidate can do, by name; each call returns when its work is done, with something that can be pickled.
Calls = Mapping[str, Callable[[], Any]]
# Pause before a turn, s: long enough for the threads of the candidate before to stop spinning.
PAUSE = 0.02


class Isolated:
    """Builds calls in a new process and runs them there by name.

    Args:
        make: a function of a module; what it gives stays in the process. arguments: its arguments.
    """

    def __init__(self, make: Callable[..., Calls], *arguments: Any) -> None:
        spawning = multiprocessing.get_context("spawn")
        self.connection, theirs = spawning.Pipe()
        # No daemon: a candidate may have worker processes. It ends when this end of the pipe closes.
        self.process = spawning.Process(target=_serve, args=(theirs, make, arguments))
        self.process.start()
        theirs.close()
        self._answer()

    def call(self, name: str) -> Any:
        """Run a call there and give what it returns.

        Raises:
            PipelineError: it failed there, or the process has ended.
        """
        self.connection.send(name)
        return self._answer()

    def close(self) -> None:
        """End the process."""
        self.connection.close()
        self.process.join(timeout=10)
        if self.process.is_alive():
            self.process.terminate()
            self.process.join()

    def __enter__(self) -> Isolated:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _answer(self) -> Any:
        try:
            good, value = self.connection.recv()
        except EOFError as error:
            self.process.join(timeout=10)
            raise PipelineError(f"a candidate's process ended with status {self.process.exitcode}") from error
        if not good:
            raise PipelineError(f"a candidate failed: {value}")
        return value


def pause() -> None:
    """Let the machine come to rest between two turns."""
    time.sleep(PAUSE)


def _serve(connection: Connection, make: Callable[..., Calls], arguments: tuple[Any, ...]) -> None:
    try:
        calls = make(*arguments)
        connection.send((True, None))
        while True:
            name = connection.recv()
            connection.send((True, calls[name]()))
    except (EOFError, BrokenPipeError):
        return
    except Exception as error:
        traceback.print_exc()
        connection.send((False, f"{type(error).__name__}: {error}"))
