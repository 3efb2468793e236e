"""What a recipe is, whatever it is called: by this the paper's figure and the neighbours of an ablation are found."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.config import Recipe


@dataclass(frozen=True)
class Kind:
    """What sets a method apart from others; weights, temperatures and the like do not."""

    init: str
    loss: str
    neuron: str = "if"
    training: str = "bptt"
    frames: str = "phase2"
    taps: bool = False
    attention: bool = False


def kind_of(recipe: Recipe) -> Kind:
    """Say what a recipe is."""
    return Kind(
        init=recipe.init,
        loss=recipe.loss,
        neuron=recipe.neuron,
        training=recipe.training,
        frames=recipe.frames,
        taps=bool(recipe.taps),
        attention=recipe.attention is not None,
    )
