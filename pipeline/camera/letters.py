"""Letters in many fonts, each drawn askew: pictures harder than digits that need no download.

The fonts are those in matplotlib's wheel: DejaVu (Bitstream Vera licence), STIX (SIL Open Font License) and Computer
Modern (BaKoMa licence). Pillow draws them.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from pipeline.config.camera import Letters

FONTS = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSansMono-Bold", "DejaVuSerif",
    "DejaVuSerif-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "cmb10", "cmr10",
    "cmss10", "cmti10", "cmtt10",
)  # fmt: skip
# A letter is drawn so many times larger than its picture, and made smaller by averaging.
LARGER = 4
# The numbers of the affine map are rounded to this, so that a last-digit difference in cos() changes no picture.
GRAIN = 1 << 16


def draw(letter: str, index: int, settings: Letters, side: int, seed: int) -> NDArray[np.float32]:
    """Return one picture of a letter, float32 [side, side], intensity 0 to 1, white on black.

    Font, size, angle and shear are drawn from the seed, the letter and the index.
    """
    import matplotlib

    rng = np.random.default_rng([seed, ord(letter), index])
    font = Path(matplotlib.get_data_path(), "fonts", "ttf", f"{FONTS[rng.integers(len(FONTS))]}.ttf")
    angle, lean = np.radians(rng.uniform(-1, 1, 2) * (settings.rotate_deg, settings.shear_deg))
    scale = 1 - settings.shrink * rng.random()
    large = side * LARGER
    glyph = _glyph(letter, font, large)
    # From places in the picture to places in the glyph, about the middle of both.
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    back = np.linalg.inv(turn @ np.array([[1, math.tan(lean)], [0, 1]]) * scale)
    back = np.round(back * GRAIN) / GRAIN
    shift = large / 2 * (1 - back.sum(axis=1))
    rows = (*back[0], shift[0], *back[1], shift[1])
    placed = glyph.transform((large, large), Image.Transform.AFFINE, rows, Image.Resampling.BILINEAR)
    small = placed.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


def _glyph(letter: str, path: Path, side: int) -> Image.Image:
    """Return a letter in the middle of a square, as high as two thirds of it."""
    probe = ImageFont.truetype(path, side, layout_engine=ImageFont.Layout.BASIC)
    _, top, _, bottom = probe.getbbox(letter)
    font = probe.font_variant(size=round(side * side * 2 / 3 / (bottom - top)))
    left, top, right, bottom = font.getbbox(letter)
    image = Image.new("L", (side, side))
    place = (side - left - right) / 2, (side - top - bottom) / 2
    ImageDraw.Draw(image).text((round(place[0]), round(place[1])), letter, fill=255, font=font)
    return image
