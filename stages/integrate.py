"""Stage integrate: recordings -> data/frames/<dataset>/, a file for each T and size that the grid needs."""

from __future__ import annotations

import time

from pipeline.config.base import Group
from pipeline.config.frames import FrameFile, Integrate
from pipeline.frames.build import build
from pipeline.results import paths
from pipeline.runtime.files import write_json
from pipeline.runtime.hardware import workers
from stages import _cli


class Settings(Group):
    dataset: str
    simulated: bool
    integrate: Integrate
    files: list[FrameFile]


def main(call: _cli.Call[Settings]) -> None:
    name = call.settings.dataset
    source = paths.recordings(name) if call.settings.simulated else paths.raw(name)
    began, processes = time.monotonic(), workers()
    built = build(source, paths.frames(name), name, call.settings.integrate, call.settings.files, processes)
    wall = time.monotonic() - began
    file = built.default
    recordings = file.train + file.validation + file.test
    write_json(
        paths.frames_record(name),
        {"processes": processes, "recordings_per_s": round(recordings / wall, 1), "wall_s": round(wall, 1)},
    )
    print(
        f"{paths.frames(name)}: {len(built.files)} frames files of {file.train} training, "
        f"{file.validation} validation, {file.test} test recordings of {len(file.header.classes)} classes; in "
        f"{file.file.name} {file.counted / built.events:.1%} of {built.events:,} events counted, "
        f"{file.header.clipped} counts clipped"
    )
    if file.header.published:
        print(f"{name}: {file.header.published}")
    if file.header.skipped:
        print(f"warning: {len(file.header.skipped)} bad recordings were left out:")
        print("\n".join(f"  {line}" for line in file.header.skipped))


if __name__ == "__main__":
    _cli.run(main, Settings)
