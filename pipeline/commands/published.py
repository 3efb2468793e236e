"""What the authors of the public data sets say is in them, to hold a copy against."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A data set as published: its recordings in all and per class (None: they vary), and where it comes from."""

    title: str
    recordings: int
    classes: int
    per_class: int | None
    sensor: tuple[int, int]
    train_test: tuple[int, int] | None
    source: str


DATASETS = {
    "cifar10dvs": Published(
        "CIFAR10-DVS", 10_000, 10, 1_000, (128, 128), None,
        "figshare article 4724671 (Li et al., 2017)",
    ),
    "ncaltech101": Published(
        "N-Caltech101", 8_709, 101, None, (180, 240), (7_795, 914),
        "Mendeley Data cy6cvx3ryv (Orchard et al., 2015)",
    ),
    "dvsgesture": Published(
        "DVS128 Gesture, original recordings", 1_464, 11, None, (128, 128), (1_176, 288),
        "IBM Research, DvsGesture.tar.gz (Amir et al., 2017)",
    ),
    "nmnist": Published(
        "N-MNIST", 70_000, 10, None, (34, 34), (60_000, 10_000),
        "Mendeley Data 468j46mzdv (Orchard et al., 2015)",
    ),
}  # fmt: skip
