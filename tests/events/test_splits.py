"""Named splits: who is on which side, by rule."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from pipeline.config.splits import (
    FirstForTestSplit,
    GivenSplit,
    LexicographicSplit,
    ListedSplit,
    NumericSplit,
    RandomSplit,
    Validation,
)
from pipeline.errors import ConfigError, FileError
from pipeline.events.listing import Listing, Recording
from pipeline.events.sides import TEST, TRAIN, VALIDATION
from pipeline.events.splits import assign, describe, taking_part


def recordings(names: list[str], sides: list[int | None] | None = None) -> list[Recording]:
    classes = sorted({name.partition("/")[0] for name in names})
    return [
        Recording(name, Path(name), classes.index(name.partition("/")[0]), side=side)
        for name, side in zip(names, sides or [None] * len(names), strict=True)
    ]


CIFAR = sorted(f"{name}/cifar10_{name}_{index}.aedat" for name in ("cat", "dog") for index in range(1000))


def train(names: list[str], sides: list[int]) -> list[str]:
    return [name for name, side in zip(names, sides, strict=True) if side == TRAIN]


def test_numeric_goes_by_the_number_in_the_name() -> None:
    kept = train(CIFAR, assign(recordings(CIFAR), NumericSplit(rule="numeric", train=900)))
    assert len(kept) == 1800
    # Not the 10 of cifar10, not the sorted place.
    assert "cat/cifar10_cat_899.aedat" in kept and "cat/cifar10_cat_900.aedat" not in kept
    # Nor the 4 of the suffix.
    names = ["a/x_3.aedat4", "a/x_901.aedat4"]
    assert assign(recordings(names), NumericSplit(rule="numeric", train=900)) == [TRAIN, TEST]


def test_test_first_keeps_the_first_for_the_test() -> None:
    kept = train(CIFAR, assign(recordings(CIFAR), FirstForTestSplit(rule="test_first", test=100)))
    assert len(kept) == 1800
    assert "dog/cifar10_dog_100.aedat" in kept and "dog/cifar10_dog_99.aedat" not in kept


def test_lexicographic_takes_the_first_share_of_each_class() -> None:
    kept = train(CIFAR, assign(recordings(CIFAR), LexicographicSplit(rule="lexicographic", share=0.9)))
    assert Counter(name[:3] for name in kept) == {"cat": 900, "dog": 900}
    # "909" sorts before "91", and 908 recordings before it.
    assert kept[-1] == sorted(name for name in CIFAR if name.startswith("dog"))[899]
    # int(0.9 n), as N-Caltech101's 7,795 / 914.
    names = [f"faces/{index:04}.bin" for index in range(435)]
    assert len(train(names, assign(recordings(names), LexicographicSplit(rule="lexicographic", share=0.9)))) == 391


def test_random_is_stratified_and_seeded() -> None:
    sides = [assign(recordings(CIFAR), RandomSplit(rule="random", share=0.8, seed=seed)) for seed in (1, 1, 2)]
    assert sides[0] == sides[1] != sides[2]
    assert Counter(name[:3] for name in train(CIFAR, sides[0])) == {"cat": 800, "dog": 800}
    # The order of the listing does not matter.
    backwards = assign(recordings(CIFAR)[::-1], RandomSplit(rule="random", share=0.8, seed=1))
    assert backwards[::-1] == sides[0]


def test_given_is_what_the_layout_says() -> None:
    names = ["Test/1/a.bin", "Train/1/a.bin", "Train/1/b.bin"]
    assert assign(recordings(names, [TEST, TRAIN, TRAIN]), GivenSplit(rule="given")) == [TEST, TRAIN, TRAIN]
    with pytest.raises(ConfigError, match="this layout says nothing of sides"):
        assign(recordings(names, [TEST, TRAIN, None]), GivenSplit(rule="given"))


def test_listed_goes_by_a_file(tmp_path: Path) -> None:
    names, path = ["a/1.bin", "a/2.bin", "b/1.bin"], tmp_path / "split.csv"
    split = ListedSplit.model_construct(rule="listed", file=str(path))

    def listed(*rows: str) -> list[int]:
        path.write_text("\n".join(["name,split", *rows, ""]))
        return assign(recordings(names), split)

    assert listed("b/1.bin,test", "a/1.bin,train", "a/2.bin,train") == [TRAIN, TRAIN, TEST]
    assert listed("b/1.bin,test", "a/1.bin,train", "a/2.bin,validation") == [TRAIN, VALIDATION, TEST]
    with pytest.raises(FileError, match=r"split\.csv.*1 are not listed \(first \['b/1.bin'\]\)"):
        listed("a/1.bin,train", "a/2.bin,test")
    with pytest.raises(FileError, match="1 listed are not there"):
        listed("a/1.bin,train", "a/2.bin,test", "b/1.bin,test", "c/9.bin,test")
    with pytest.raises(FileError, match="listed twice"):
        listed("a/1.bin,train", "a/1.bin,test")
    with pytest.raises(FileError, match="train, test or validation, found 'tset'"):
        listed("a/1.bin,tset")
    path.write_text("file;side\n")
    with pytest.raises(FileError, match=r"split\.csv"):
        assign(recordings(names), split)
    with pytest.raises(FileError, match="not readable"):
        assign(recordings(names), ListedSplit.model_construct(rule="listed", file=str(tmp_path / "none.csv")))


def test_what_a_list_does_not_name_is_left_out_where_it_says_so(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text("name,split\nb/1.bin,train\nb/2.bin,test\nd/1.bin,test\n")
    names = ["a/1.bin", "b/1.bin", "b/2.bin", "c/1.bin", "d/1.bin", "d/2.bin"]
    labelled = [Recording(name, Path(name), "abcd".index(name[0])) for name in names]
    listing = Listing(tmp_path, list("abcd"), labelled)
    split = ListedSplit.model_construct(rule="listed", file=str(path), others="leave_out")
    found = taking_part(listing, split)
    assert (found.names, found.classes, found.labels) == (["b/1.bin", "b/2.bin", "d/1.bin"], ["b", "d"], [0, 0, 1])
    assert assign(found.recordings, split) == [TRAIN, TEST, TEST]
    # What it names must be there; without the word, or by another rule, all take part.
    path.write_text("name,split\nb/1.bin,train\nb/2.bin,test\nz/1.bin,test\n")
    with pytest.raises(FileError, match=r"1 listed are not there \(first \['z/1.bin'\]\)"):
        assign(taking_part(listing, split).recordings, split)
    assert taking_part(listing, split.model_copy(update={"others": "refuse"})) is listing
    assert taking_part(listing, NumericSplit(rule="numeric", train=2)) is listing


def test_a_side_without_recordings_or_a_name_without_number_is_refused() -> None:
    with pytest.raises(ConfigError, match="numeric, train: 1000 leaves no test recording of 2000"):
        assign(recordings(CIFAR), NumericSplit(rule="numeric", train=1000))
    with pytest.raises(ConfigError, match="no training recording"):
        assign(recordings(["a/1.bin"]), LexicographicSplit(rule="lexicographic", share=0.5))
    with pytest.raises(ConfigError, match="'cat/cat.aedat' has none in its name"):
        assign(recordings(["cat/cat.aedat"]), NumericSplit(rule="numeric", train=3))
    assert describe(NumericSplit(rule="numeric", train=3)) == "numeric, train: 3"


def test_a_validation_part_is_cut_from_the_training_side_of_each_class() -> None:
    split, validation = NumericSplit(rule="numeric", train=900), Validation(share=0.1, seed=0)
    whole, cut = assign(recordings(CIFAR), split), assign(recordings(CIFAR), split, validation)
    assert [TRAIN if side == VALIDATION else side for side in cut] == whole
    drawn = [name for name, side in zip(CIFAR, cut, strict=True) if side == VALIDATION]
    assert Counter(name[:3] for name in drawn) == {"cat": 90, "dog": 90}
    assert cut == assign(recordings(CIFAR), split, validation)
    assert cut != assign(recordings(CIFAR), split, Validation(share=0.1, seed=1))
    assert assign(recordings(CIFAR)[::-1], split, validation)[::-1] == cut
    # One at least, however small the class.
    few = ["a/1.bin", "a/2.bin", "a/3.bin", "a/9.bin"]
    assert assign(recordings(few), NumericSplit(rule="numeric", train=9), validation).count(VALIDATION) == 1
    with pytest.raises(ConfigError, match="no training recording"):
        assign(recordings(["a/1.bin", "a/9.bin"]), NumericSplit(rule="numeric", train=9), validation)


def people(rows: list[tuple[str, int]]) -> list[Recording]:
    return [
        Recording(f"{user}/{index:02}", Path("x"), index % 3, side=side, subject=user)
        for user, side in rows
        for index in range(6)
    ]


def test_subjects_stay_on_one_side() -> None:
    found = people([(f"user{number:02}", TRAIN if number < 9 else TEST) for number in range(12)])
    given = GivenSplit(rule="given")
    cut = assign(found, given, Validation(share=0.25, seed=3))
    sides: dict[str | None, set[int]] = {}
    for recording, side in zip(found, cut, strict=True):
        sides.setdefault(recording.subject, set()).add(side)
    assert all(len(on) == 1 for on in sides.values())
    assert Counter(on.pop() for on in sides.values()) == {TRAIN: 7, VALIDATION: 2, TEST: 3}
    with pytest.raises(ConfigError, match="puts the subject user00 on two sides.*rule: given"):
        assign(found, RandomSplit(rule="random", share=0.5, seed=0))


def test_a_listed_validation_part_is_not_cut_again(tmp_path: Path) -> None:
    path = tmp_path / "split.csv"
    path.write_text("name,split\na/1.bin,train\na/2.bin,validation\na/3.bin,test\n")
    split = ListedSplit.model_construct(rule="listed", file=str(path))
    with pytest.raises(ConfigError, match="names its validation part already"):
        assign(recordings(["a/1.bin", "a/2.bin", "a/3.bin"]), split, Validation(share=0.1, seed=0))
