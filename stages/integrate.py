"""Stage integrate: data/raw/<dataset>/ -> data/frames/<dataset>.h5."""

from __future__ import annotations

import argparse

from pipeline.config import Params
from pipeline.frames.build import build
from pipeline.runtime.hardware import workers
from stages import _cli, _paths


def main(params: Params, arguments: argparse.Namespace) -> None:
    name = arguments.dataset
    target = _paths.frames(name)
    header = build(_paths.raw(name), target, name, params.dataset(name).integrate, workers())
    print(
        f"{target}: {len(header.classes)} classes, {header.steps} frames a recording, {header.clipped} counts clipped"
    )


if __name__ == "__main__":
    _cli.run(main, "dataset")
