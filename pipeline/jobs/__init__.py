"""Many stages at once: `python -m pipeline run` runs what `dvc repro` would, on Dask's workers (extra `cluster`)."""
