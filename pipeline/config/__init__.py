"""Settings: params.yaml as frozen, checked objects."""

from pipeline.config.data import Camera, Integrate, Motion, Recordings
from pipeline.config.load import load, parse
from pipeline.config.networks import Ann, Augment, Network
from pipeline.config.recipe import Attention, Recipe
from pipeline.config.schema import (
    Dataset,
    Finetune,
    Grid,
    Monitor,
    Optimiser,
    Params,
    Phases,
    Report,
    Schedule,
    TrainAnn,
)
from pipeline.config.splits import (
    FirstForTestSplit,
    GivenSplit,
    LexicographicSplit,
    ListedSplit,
    NumericSplit,
    RandomSplit,
    Split,
    Validation,
)

__all__ = [
    "Ann",
    "Attention",
    "Augment",
    "Camera",
    "Dataset",
    "Finetune",
    "FirstForTestSplit",
    "GivenSplit",
    "Grid",
    "Integrate",
    "LexicographicSplit",
    "ListedSplit",
    "Monitor",
    "Motion",
    "Network",
    "NumericSplit",
    "Optimiser",
    "Params",
    "Phases",
    "RandomSplit",
    "Recipe",
    "Recordings",
    "Report",
    "Schedule",
    "Split",
    "TrainAnn",
    "Validation",
    "load",
    "parse",
]
