"""Stage plan: params.yaml and params/ -> data/plan/, one settings file for each run of the grid.

Every other stage hangs on its own file there, so it runs again when its settings or its code change, and only then.
Settings that cannot be run are refused here, before anything runs.
"""

from __future__ import annotations

import sys

from pipeline.config import catalogues, plan, why
from pipeline.config.check import check
from pipeline.config.planned import PLAN
from pipeline.errors import ConfigError, PipelineError
from pipeline.results import paths
from pipeline.runtime.files import replacing
from pipeline.runtime.progress import prepare_output

# Runs named in the output; the rest are counted.
SHOWN = 12


def main() -> None:
    prepare_output()
    params = catalogues.load()
    check(params, "grid", params.grid)
    for name, grid in params.grids.items():
        try:
            check(params, name, grid)
        except ConfigError as error:
            print(f"warning: the grid {name}, which is not run here, could not be: {error}")
    for name in params.grid.datasets:
        if not paths.raw(name).is_dir():
            raise ConfigError(
                f"params.yaml: grid.datasets: {name}: there is no folder {paths.raw(name)}; place its "
                "recordings, or the pictures for its camera, there: docs/datasets/ says how"
            )
    planned = plan.plan(params)
    with replacing(PLAN) as folder:
        folder.mkdir()
        plan.write(planned, folder)
    changed = why.changed_runs(planned)
    print(f"{PLAN}: {len(planned)} files; {len(changed)} are new or changed since their stage last ran")
    for name, reasons in list(changed.items())[:SHOWN]:
        print(f"  {name}: {reasons[0]}{f' (and {len(reasons) - 1} more)' if len(reasons) > 1 else ''}")
    if len(changed) > SHOWN:
        print(f"  ... and {len(changed) - SHOWN} more; python -m pipeline why <stage> says all of one")


if __name__ == "__main__":
    try:
        main()
    except PipelineError as error:
        sys.exit(f"error: {error}")
