"""One recording as a network sees and answers it, step by step: a page that needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from numpy.typing import NDArray
from PIL import Image, ImageColor

from pipeline.errors import PipelineError
from pipeline.evaluation.exits import running_mean
from pipeline.evaluation.maps import spikes
from pipeline.events.listing import Recording
from pipeline.inference.answer import Answer, Exit
from pipeline.inference.model import Model
from pipeline.inference.prepare import ready

TEMPLATE = Path(__file__).parent / "templates/show.html"
MOST_BYTES = 5_000_000
# A map of spikes: no spike, a spike, and between two maps; the last is transparent.
QUIET, SPIKE, BETWEEN = 0, 1, 2
INKS = ("#e9e9e9", "#141414", "#ffffff")

# Counts uint8 [T, 2, H, W] as pictures [T, H, W, 3], 0 to 1.
Colours = Callable[[NDArray[np.uint8]], NDArray[np.float64]]


@dataclass(frozen=True)
class Layer:
    """Spikes of a layer: `maps` bool [T, K, H, W] of the channels that are shown.

    `share` [T]: of all its neurons, 0 to 1, that spike at each step; `neurons`: C, H, W of the whole layer.
    """

    name: str
    maps: NDArray[np.bool_]
    share: NDArray[np.float64]
    neurons: tuple[int, ...]


@dataclass(frozen=True)
class Look:
    """What a network of this title was shown, counts uint8 [T, 2, H, W], what its first layers did, and its answer.

    Of several clips, frames and spikes are those of the last; the answer is that to all.
    """

    title: str
    clips: int
    frames: NDArray[np.uint8]
    layers: list[Layer]
    answer: Answer


def look(model: Model, source: str | Path, layers: int = 2, maps: int = 32) -> Look:
    """Return what a network sees and does with one recording.

    Args:
        source: its file. layers: how many spiking layers, from the input on. maps: how many of a layer's channels,
            those with most spikes.

    Raises:
        RecordingError: it cannot be read, has no event, or one is off the sensor.
    """
    path = Path(source)
    clips = model.framing.show(Recording(path.name, path, -1)).clips
    found = spikes(model.network, clips[-1], model.hardware, layers, ready)
    shown = [_most(name, values, maps) for name, values in found.items()]
    return Look(model.title, len(clips), clips[-1], shown, model.classify(path))


def page(looks: Sequence[Look], when: Exit, colours: Colours, inks: Mapping[str, str], bars: int = 12) -> str:
    """Return looks at one recording side by side as HTML: a slider where scripts run, else and in print all steps.

    Args:
        when: early exit. colours: makes pictures of counts. inks: {what an event is: its colour there}. bars: for how
            many classes, those that came nearest to being the answer.

    Raises:
        PipelineError: it would be larger than MOST_BYTES.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        recording=looks[0].answer.recording,
        when=when,
        inks=inks,
        runs=[_run(seen, when, colours, bars) for seen in looks],
    )
    size = len(text.encode())
    if size > MOST_BYTES:
        raise PipelineError(
            f"the page would take {size / 1e6:.1f} MB, above {MOST_BYTES / 1e6:.0f}; show fewer channels (--maps) or "
            "layers (--layers)"
        )
    return text


def _run(seen: Look, when: Exit, colours: Colours, bars: int) -> dict[str, Any]:
    """Return a look as show.html takes it; `data` is for programs."""
    said = seen.answer
    probabilities, sure = said.probabilities, when.sureness(running_mean(said.logits[:, None]))[:, 0]
    exit_step = said.exit_step(when)
    listed = np.sort(np.argsort(-probabilities.max(axis=0), kind="stable")[:bars])
    pictures = (255 * colours(seen.frames)).round().astype(np.uint8)
    steps = [
        {
            "ms": said.time_ms[index],
            "share": said.share[index],
            "name": name,
            "sure": sure[index],
            "picture": _png(Image.fromarray(pictures[index])),
            "events": seen.frames[index].sum(axis=(1, 2), dtype=int).tolist(),
            "bars": [(said.classes[place], probabilities[index, place]) for place in listed],
            "layers": [(layer, layer.share[index], _png(_mosaic(layer.maps[index]))) for layer in seen.layers],
        }
        for index, name in enumerate(said.names)
    ]
    data = {"run": seen.title, "classes": said.classes, **said.as_json(when), "probabilities": probabilities.tolist()}
    return {
        "look": seen,
        "steps": steps,
        "exit": exit_step,
        "early": sure[exit_step - 1] >= when.threshold,
        "others": len(said.classes) - len(listed),
        "data": data,
    }


def _most(name: str, sent: NDArray[np.bool_], maps: int) -> Layer:
    """Return a layer with its channels of most spikes, in their own order."""
    chosen = np.sort(np.argsort(-sent.sum(axis=(0, 2, 3)), kind="stable")[:maps])
    return Layer(name, sent[:, chosen], sent.mean(axis=(1, 2, 3)), sent.shape[1:])


def _mosaic(maps: NDArray[np.bool_]) -> Image.Image:
    """Return maps [K, H, W] beside and below each other, a pixel between two."""
    count, height, width = maps.shape
    columns = int(np.ceil(np.sqrt(count)))
    tiles = np.full((-(-count // columns) * columns, height + 1, width + 1), BETWEEN, np.uint8)
    tiles[:count, :height, :width] = np.where(maps, SPIKE, QUIET)
    whole = tiles.reshape(-1, columns, height + 1, width + 1).swapaxes(1, 2).reshape(-1, columns * (width + 1))
    image = Image.fromarray(np.ascontiguousarray(whole[:-1, :-1]))
    image.putpalette([value for ink in INKS for value in ImageColor.getrgb(ink)])
    image.info["transparency"] = BETWEEN
    return image


def _png(image: Image.Image) -> str:
    """Return a picture as the address of an <img>."""
    data = io.BytesIO()
    image.save(data, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(data.getvalue()).decode("ascii")
