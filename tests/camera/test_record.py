"""The simulated camera: the same bytes always, both halves of a recording alike, any folder of images."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydantic import ValidationError

from pipeline.camera.images import images_of, pictures
from pipeline.camera.record import record
from pipeline.camera.simulator import PATHS, render, simulate
from pipeline.config.camera import Recordings
from pipeline.errors import FileError
from pipeline.events.listing import list_recordings
from pipeline.events.read import read_events

CAMERA = {
    "background": 0.4, "contrast": 0.1, "pos_thres": 0.2, "neg_thres": 0.2, "sigma_thres": 0.03,
    "refractory_us": 1000, "cutoff_hz": 200.0, "leak_rate_hz": 1.0, "shot_noise_rate_hz": 10.0,
}  # fmt: skip
MOTION = {"path": "closed_loop", "amplitude_px": 4.0, "loops": 2, "loops_before": 0}


def settings(camera: dict | None = None, motion: dict | None = None, **changes) -> Recordings:
    made = {
        "images": "folder", "skip": 0, "per_class": 2, "image_size": 28, "sensor": [34, 34], "duration_ms": 200,
        "frame_rate": 1000, "motion": MOTION | (motion or {}), "camera": CAMERA | (camera or {}), "seed": 2024,
    }  # fmt: skip
    return Recordings(**made | changes)


def folder_of_images(root: Path, classes: tuple[str, ...] = ("cat", "dog"), count: int = 3) -> Path:
    rng = np.random.default_rng(0)
    for name in classes:
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = rng.integers(0, 256, (20, 30, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{index}.png")
    return root


def digest(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_same_bytes_for_any_number_of_workers(tmp_path: Path) -> None:
    images = folder_of_images(tmp_path / "images", count=6)
    made = settings(per_class=6, duration_ms=20)
    counts = [record(made, images, tmp_path / str(workers), workers) for workers in (1, 2)]
    assert counts[0] == counts[1] > 0
    assert digest(tmp_path / "1") == digest(tmp_path / "2")
    assert len(digest(tmp_path / "1")) == 12
    record(made.model_copy(update={"seed": 1}), images, tmp_path / "other", 1)
    assert digest(tmp_path / "1") != digest(tmp_path / "other")


def test_pictures_that_are_skipped_change_no_others(tmp_path: Path) -> None:
    images = folder_of_images(tmp_path / "images", count=6)
    record(settings(per_class=6, duration_ms=20), images, tmp_path / "all", 1)
    record(settings(skip=4, per_class=2, duration_ms=20), images, tmp_path / "last", 1)
    found = digest(tmp_path / "last")
    assert sorted(Path(name).name[-7:] for name in found) == ["4.aedat", "4.aedat", "5.aedat", "5.aedat"]
    assert found.items() <= digest(tmp_path / "all").items()


def test_digits_are_recorded_and_read_by_the_common_reader(tmp_path: Path) -> None:
    record(settings(images="mnist", duration_ms=50), tmp_path / "none", tmp_path / "raw", 1)
    listing = list_recordings(tmp_path / "raw")
    assert listing.classes == list("0123456789")
    assert listing.names[:3] == ["0/0_0.aedat", "0/0_1.aedat", "1/1_0.aedat"]
    for index in range(0, 20, 7):
        events = read_events(listing.recordings[index].path)
        assert len(events) > 100 and events["x"].max() < 34 and events["t"][-1] <= 50_000


def test_own_recordings_are_not_passed_over(tmp_path: Path) -> None:
    own = tmp_path / "raw/cat/a.aedat"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"ours")
    with pytest.raises(FileError, match=r"a\.aedat: is a recording, but .* set recordings: null"):
        record(settings(images="mnist"), tmp_path / "raw", tmp_path / "made", 1)
    assert own.read_bytes() == b"ours" and not (tmp_path / "made").exists()


def test_both_halves_see_the_whole_movement() -> None:
    count = settings().duration_ms + 1
    loop = PATHS["closed_loop"](count, 2)
    half = (count - 1) // 2
    np.testing.assert_allclose(loop[: half + 1], loop[half:], atol=1e-9)
    assert np.ptp(loop[: half + 1], axis=0).tolist() == [1, 1]
    saccades = PATHS["saccades"](301, 1)
    assert saccades[0].tolist() == saccades[-1].tolist()
    # At rest where a saccade ends: the last step is a small part of the fastest.
    speed = np.linalg.norm(np.diff(saccades, axis=0), axis=1)
    assert speed[99] < 0.05 * speed.max()


def test_what_is_seen_before_the_recording_is_not_in_it() -> None:
    image = np.random.default_rng(0).random((28, 28), np.float32)
    alone, before = settings(), settings(motion={"loops_before": 1})
    whole = settings(motion={"loops": 3}, duration_ms=300)
    np.testing.assert_array_equal(render(image, before), render(image, whole))
    events, seen = simulate(image, before, 0), simulate(image, whole, 0)
    kept = seen[seen["t"] >= 100_000]
    assert events.size == kept.size > 0 and events["t"].max() <= 200_000
    np.testing.assert_array_equal(events["t"], kept["t"] - 100_000)
    np.testing.assert_array_equal(events["x"], kept["x"])
    # From rest the first loop is unlike the second; a camera that has watched sees the same twice, but for noise.

    def share(made: Recordings) -> float:
        t = simulate(image, made, 0)["t"]
        return float((t < 100_000).mean())

    assert abs(share(before) - 0.5) < 0.01 < abs(share(alone) - 0.5)


def test_a_loop_before_lasts_whole_milliseconds() -> None:
    with pytest.raises(ValidationError, match=r"duration_ms 200 / motion\.loops 3"):
        settings(motion={"loops": 3, "loops_before": 1})


LETTERS = {"letters": "BAO", "rotate_deg": 20.0, "shear_deg": 15.0, "shrink": 0.3}


def test_letters_are_drawn_alike_by_index_and_otherwise_by_seed() -> None:
    made = settings(images=LETTERS, per_class=40)
    images = images_of(made, "none")
    assert list(images) == ["A", "B", "O"]
    assert all(array.shape == (40, 28, 28) and array.dtype == np.float32 for array in images.values())
    every = np.concatenate(list(images.values()))
    assert every.min() == 0 and 0.9 < every.max() <= 1
    # Each is a drawing of its own, whole in its picture.
    assert len({image.tobytes() for image in every}) == 120
    assert every[:, [0, -1]].max() == every[:, :, [0, -1]].max() == 0
    later = images_of(settings(images=LETTERS, skip=30, per_class=10), "none")
    np.testing.assert_array_equal(later["B"], images["B"][30:])
    assert not np.array_equal(images_of(settings(images=LETTERS, seed=1), "none")["A"][0], images["A"][0])
    upright = settings(images={**LETTERS, "rotate_deg": 0.0, "shear_deg": 0.0, "shrink": 0.0}, per_class=10)
    ring = images_of(upright, "none")["O"]
    assert ring[:, 14, 14].max() == 0 and ring.max(axis=(1, 2)).min() > 0.5


def test_letters_that_are_none_are_refused() -> None:
    for wrong in ("AA", "ab", "A", "A1"):
        with pytest.raises(ValidationError, match="letters"):
            settings(images={**LETTERS, "letters": wrong})


def test_moving_by_whole_pixels_moves_the_picture() -> None:
    image = np.random.default_rng(0).random((6, 6), np.float32)
    made = settings(sensor=[12, 12], duration_ms=8, image_size=6, motion={"loops": 1})
    frames = render(image, made)
    # A quarter of the diamond is 2 px along each axis from its lowest corner, 2 px above the middle.
    np.testing.assert_allclose(frames[0][1:7, 3:9], image, atol=1e-6)
    np.testing.assert_allclose(frames[2][3:9, 5:11], image, atol=1e-6)
    np.testing.assert_allclose(frames.sum(axis=(1, 2)), image.sum(), rtol=1e-5)


def test_contrast_drives_the_events() -> None:
    image = np.zeros((28, 28), np.float32)
    image[8:20, 8:20] = 1

    def count(contrast: float) -> int:
        return len(simulate(image, settings(camera={"contrast": contrast}), 0))

    assert count(0.5) > 1.5 * count(0.2) > count(0.0)


def test_missing_images_are_named(tmp_path: Path) -> None:
    root, raw = tmp_path / "images", tmp_path / "raw"
    with pytest.raises(FileError, match="no such folder of images"):
        record(settings(), root, raw, 1)
    folder_of_images(root, count=1)
    with pytest.raises(FileError, match="holds 1 images, skip \\+ per_class ask for 2"):
        record(settings(), root, raw, 1)
    (root / "cat" / "1.png").write_bytes(b"no picture")
    with pytest.raises(FileError, match=r"1\.png.*not readable as an image"):
        record(settings(), root, raw, 1)
    assert not raw.exists() and not list(tmp_path.glob(".raw*"))
    with pytest.raises(FileError, match="mnist: holds 500 images of 0, skip \\+ per_class ask for 501"):
        record(settings(images="mnist", per_class=501), root, raw, 1)


def test_a_picture_too_large_to_be_one_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(FileError, match=r"0\.png: not readable as an image.*decompression bomb"):
        pictures(folder_of_images(tmp_path / "images"), slice(2), 28)


@pytest.mark.parametrize("form", ["png", "bmp", "ppm", "tif"])
def test_damaged_pictures_are_named(tmp_path: Path, form: str) -> None:
    path = folder_of_images(tmp_path / "images") / "cat" / f"0.{form}"
    pixels = np.random.default_rng(0).integers(0, 255, (6, 6), np.uint8)
    Image.fromarray(pixels).save(path)
    data = path.read_bytes()
    for place in range(len(data)):
        path.write_bytes(data[:place] + bytes([data[place] ^ 0x55]) + data[place + 1 :])
        try:
            pictures(tmp_path / "images", slice(1), 6)
        except FileError as error:
            assert error.path == path


def test_a_pipe_among_pictures_is_not_waited_for(tmp_path: Path) -> None:
    root = folder_of_images(tmp_path / "images")
    (root / "cat" / "0.png").unlink()
    os.mkfifo(root / "cat" / "0.png")
    with pytest.raises(FileError, match=r"0\.png: is no file"):
        pictures(root, slice(1), 6)
