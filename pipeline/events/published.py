"""The public data sets as published: counts, names and splits by rule, to hold a copy against."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config import FirstForTestSplit, GivenSplit, LexicographicSplit, NumericSplit, Split
from pipeline.events.listing import GESTURES, TEST, TRAIN, Listing, Recording
from pipeline.events.splits import assign, describe

# (SHA-256 by split) by data set, as `expected` computes them.
DIGESTS = Path(__file__).with_name("digests.json")


@dataclass(frozen=True)
class Published:
    """A data set as published: recordings in all, of each class (None: not known) and on each side; its source."""

    title: str
    recordings: int
    classes: Mapping[str, int | None]
    train_test: tuple[int, int] | None
    source: str


def _counts(text: str) -> dict[str, int]:
    words = text.split()
    return {name: int(count) for name, count in zip(words[::2], words[1::2], strict=True)}


CIFAR = _counts(
    "airplane 1000 automobile 1000 bird 1000 cat 1000 deer 1000 dog 1000 frog 1000 horse 1000 ship 1000 truck 1000"
)
# Caltech101 with its background class, without Faces, of which Faces_easy are crops.
CALTECH = _counts("""
    BACKGROUND_Google 467 Faces_easy 435 Leopards 200 Motorbikes 798 accordion 55 airplanes 800 anchor 42 ant 42
    barrel 47 bass 54 beaver 46 binocular 33 bonsai 128 brain 98 brontosaurus 43 buddha 85 butterfly 91 camera 50
    cannon 43 car_side 123 ceiling_fan 47 cellphone 59 chair 62 chandelier 107 cougar_body 47 cougar_face 69 crab 73
    crayfish 70 crocodile 50 crocodile_head 51 cup 57 dalmatian 67 dollar_bill 52 dolphin 65 dragonfly 68
    electric_guitar 75 elephant 64 emu 53 euphonium 64 ewer 85 ferry 67 flamingo 67 flamingo_head 45 garfield 34
    gerenuk 34 gramophone 51 grand_piano 99 hawksbill 100 headphone 42 hedgehog 54 helicopter 88 ibis 80
    inline_skate 31 joshua_tree 64 kangaroo 86 ketch 114 lamp 61 laptop 81 llama 78 lobster 41 lotus 66 mandolin 43
    mayfly 40 menorah 87 metronome 32 minaret 76 nautilus 55 octopus 35 okapi 39 pagoda 47 panda 38 pigeon 45 pizza 53
    platypus 34 pyramid 57 revolver 82 rhino 59 rooster 49 saxophone 40 schooner 63 scissors 39 scorpion 84
    sea_horse 57 snoopy 35 soccer_ball 64 stapler 45 starfish 86 stegosaurus 59 stop_sign 64 strawberry 35 sunflower 85
    tick 49 trilobite 86 umbrella 75 watch 239 water_lilly 37 wheelchair 59 wild_cat 34 windsor_chair 56 wrench 39
    yin_yang 60
""")
# Digits of MNIST's training and test images.
DIGITS = (
    (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949),
    (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009),
)
# Lights under which each person was recorded: all but those named here.
LIGHTS = ("fluorescent", "fluorescent_led", "lab", "led", "natural")
PEOPLE, FIRST_TEST_PERSON = range(1, 30), 24
WITHOUT = {
    3: {"lab"}, 4: {"lab"}, 7: {"natural"}, 8: {"natural"}, 10: {"natural"}, 11: {"lab", "led"},
    12: {"fluorescent", "lab", "natural"}, 14: {"lab"}, 16: {"fluorescent_led"}, 18: {"natural"},
    20: {"lab", "natural"}, 21: {"led"}, 23: {"natural"}, 24: {"lab", "natural"},
    25: {"fluorescent_led", "lab", "natural"}, 27: {"lab"},
}  # fmt: skip
# Rows of every label file: the eleventh class once, one of the others twice.
ROWS = 12

DATASETS = {
    "cifar10dvs": Published("CIFAR10-DVS", 10_000, CIFAR, None, "figshare article 4724671 (Li et al., 2017)"),
    "ncaltech101": Published(
        "N-Caltech101", 8_709, CALTECH, (7_795, 914), "Mendeley Data cy6cvx3ryv (Orchard et al., 2015)"
    ),
    "dvsgesture": Published(
        "DVS128 Gesture (the original recordings)", 1_464, dict.fromkeys(GESTURES), (1_176, 288),
        "IBM Research, DvsGesture.tar.gz (Amir et al., 2017)",
    ),
    "dvsgesture-tonic": Published(
        "DVS128 Gesture as Tonic cuts it", 1_341, dict.fromkeys(GESTURES), (1_077, 264),
        "figshare files 38022171 and 38020584",
    ),
    "nmnist": Published(
        "N-MNIST", 70_000, {str(digit): sum(sides) for digit, sides in enumerate(zip(*DIGITS, strict=True))},
        (60_000, 10_000), "Mendeley Data 468j46mzdv (Orchard et al., 2015)",
    ),
}  # fmt: skip


def manifest_digest(dataset: str, recordings: Sequence[Recording], sides: Sequence[int]) -> str:
    """Give the SHA-256 that names a split: equal exactly when the same recordings are on the same sides.

    A recording is known by its class and number (N-MNIST: side and number; DVS128 Gesture: trial and place in it), so
    that copies in other formats have the same digest; in other data sets by its name without suffix. What is cut from
    the training side for validation counts as training: the published split does not know it.
    """
    places: Counter[str] = Counter()
    lines = []
    for recording, side in zip(recordings, sides, strict=True):
        name = identity(dataset, recording)
        if dataset == "dvsgesture":
            places[name] += 1
            name = f"{name}/{places[name]}"
        lines.append(f"{name}\0{TEST if side == TEST else TRAIN}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def identity(dataset: str, recording: Recording) -> str:
    """Give what a recording of a data set is known by, whatever its format; of DVS128 Gesture its trial."""
    folder, _, file = recording.name.rpartition("/")
    stem = file.partition(".")[0]
    number = re.findall(r"\d+", stem)
    if dataset in ("cifar10dvs", "ncaltech101") and number:
        return f"{folder.rpartition('/')[2].lower()}/{int(number[-1])}"
    if dataset == "nmnist" and number:
        return f"{'test' if recording.side == TEST else 'train'}/{int(number[-1])}"
    if dataset == "dvsgesture":
        # IBM's: <trial>/<row>_<gesture>; SpikingJelly's: <side>/<class>/<trial>_<number>.npz.
        return folder if recording.window is not None else stem.rpartition("_")[0]
    return f"{folder}/{stem}"


def compare(dataset: str, split: str, digest: str) -> str:
    """Hold a split's digest against the published one of that name; "" where none is known."""
    known = json.loads(DIGESTS.read_text(encoding="utf-8")).get(dataset, {})
    if split not in known:
        return ""
    if known[split] == digest:
        return f"as published: {DATASETS[dataset].title}, split {split}"
    return (
        f"not the published split {split} of {DATASETS[dataset].title}; `python -m pipeline check` says how it differs"
    )


