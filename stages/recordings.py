"""Stage recordings: pictures before a simulated event camera -> data/raw/<dataset>/."""

from __future__ import annotations

import argparse

from pipeline.config import Params
from pipeline.errors import ConfigError
from pipeline.events.record import record
from pipeline.runtime.hardware import workers
from stages import _cli, _paths


def main(params: Params, arguments: argparse.Namespace) -> None:
    settings = params.dataset(arguments.dataset).recordings
    if settings is None:
        raise ConfigError(f"params.yaml: datasets.{arguments.dataset}.recordings is null, so nothing to simulate")
    events = record(settings, _paths.raw(arguments.dataset), workers())
    print(f"{_paths.raw(arguments.dataset)}: {events:,} events")


if __name__ == "__main__":
    _cli.run(main, "dataset")
