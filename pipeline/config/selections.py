"""Which frames a network sees: those that its recipe, and the order of its ANN or data set, leave it."""

from __future__ import annotations

from typing import Literal

from pipeline.config.dataset import AnnOrder, Dataset
from pipeline.config.frames import Clip, FrameFile, FrameSelection
from pipeline.config.recipe import Recipe

# What a network sees, as its results say it: the frames after phase 1, those between phase 1's, all, or clips.
Seen = Literal["phase2", "interleaved", "full", "clips"]
SEEN: dict[AnnOrder, Seen] = {"halves": "phase2", "interleaved": "interleaved", "full": "full"}


def order_seen(recipe: Recipe, order: AnnOrder) -> AnnOrder:
    """Return the order by which a recipe sees frames; `order` is that of its ANN, or else of the data set."""
    return "full" if recipe.frames == "full" else order


def steps_of(settings: Dataset, recipe: Recipe, order: AnnOrder) -> int:
    """Return T, the frames in which a recipe learns and answers on a data set."""
    if recipe.steps != "all":
        return recipe.steps
    every = settings.integrate.steps
    return every if (seen := order_seen(recipe, order)) == "full" else len(settings.phases.frames(2, seen, every))


def room(settings: Dataset, order: AnnOrder) -> int:
    """Return how many frames there are for phase 2, with those of the data set's t2 and any beyond."""
    every = settings.integrate.steps
    return len(settings.phases.frames(2, order, every, every))


def phase_selection(settings: Dataset, order: AnnOrder, phase: Literal[1, 2]) -> FrameSelection:
    """Return the frames on which an ANN learns (1) or is tested (2); it answers at each by itself."""
    every = settings.integrate.steps
    return _of(settings.integrate.file, settings.phases.frames(phase, order, every), causal=True)


def selection(settings: Dataset, recipe: Recipe, order: AnnOrder, causal: bool) -> FrameSelection:
    """Return the frames that a recipe sees on a data set: of whole recordings, those of a file of T frames."""
    seen, steps = order_seen(recipe, order), steps_of(settings, recipe, order)
    if (clips := recipe.clips) is not None:
        clip, file = Clip(steps=steps, test=clips.test), file_of(settings, recipe, clips.windows)
        return FrameSelection(file=file, first=0, stop=clips.windows, causal=causal, clip=clip)
    every = steps if seen == "full" else settings.integrate.steps
    file = file_of(settings, recipe, every)
    return _of(file, settings.phases.frames(2, seen, every, steps), causal)


def file_of(settings: Dataset, recipe: Recipe, steps: int) -> FrameFile:
    """Return the frames file of so many frames that a recipe sees: as the data set has it, but for what it says."""
    own = f"{recipe.clips.window_ms}ms" if recipe.clips else recipe.slice_by
    size, slicing = recipe.frame_size or settings.integrate.frame_size, own or settings.integrate.slice_by
    return FrameFile(steps=steps, frame_size=size, slice_by=slicing)


def _of(file: FrameFile, frames: range, causal: bool) -> FrameSelection:
    return FrameSelection(file=file, first=frames[0], stop=frames[-1] + 1, stride=frames.step, causal=causal)