def foreign_classes(dataset: str, listing: Listing) -> list[str]:
    """List the classes of a copy that the published data set of that name has not."""
    published = DATASETS.get(dataset)
    if published is None:
        return []
    known = {name.lower() for name in published.classes}
    if dataset == "dvsgesture":
        # SpikingJelly's copy numbers its classes.
        known |= {str(number) for number in range(len(GESTURES))}
    return [name for name in listing.classes if name.lower() not in known]


def class_problems(dataset: str, listing: Listing) -> list[str]:
    """List where the counts of a copy's classes differ from the published ones."""
    published = DATASETS[dataset]
    found = Counter(listing.classes[label].lower() for label in listing.labels)
    return [
        f"{found[name.lower()]:,} recordings of {name}, {published.title} has {count:,}"
        for name, count in published.classes.items()
        if count is not None and found[name.lower()] != count
    ]


def expected(dataset: str) -> dict[str, str]:
    """Compute the digests of a public data set's named splits from the rules alone; committed as digests.json."""
    if dataset == "cifar10dvs":
        names = [f"{name}/cifar10_{name}_{index}.aedat" for name in CIFAR for index in range(CIFAR[name])]
        return _by_rule(
            dataset,
            [Recording(name, Path(name), list(CIFAR).index(name.partition("/")[0])) for name in names],
            [
                NumericSplit(rule="numeric", train=900),
                LexicographicSplit(rule="lexicographic", share=0.9),
                FirstForTestSplit(rule="test_first", test=100),
            ],
        )
    if dataset == "ncaltech101":
        files = [
            Recording(f"{name}/image_{index:04}.bin", Path(name), label)
            for label, (name, count) in enumerate(CALTECH.items())
            for index in range(1, count + 1)
        ]
        return _by_rule(dataset, files, [LexicographicSplit(rule="lexicographic", share=0.9)])
    if dataset == "dvsgesture":
        rows = [
            Recording(f"{stem}/{row:02}", Path(stem), 0, (0, 1), side)
            for side in (TRAIN, TEST)
            for stem in trials(side)
            for row in range(ROWS)
        ]
        return _by_rule(dataset, rows, [GivenSplit(rule="given")])
    if dataset == "nmnist":
        # Which digit holds which number is not known by rule, so the identity leaves the digit out.
        digits = [
            Recording(f"{folder}/{number:05}.bin", Path(folder), 0, None, side)
            for folder, side in (("Train", TRAIN), ("Test", TEST))
            for number in range(1, sum(DIGITS[side]) + 1)
        ]
        return _by_rule(dataset, digits, [GivenSplit(rule="given")])
    return {}


def trials(side: int) -> list[str]:
    """List the recordings of DVS128 Gesture on a side: IBM's trials_to_train.txt or trials_to_test.txt."""
    return [
        f"user{person:02}_{light}"
        for person in PEOPLE
        if (person >= FIRST_TEST_PERSON) == (side == TEST)
        for light in LIGHTS
        if light not in WITHOUT.get(person, set())
    ]


def _by_rule(dataset: str, recordings: list[Recording], splits: list[Split]) -> dict[str, str]:
    return {describe(split): manifest_digest(dataset, recordings, assign(recordings, split)) for split in splits}
