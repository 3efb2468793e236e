"""The random streams of a run: each follows from the seed, a name and numbers; nothing random is kept between steps."""

from __future__ import annotations

import numpy as np
import torch

from pipeline.config.names import nearest

# What is drawn, and by which numbers.
NAMES = {
    "weights": ("phase",),  # of the ANN, 1, and of the SNN, 2
    "aligner": (),  # of what brings the student's features to the teacher's
    "order": ("epoch",),  # of the recordings
    "noise": ("epoch", "step"),  # dropout
    "augmentation": ("epoch", "step"),
    "gradient": ("epoch", "step"),  # what it draws itself
}


def stream(seed: int, name: str, *numbers: int) -> torch.Generator:
    """Return a generator on the CPU whose numbers follow from the arguments alone.

    No other arguments have the same entropy. What is made of it is a hash: of 64 bits as a seed, of which torch's
    generator on the CPU takes the lower 32; two streams are the same by a chance of 2^-32.

    Args:
        seed: of the run, 0 to 2^64 - 1.
        name: what is drawn, of NAMES.
        numbers: which of its streams, as many as NAMES says, from 0.

    Raises:
        ValueError: another name, or not its numbers.
    """
    if name not in NAMES:
        raise ValueError(f"unknown stream {name!r}; {nearest(name, NAMES)}")
    if len(numbers) != len(NAMES[name]):
        raise ValueError(f"stream {name!r} takes {len(NAMES[name])} numbers {NAMES[name]}, found {numbers}")
    # Each part with a length that is known, so that no two lists of parts are the same bytes.
    parts = [len(name).to_bytes(1, "little"), name.encode(), *(n.to_bytes(8, "little") for n in (seed, *numbers))]
    entropy = np.random.SeedSequence(list(b"".join(parts))).generate_state(1, np.uint64)[0]
    return torch.Generator().manual_seed(int(entropy) >> 1)
