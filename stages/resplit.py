"""Stage resplit: data/raw/<dataset>/ -> data/frames/<dataset>.whole/t<T>.h5, whole recordings split anew into T frames.

For recipes with frames: whole; T is each of datasets.<name>.whole, all else is as in stage integrate.
"""

from __future__ import annotations

import argparse

from pipeline.config import Params
from pipeline.frames.build import build
from pipeline.runtime.files import replacing
from pipeline.runtime.hardware import workers
from stages import _cli, _paths


def main(params: Params, arguments: argparse.Namespace) -> None:
    name = arguments.dataset
    settings = params.dataset(name)
    with replacing(_paths.whole(name)) as folder:
        folder.mkdir()
        for steps in settings.whole:
            target = folder / _paths.whole(name, steps).name
            built = build(
                _paths.raw(name), target, name, settings.integrate.model_copy(update={"steps": steps}), workers()
            )
            print(
                f"{_paths.whole(name, steps)}: {built.train} training, {built.validation} validation, "
                f"{built.test} test recordings; {built.header.clipped} counts clipped"
            )


if __name__ == "__main__":
    _cli.run(main, "dataset")
