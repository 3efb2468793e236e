"""Settings: params.yaml and params/ as frozen, checked objects, and the plan: one settings file a run."""
