"""Stage check: refuse settings that cannot be run, before anything runs.

Every other stage hangs on this one's output. It is the same for all valid settings, so a change of params.yaml runs
this stage again and then only what depends on the changed keys.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pipeline.config import Params
from pipeline.runtime.files import write_text
from stages import _cli


def main(_: Params, __: argparse.Namespace) -> None:
    # The settings were checked on loading.
    write_text(Path("data/checked.txt"), "params.yaml is valid\n")


if __name__ == "__main__":
    _cli.run(main)
