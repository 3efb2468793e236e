"""Stage recordings: pictures before a simulated event camera -> data/recordings/<dataset>/.

A data set whose recordings are placed by hand has an empty folder there: they stay in data/raw/<dataset>/.
"""

from __future__ import annotations

from pipeline.camera.record import record
from pipeline.config.base import Group
from pipeline.config.camera import Recordings
from pipeline.results import paths
from pipeline.runtime.files import replacing
from pipeline.runtime.hardware import workers
from stages import _cli


class Settings(Group):
    dataset: str
    recordings: Recordings | None


def main(call: _cli.Call[Settings]) -> None:
    name, settings = call.settings.dataset, call.settings.recordings
    target = paths.recordings(name)
    if settings is None:
        with replacing(target) as folder:
            folder.mkdir()
            (folder / "placed.txt").write_text(f"The recordings of {name} were placed in {paths.raw(name)}/.\n")
        print(f"{name}: its recordings are those in {paths.raw(name)}")
        return
    events = record(settings, paths.raw(name), target, workers())
    print(f"{target}: {events:,} events")


if __name__ == "__main__":
    _cli.run(main, Settings)
