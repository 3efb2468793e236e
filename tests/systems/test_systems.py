"""Every system of params: each of its recipes learns, resumes, is counted and answers in single steps, or says why not.

The recipes are those that report.yaml shows in Table 1 and after few steps, so a new one is tested by its entry.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from pipeline.config.catalogues import parse
from pipeline.config.frames import FrameSelection
from pipeline.config.recipe import split_reference
from pipeline.config.resolve import Resolved
from pipeline.config.run import TrainSnn
from pipeline.evaluation.operations import count_operations
from pipeline.nets.build import build
from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.forward import forward, laid_out
from pipeline.nets.tree import SPIKING
from pipeline.training.loop import Interrupted
from tests import tiny
from tests.training.small import CPU, same, train
from tests.training.test_loop import counted

DOCUMENTS = tiny.read()
SHOWN = [name for name in (*DOCUMENTS["report"]["table1"], *DOCUMENTS["report"]["few_steps"]) if name != "converted"]
RECIPES = list(dict.fromkeys(split_reference(name)[0] for name in SHOWN))
CLASSES, COUNT, BATCH = 3, 4, 2
WIDTH = 1 / 32
SIDE = 34
# Pixels of a recording: larger ones are slow.
MOST = 34 * 34 * 16


@cache
def settings(recipe: str) -> TrainSnn:
    """Return what plan says of a recipe on small frames: all its own but the width, one epoch and its batches."""
    return resolved(recipe)[1]


@cache
def resolved(recipe: str) -> tuple[Resolved, TrainSnn]:
    documents = tiny.read()
    needs = parse(documents).recipe(recipe).needs_ann
    anns = ["l8-full"] if documents["recipes"][recipe].get("gradient", {}).get("kind") == "any-t" and needs else ["l4"]
    lists = {"baselines": [], "recipes": [], "sweep": [], "recipes" if needs else "baselines": [recipe]}
    documents["grid"]["grid"] |= {"name": "one", "seeds": [0], "anns": anns, **lists}
    documents["datasets"][tiny.DATASET]["width"] = WIDTH
    for network in documents["networks"].values():
        # Its channels are shared among heads.
        network["width"] *= 2 if network["kind"] == "spikformer" else 1
    for schedule in documents["schedules"].values():
        schedule |= {"epochs": 1, "batch_size": BATCH, "warmup": None}
        schedule.get("decay", {}).pop("hold", None)
    params = parse(documents)
    made = Resolved(params, params.grid)
    (run,) = made.train_snns()
    return made, run


def side(recipe: str) -> tuple[int, int]:
    height, width = resolved(recipe)[0].frame_size(tiny.DATASET, recipe)
    return height, width


def seen(recipe: str) -> FrameSelection:
    made, run = resolved(recipe)
    return made.selection(tiny.DATASET, recipe, run.run.ann)


def data(recipe: str) -> tuple[np.ndarray, np.ndarray]:
    """Return frames as a training has them, of clips all their windows, and labels."""
    selection, rng = seen(recipe), np.random.default_rng(0)
    count = len(range(selection.first, selection.stop, selection.stride))
    frames = rng.poisson(0.5, (COUNT, count, 2, *side(recipe))).astype(np.uint8)
    return frames, np.arange(COUNT) % CLASSES


def made(recipe: str) -> tuple[nn.Module, nn.Module | None]:
    """Return the network as train_snn makes it, settled, and the teacher."""
    run = settings(recipe)
    ann = build(run.ann, CLASSES, side(recipe), generator(1)) if run.ann is not None else None
    net = convert(ann, run.network.activation) if run.init == "converted" and ann is not None else None
    net = net or build(run.network, CLASSES, side(recipe), generator(2))
    return net, folded(ann) if ann is not None else None


@cache
def answering(recipe: str) -> tuple[nn.Module, Tensor]:
    """Return a network in eval mode whose batch norms have seen frames, so that it fires, and such frames."""
    net, _ = made(recipe)
    frames = torch.from_numpy(data(recipe)[0]).transpose(0, 1)[: seen(recipe).steps]
    for norm in net.modules():
        if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm1d):
            norm.momentum = None
    with torch.no_grad():
        for _ in range(2):
            forward(net.train(), frames)
    return net.eval(), frames


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def is_large(recipe: str) -> bool:
    height, width = side(recipe)
    return height * width * (settings(recipe).network.steps or 1) > MOST


each = pytest.mark.parametrize(
    "recipe", [pytest.param(name, marks=pytest.mark.slow) if is_large(name) else name for name in RECIPES]
)


@each
def test_it_learns_by_its_own_loss_gradient_and_augmentation_and_resumes(recipe: str, tmp_path: Path) -> None:
    run = settings(recipe)
    before = {name: x.clone() for name, x in made(recipe)[0].state_dict().items()}

    def trained(root: Path) -> tuple[dict[str, Tensor], Any]:
        net, teacher = made(recipe)
        return train(net, root, run.training, teacher, on=data(recipe))

    whole, curves = trained(tmp_path / "whole")
    assert np.isfinite(curves.rows[-1][2]) and not same(before, whole)
    with counted(1) as steps:
        with pytest.raises(Interrupted):
            trained(tmp_path)
        resumed, again = trained(tmp_path)
    assert steps == [COUNT // BATCH] and same(whole, resumed) and curves == again


@each
def test_rates_and_operations_are_counted(recipe: str) -> None:
    net, frames = answering(recipe)
    layers = count_operations(net, frames.transpose(0, 1).numpy(), BATCH, CPU, recipe)
    rates = [layer.firing_rate for layer in layers if layer.firing_rate is not None]
    assert rates and all(rate >= 0 for rate in rates) and max(rates) > 0
    # The first layer sees counts, the others spikes: multiplications alone where neurons send numbers.
    assert layers[0].macs > 0 and sum(layer.macs + layer.synops for layer in layers[1:]) > 0


@each
def test_single_steps_answer_the_same_or_are_refused_with_the_reason(recipe: str) -> None:
    net, frames = answering(recipe)
    if not seen(recipe).causal:
        with pytest.raises(ValueError, match="needs all|single steps"):
            functional.set_step_mode(net, "s")
        functional.set_step_mode(net, "m")
        return
    with torch.no_grad():
        together = forward(net, frames)
        functional.set_step_mode(net, "s")
        alone = torch.stack([net(laid_out(frame[None])[0]).float() for frame in frames])
    functional.reset_net(net)
    functional.set_step_mode(net, "m")
    # Another order of sums may move a membrane over a threshold.
    assert (alone - together).abs().max() <= 1e-4 * max(1.0, float(together.abs().max()))
    # An answer needs no later frame.
    later = frames.clone()
    later[-1] = 0
    with torch.no_grad():
        assert torch.equal(forward(net, later)[:-1], together[:-1])


NETWORKS = list(dict.fromkeys(entry["network"] for entry in DOCUMENTS["recipes"].values() if entry.get("network")))


# Networks whose ANN is not converted, and what the message says of the reason; all others are.
REFUSED = {
    "plif-4": "maximum", "ssnn": "shrink", "ssnn-10": "shrink",
    **dict.fromkeys(("spikformer-2-256", "spikformer-2-256-48"), "product"),
}  # fmt: skip


@pytest.mark.parametrize("network", NETWORKS)
def test_the_ann_of_its_network_converts_or_says_why_not(network: str) -> None:
    documents = tiny.read()
    documents["grid"]["grid"] |= {"anns": ["new"], "baselines": [], "recipes": ["ht"], "sweep": []}
    documents["anns"]["new"] = {"levels": 4, "network": network}
    documents["recipes"]["ht"] = {"init": "converted", "network": network}
    documents["datasets"][tiny.DATASET]["width"] = 1 / 8 if "spikformer" in network else WIDTH
    params = parse(documents)
    size = (128, 128) if network in ("ta-snn-5", "spikformer-2-256") else (SIDE, SIDE)
    wanted = Resolved(params, params.grid).ann_network(tiny.DATASET, "new")
    frames = torch.from_numpy(np.random.default_rng(0).poisson(0.5, (1, 2, 2, *size)).astype(np.uint8))
    if network in REFUSED:
        with pytest.raises(ValueError, match=REFUSED[network]):
            convert(build(wanted, CLASSES, size, generator(0)).eval())
        return
    snn = convert(build(wanted, CLASSES, size, generator(0)).eval())
    assert any(isinstance(module, SPIKING) for module in snn.modules())
    with torch.no_grad():
        assert forward(snn, frames.expand(4, -1, -1, -1, -1)).shape == (4, 2, CLASSES)


@pytest.mark.parametrize("network", NETWORKS)
def test_no_convolution_of_1_by_1_has_a_stride(network: str) -> None:
    """Torch 2.13's writes outside its memory going back on a CPU, where there are few channels."""
    documents = tiny.read()
    documents["recipes"]["new"] = {"network": network}
    documents["grid"]["grid"] |= {"baselines": ["new"], "recipes": [], "sweep": []}
    params = parse(documents)
    options = Resolved(params, params.grid).snn_network(tiny.DATASET, "new")
    with torch.device("meta"):
        net = build(options.model_copy(update={"steps": 16 if network == "ssnn-10" else 8}), CLASSES, (128, 128))
    strided = [module for module in net.modules() if isinstance(module, nn.Conv2d) and max(module.stride) > 1]
    assert all(min(module.kernel_size) > 1 for module in strided)
