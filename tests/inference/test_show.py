"""The page of `show` has the network's own answer, frames and spikes; a browser steps through it."""

from __future__ import annotations

import base64
import html
import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from spikingjelly.activation_based import layer, neuron
from torch import nn

import pipeline.inference.show
from pipeline import load_model
from pipeline.__main__ import main
from pipeline.config.base import Group
from pipeline.evaluation.maps import spikes
from pipeline.events import aedat2
from pipeline.events.listing import Recording
from pipeline.inference.answer import Answer, Exit
from pipeline.pieces import checked
from tests.browser import browser as browser
from tests.browser import dom, measure
from tests.inference import small
from tests.inference.small import SIDE, framing, recording, write_weights
from tests.training.small import CPU

HOSTILE = ["<script>alert(1)</script>", "</script><!-- 'two' &amp; \"", "é {{ three }}"]
DATA = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)
STEP = re.compile(r'<article class="step([^"]*)" data-step="(\d+)">(.*?)</article>', re.DOTALL)
BAR = re.compile(r'<th scope="row">(.*?)</th>.*?style="width: ([\d.]+)%"', re.DOTALL)
PICTURE = re.compile(r'<img src="data:image/png;base64,([^"]+)"')


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two weights files, of four steps and of three, and a recording."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(small, "CLASSES", HOSTILE)
    write_weights(Path("four.safetensors"), framing(4))
    write_weights(Path("three.safetensors"), framing(4, first=1))
    aedat2.write(Path("a<b>.aedat"), recording())
    return tmp_path


def made(*words: str) -> str:
    """Return the page that the command writes of these networks and options."""
    networks = [word for word in words if word.endswith(".safetensors")]
    assert main(["show", *networks, "a<b>.aedat", "--out", "out/page.html", *words[len(networks) :]]) == 0
    return Path("out/page.html").read_text(encoding="utf-8")


def when(kind: str = "confidence", threshold: float = 0.9) -> Exit:
    rule = checked("evaluation.exits", {"kind": kind})
    assert isinstance(rule, Group)
    return Exit(rule, threshold)


def bars(step: str) -> list[tuple[str, float]]:
    return [(html.unescape(name), float(width)) for name, width in BAR.findall(step)]


def expected(answer: Answer, step: int) -> list[tuple[str, float]]:
    """Return the bars of a step, from 1."""
    return list(zip(answer.classes, (100 * answer.probabilities[step - 1]).tolist(), strict=True))


def same(found: list[Any], wanted: list[tuple[str, float]]) -> None:
    assert [name for name, _ in found] == [name for name, _ in wanted]
    np.testing.assert_allclose([width for _, width in found], [width for _, width in wanted], atol=0.051)


@pytest.mark.parametrize("options", [[], ["--exit", "entropy", "--threshold", "0.02"], ["--threshold", "0"]])
def test_the_page_has_the_answers_of_the_networks(folder: Path, options: list[str]) -> None:
    text = made("four.safetensors", "three.safetensors", *options)
    kind, threshold = ("entropy", 0.02) if "entropy" in options else ("confidence", 0.0 if options else 0.9)
    data = json.loads(DATA.search(text).group(1))
    models = [load_model(name) for name in ("four.safetensors", "three.safetensors")]
    answers = [model.classify("a<b>.aedat") for model in models]
    early = []
    for found, answer, model in zip(data, answers, models, strict=True):
        assert found.pop("run") == model.title and found.pop("classes") == HOSTILE
        assert found.pop("probabilities") == answer.probabilities.tolist()
        assert found == json.loads(json.dumps(answer.as_json(when(kind, threshold))))
        sure = when(kind, threshold).sureness(np.log(answer.probabilities)[:, None])[:, 0]
        early.append(found["exit"]["step"] if sure.max() >= threshold else None)
    steps = STEP.findall(text)
    assert [int(number) for _, number, _ in steps] == [1, 2, 3, 4, 1, 2, 3]
    for (_, number, step), answer in zip(steps, [answers[0]] * 4 + [answers[1]] * 3, strict=True):
        same(bars(step), expected(answer, int(number)))
        assert f"{answer.time_ms[int(number) - 1]:.1f} ms" in step
    marked = [int(number) for classes, number, step in steps if "exit" in classes and "Exit: " in step]
    assert marked == [step for step in early if step] and text.count("Never sure enough") == early.count(None)
    assert early == ([None, None] if not options else [1, 1]) or kind == "entropy"


