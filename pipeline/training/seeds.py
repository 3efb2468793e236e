"""The random streams of a run: each follows from the seed, a name and numbers; nothing random is kept between steps."""

from __future__ import annotations

import numpy as np
import torch

# Numbers behind those of a stream, which set it apart from others.
MARKS: dict[str, tuple[int, ...]] = {
    "weights": (),  # (phase): of the ANN, 1, and of the SNN, 2
    "aligner": (3,),  # of what brings the student's features to the teacher's
    "order": (),  # (epoch): of the recordings
    "noise": (),  # (epoch, step): dropout
    "augmentation": (1,),  # (epoch, step)
}


def stream(seed: int, name: str, *numbers: int) -> torch.Generator:
    """Return a generator on the CPU whose numbers follow from the arguments alone.

    Args:
        seed: of the run.
        name: what is drawn, of MARKS.
        numbers: which of its streams, as MARKS says.
    """
    return generator(seed, *numbers, *MARKS[name])


def generator(*numbers: int) -> torch.Generator:
    """Return a generator whose stream follows from the numbers."""
    entropy = np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(entropy) >> 1)
