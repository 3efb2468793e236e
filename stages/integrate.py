"""Stage integrate: data/raw/<dataset>/ -> data/frames/<dataset>.h5, and what is in it as <dataset>.json."""

from __future__ import annotations

import argparse
import time

from pipeline.config import Params
from pipeline.frames.build import build
from pipeline.runtime.files import write_json
from pipeline.runtime.hardware import workers
from stages import _cli, _paths


def main(params: Params, arguments: argparse.Namespace) -> None:
    name = arguments.dataset
    target = _paths.frames(name)
    began, processes = time.monotonic(), workers()
    built = build(_paths.raw(name), target, name, params.dataset(name).integrate, processes)
    write_json(_paths.frames_facts(name), built.facts())
    wall = time.monotonic() - began
    recordings = built.train + built.validation + built.test
    write_json(
        _paths.frames_record(name),
        {"processes": processes, "recordings_per_s": round(recordings / wall, 1), "wall_s": round(wall, 1)},
    )
    print(
        f"{target}: {built.train} training, {built.validation} validation, {built.test} test recordings of "
        f"{len(built.header.classes)} classes; {built.counted / built.events:.1%} of {built.events:,} events counted, "
        f"{built.header.clipped} counts clipped"
    )
    if built.header.published:
        print(f"{name}: {built.header.published}")
    if built.header.skipped:
        print(f"warning: {len(built.header.skipped)} bad recordings were left out:")
        print("\n".join(f"  {line}" for line in built.header.skipped))


if __name__ == "__main__":
    _cli.run(main, "dataset")