def test_pictures_are_the_frames_and_the_spikes_to_the_pixel(folder: Path) -> None:
    text = made("four.safetensors", "--maps", "3", "--layers", "1")
    model = load_model("four.safetensors")
    frames = model.framing.show(Recording("a", Path("a<b>.aedat"), -1)).clips[0]
    (sent,) = spikes(model.network, frames, model.hardware, 1).values()
    chosen = sorted(np.argsort(-sent.sum(axis=(0, 2, 3)).astype(int), kind="stable")[:3])
    for _, number, step in STEP.findall(text):
        index = int(number) - 1
        seen, maps = (Image.open(io.BytesIO(base64.b64decode(found))) for found in PICTURE.findall(step))
        empty = (np.asarray(seen) == 255).all(axis=-1)
        np.testing.assert_array_equal(empty, frames[index].sum(axis=0) == 0)
        whole = np.asarray(maps)
        assert whole.shape == (2 * SIDE + 1, 2 * SIDE + 1) and maps.info["transparency"] == 2
        tiles = [whole[y : y + SIDE, x : x + SIDE] for y in (0, SIDE + 1) for x in (0, SIDE + 1)]
        np.testing.assert_array_equal(tiles[:3], sent[index, chosen])
        assert (tiles[3] == 2).all() and (whole[SIDE] == 2).all()
        on, off = frames[index, 1].sum(), frames[index, 0].sum()
        assert f"{on} ON, {off} OFF events" in step and "the 3 channels with most spikes" in step
        assert f"{100 * sent[index].mean():.1f}&nbsp;% of 8 × {SIDE} × {SIDE} neurons" in step


