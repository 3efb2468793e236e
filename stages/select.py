"""Stage select: data/frames/<dataset>/ -> data/selected/<dataset>/<ann>/<run>.json, which frames each run sees.

A training hangs on this small file, which names the content of the one frames file it reads. So frames for another T or
size train nothing again.
"""

from __future__ import annotations

from pipeline.config.base import Group
from pipeline.config.frames import FrameSelection
from pipeline.frames.select import select
from pipeline.results import paths
from stages import _cli


class Settings(Group):
    dataset: str
    selections: dict[str, FrameSelection]


def main(call: _cli.Call[Settings]) -> None:
    name = call.settings.dataset
    select(paths.frames(name), call.settings.selections, paths.selected(name))
    print(f"{paths.selected(name)}: {len(call.settings.selections)} selections of frames")


if __name__ == "__main__":
    _cli.run(main, Settings)
