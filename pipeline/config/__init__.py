"""Settings: params.yaml as frozen, checked objects."""

from pipeline.config.load import load, parse
from pipeline.config.schema import (
    Ann,
    Camera,
    Dataset,
    Finetune,
    Grid,
    Integrate,
    Motion,
    Network,
    Optimiser,
    Params,
    Phases,
    Recipe,
    Recordings,
    Report,
    Schedule,
    Split,
    TrainAnn,
)

__all__ = [
    "Ann",
    "Camera",
    "Dataset",
    "Finetune",
    "Grid",
    "Integrate",
    "Motion",
    "Network",
    "Optimiser",
    "Params",
    "Phases",
    "Recipe",
    "Recordings",
    "Report",
    "Schedule",
    "Split",
    "TrainAnn",
    "load",
    "parse",
]