def test_layers_are_those_asked_for_and_flat_ones_are_shown(folder: Path) -> None:
    net = nn.Sequential(layer.Flatten(step_mode="m"), layer.Linear(18, 5, step_mode="m"), neuron.IFNode(step_mode="m"))
    frames = np.random.default_rng(0).integers(0, 9, (4, 2, 3, 3), np.uint8)
    (flat,) = spikes(net, frames, CPU, 2).values()
    said = net(torch.from_numpy(frames)[:, None].float())[:, 0]
    np.testing.assert_array_equal(flat[..., 0, 0], said.detach().numpy() != 0)
    model = load_model("four.safetensors", CPU)
    frames = model.framing.show(Recording("a", Path("a<b>.aedat"), -1)).clips[0]
    both = spikes(model.network, frames, CPU, 2)
    assert [(name, values.shape) for name, values in both.items()] == [
        ("act1", (4, 8, SIDE, SIDE)), ("act2", (4, 16, SIDE // 2, SIDE // 2)),
    ]  # fmt: skip
    assert both["act2"].any() and list(spikes(model.network, frames, CPU, 1)) == ["act1"]


def test_nothing_from_outside_is_run_or_fetched(folder: Path) -> None:
    text = made("four.safetensors")
    assert text.count("<script") == 2 and "alert(1)</script>" not in text and "a<b>" not in text
    assert "&lt;script&gt;alert(1)" in text and "a&lt;b&gt;.aedat" in text and "é {{ three }}" in text
    addresses = re.findall(r'(?:src|href|action|data)="([^"]*)"', text)
    assert len(addresses) == 4 * 3 and all(address.startswith("data:image/png;base64,") for address in addresses)
    assert "default-src 'none'" in text and not re.search(r"https?:|url\(|@import", text)
    assert len(text.encode()) < 100_000


def test_few_of_many_classes_are_listed_and_the_best_is_one(folder: Path) -> None:
    text, answer = made("four.safetensors", "--bars", "1"), load_model("four.safetensors").classify("a<b>.aedat")
    best = answer.probabilities.max(axis=0).argmax()
    for _, number, step in STEP.findall(text):
        same(bars(step), [expected(answer, int(number))[best]])
        assert "2 other classes" in step


def test_clips_and_networks_without_spikes_are_told(folder: Path) -> None:
    write_weights(Path("clips.safetensors"), framing(9, "10ms", clip={"steps": 2, "test": 3}))
    write_weights(Path("ann.safetensors"), framing(4), {"kind": "qcfs", "levels": 4})
    text = made("clips.safetensors", "ann.safetensors")
    assert text.count("the last of 3 clips") == 1 and text.count("no spiking neurons") == 1
    assert [len(PICTURE.findall(step)) for _, _, step in STEP.findall(text)] == [3] * 2 + [1] * 4


def test_what_cannot_be_shown_is_named_and_a_page_stays(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = made("four.safetensors")
    out = ["--out", "out/page.html"]
    Path("broken.bin").write_bytes(b"123")
    cases = {
        "nothing.bin: ": ["four.safetensors", "nothing.bin", *out],
        "broken.bin: ": ["four.safetensors", "broken.bin", *out],
        "none.safetensors: neither a weights file nor a run": ["four.safetensors", "none.safetensors", "x.bin", *out],
        "broken.bin: is no weights file (*.safetensors); the network comes first": ["broken.bin", "x.bin", *out],
        "out: cannot be written": ["four.safetensors", "a<b>.aedat", "--out", "out"],
    }
    Path("out/kept").touch()
    for said, words in cases.items():
        assert main(["show", *words]) == 1 and said in capsys.readouterr().err
    monkeypatch.setattr(pipeline.inference.show, "MOST_BYTES", 9_000)
    assert main(["show", "four.safetensors", "a<b>.aedat", *out]) == 1
    assert re.search(r"would take 0\.0 MB, above 0; show fewer .*--maps", capsys.readouterr().err)
    assert Path("out/page.html").read_text(encoding="utf-8") == before
    assert sorted(path.name for path in Path("out").iterdir()) == ["kept", "page.html"]
    for wrong in ("0", "-1", "two", "²"):
        with pytest.raises(SystemExit):
            main(["show", "four.safetensors", "a<b>.aedat", "--maps", wrong])


@pytest.mark.parametrize(("opened", "shown"), [("", [1, 1]), ("#step=2", [2, 2]), ("#step=4", [4, 3]), ("#x", [1, 1])])
def test_a_browser_opens_at_a_step(browser: str, folder: Path, opened: str, shown: list[int]) -> None:
    made("four.safetensors", "three.safetensors")
    found = dom(browser, (folder / "out/page.html").as_uri() + opened, folder)
    now = [(int(number), step) for classes, number, step in STEP.findall(found) if "now" in classes.split()]
    assert [number for number, _ in now] == shown
    for (number, step), name in zip(now, ("four", "three"), strict=True):
        same(bars(step), expected(load_model(f"{name}.safetensors").classify("a<b>.aedat"), number))


KNOWN = """
    const slider = $("#step"), seen = element => element.getClientRects().length > 0;
    const shown = () => [...page.querySelectorAll(".step")].filter(seen).map(step => Number(step.dataset.step));
    const bars = () => [...[...page.querySelectorAll(".step")].find(seen).querySelectorAll("tr")].map(row =>
        [row.cells[0].innerText, 100 * row.querySelector(".bar").getBoundingClientRect().width
            / row.querySelector(".track").clientWidth]);
    // As a key or a finger moves it.
    const move = step => { slider.value = step; slider.dispatchEvent(new Event("input")); return shown(); };
    const waited = ms => new Promise(done => setTimeout(done, ms));
"""


@pytest.mark.parametrize("width", [360, 1280])
def test_a_browser_moves_the_slider_and_plays(browser: str, folder: Path, width: int) -> None:
    text = made("four.safetensors", "three.safetensors")
    found = measure(browser, text, width, folder, """
        width: root.scrollWidth, at_first: shown(), range: [slider.type, slider.min, slider.max],
        images: [...page.images].filter(seen).every(image => image.complete && image.naturalWidth > 0),
        second: move(2), bars: bars(), said: $("#said").value, told: slider.getAttribute("aria-valuetext"),
        beyond: move(4), last: bars(),
        tabbed: [...page.querySelectorAll("button, select, input")].every(one => seen(one) && one.tabIndex === 0),
        focus: (slider.focus(), page.activeElement.id), sides: [...page.querySelectorAll(".run")].map(run =>
            Math.round(run.getBoundingClientRect().top)),
        play: ($("#speed").value = "250", click("#play"), [$("#play").innerText, ...shown()]),
        playing: (await waited(300), shown()), played: (await waited(3000), [$("#play").innerText, ...shown()]),
        again: (click("#play"), await waited(300), shown()), paused: (click("#play"), await waited(900), shown()),
    """, KNOWN, budget_ms=20_000)  # fmt: skip
    answer = load_model("four.safetensors").classify("a<b>.aedat")
    assert found["width"] == width and found["images"] and found["tabbed"] and found["focus"] == "step"
    assert found["at_first"] == [1, 1] and found["range"] == ["range", "1", "4"]
    assert found["second"] == [2, 2] and found["said"] == "2" and found["told"] == "step 2 of 4"
    # A run of three steps stays at its third.
    assert found["beyond"] == [4, 3]
    for shown, number in (("bars", 2), ("last", 4)):
        assert [name for name, _ in found[shown]] == HOSTILE
        np.testing.assert_allclose([value for _, value in found[shown]],
                                   [value for _, value in expected(answer, number)], atol=1.5)  # fmt: skip
    # Side by side where there is room, below each other on a phone.
    assert (found["sides"][0] == found["sides"][1]) == (width > 1000)
    # At the end play begins anew.
    assert found["play"] == ["Pause", 1, 1] and found["playing"] == [2, 2] and found["played"] == ["Play", 4, 3]
    assert found["again"] == found["paused"] == [2, 2]
