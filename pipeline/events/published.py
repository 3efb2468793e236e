"""The public data sets as published: counts, names and splits by rule, to hold a copy against."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.config.splits import FirstForTestSplit, GivenSplit, LexicographicSplit, NumericSplit, Split
from pipeline.events.listing import GESTURES, RECUT, Listing, Recording
from pipeline.events.sides import TEST, TRAIN
from pipeline.events.splits import assign, describe

# (SHA-256 by split) by data set, as `expected` computes them.
DIGESTS = Path(__file__).with_name("digests.json")


@dataclass(frozen=True)
class Published:
    """A data set as published: recordings in all, of each class (None: not known) and on each side; its source.

    `short` recordings of the classes' counts are missing, of which classes is not known.
    """

    title: str
    recordings: int
    classes: Mapping[str, int | None]
    train_test: tuple[int, int] | None
    source: str
    short: int = 0


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
        "DVS128 Gesture as Tonic cuts it", 1_341, dict.fromkeys(GESTURES, 122), (1_077, 264),
        "figshare files 38022171 and 38020584", short=1,
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
    names = identities(dataset, recordings)
    lines = [f"{name}\0{TEST if side == TEST else TRAIN}\n" for name, side in zip(names, sides, strict=True)]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def identities(dataset: str, recordings: Sequence[Recording]) -> list[str]:
    """Give what each recording of a data set is known by, whatever its format."""
    names = [_identity(dataset, recording) for recording in recordings]
    if dataset != "dvsgesture":
        return names
    # Copies name a trial's gestures differently (row, or class and number), but all have as many.
    rows: Counter[str] = Counter()
    for index, trial in enumerate(names):
        names[index] = f"{trial}/{rows[trial]}"
        rows[trial] += 1
    return names


def _identity(dataset: str, recording: Recording) -> str:
    name = recording.name.removesuffix(recording.path.suffix)
    folder, _, stem = name.rpartition("/")
    # As the split rules read it: up to the first dot.
    number = re.findall(r"\d+", stem.partition(".")[0])
    if dataset in ("cifar10dvs", "ncaltech101") and number:
        return f"{folder.rpartition('/')[2].lower()}/{int(number[-1])}"
    if dataset == "nmnist" and number:
        return f"{'test' if recording.side == TEST else 'train'}/{int(number[-1])}"
    if dataset == "dvsgesture":
        # IBM's: <trial>/<row>_<gesture>; SpikingJelly's: <side>/<class>/<trial>_<number>.npz.
        return folder if recording.window is not None else stem.rpartition("_")[0]
    return name


def compare(dataset: str, split: str, digest: str) -> str:
    """Hold a split's digest against the published one of that name; "" where none is known."""
    known = published_digest(dataset, split)
    if known is None:
        return ""
    if known == digest:
        return f"as published: {DATASETS[dataset].title}, split {split}"
    return (
        f"not the published split {split} of {DATASETS[dataset].title}; `python -m pipeline check` says how it differs"
    )


def published_digest(dataset: str, split: str) -> str | None:
    """Give the committed digest of a public data set's split (as `describe` writes it), or None."""
    digests: dict[str, dict[str, str]] = json.loads(DIGESTS.read_text(encoding="utf-8"))
    return digests.get(dataset, {}).get(split)


def another_set(dataset: str, listing: Listing) -> str:
    """Say that a copy is the other DVS128 Gesture than the one of its name; "" if it is not."""
    recut = any(name.partition("/")[0] in RECUT for name in listing.names)
    if dataset == "dvsgesture" and recut:
        return (
            "is Tonic's DVS128 Gesture (ibmGestureTrain, ibmGestureTest), cut anew to 1,077 + 264 recordings: another "
            "data set than the original; place it as data/raw/dvsgesture-tonic, and the original here"
        )
    if dataset == "dvsgesture-tonic" and not recut:
        return (
            "is not Tonic's DVS128 Gesture, which lies in ibmGestureTrain and ibmGestureTest; the original is another "
            "data set: place it as data/raw/dvsgesture"
        )
    return ""


def foreign_classes(dataset: str, listing: Listing) -> list[str]:
    """List the classes of a copy that the published data set of that name has not."""
    published = DATASETS.get(dataset)
    if published is None:
        return []
    known = {name.lower() for name in published.classes}
    return [name for name in listing.classes if class_key(dataset, name) not in known]


def class_key(dataset: str, name: str) -> str:
    """Give a class name as it is compared: in lower case, and the name where SpikingJelly's copy has a number."""
    numbered = {str(number): gesture for number, gesture in enumerate(GESTURES)} if dataset == "dvsgesture" else {}
    return numbered.get(name, name.lower())


def expected(dataset: str) -> dict[str, str]:
    """Compute the digests of a public data set's named splits from the rules alone; committed as digests.json."""
    recordings, splits = by_rule(dataset)
    return {describe(split): manifest_digest(dataset, recordings, assign(recordings, split)) for split in splits}


def by_rule(dataset: str) -> tuple[list[Recording], list[Split]]:
    """List a public data set's recordings, which need not be there, and its named splits; none where no rule is known.

    What the identities leave out (the class of a gesture, the digit of N-MNIST) is not that of the files.
    """
    if dataset == "cifar10dvs":
        files = [
            Recording(f"{name}/cifar10_{name}_{index}.aedat", Path(f"{index}.aedat"), label)
            for label, (name, count) in enumerate(CIFAR.items())
            for index in range(count)
        ]
        return files, [
            NumericSplit(rule="numeric", train=900),
            LexicographicSplit(rule="lexicographic", share=0.9),
            FirstForTestSplit(rule="test_first", test=100),
        ]
    if dataset == "ncaltech101":
        files = [
            Recording(f"{name}/image_{index:04}.bin", Path(f"{index}.bin"), label)
            for label, (name, count) in enumerate(CALTECH.items())
            for index in range(1, count + 1)
        ]
        return files, [LexicographicSplit(rule="lexicographic", share=0.9)]
    if dataset == "dvsgesture":
        rows = [
            Recording(f"{trial}/{row:02}", Path(f"{trial}.aedat"), 0, (0, 1), side)
            for side in (TRAIN, TEST)
            for trial in trials(side)
            for row in range(ROWS)
        ]
        return rows, [GivenSplit(rule="given")]
    if dataset == "nmnist":
        # Which digit holds which number is not known by rule, so the identity leaves the digit out.
        images = [
            Recording(f"{folder}/{number:05}.bin", Path(f"{number}.bin"), 0, None, side)
            for folder, side in (("Train", TRAIN), ("Test", TEST))
            for number in range(1, sum(DIGITS[side]) + 1)
        ]
        return images, [GivenSplit(rule="given")]
    return [], []


def trials(side: int) -> list[str]:
    """List the recordings of DVS128 Gesture on a side: IBM's trials_to_train.txt or trials_to_test.txt."""
    return [
        f"user{person:02}_{light}"
        for person in PEOPLE
        if (person >= FIRST_TEST_PERSON) == (side == TEST)
        for light in LIGHTS
        if light not in WITHOUT.get(person, set())
    ]
