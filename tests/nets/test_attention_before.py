"""Attention before the neurons: TA, MA and RM against their formulas, and their places in a network."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from spikingjelly.activation_based.model import masnn
from torch import Tensor, nn

from pipeline.config.network import Network
from pipeline.evaluation.operations import count_operations
from pipeline.nets.build import build
from pipeline.nets.fold import folded
from pipeline.nets.forward import forward, forward_features
from pipeline.nets.layers import ma, rm, ta
from pipeline.pieces import checked
from pipeline.runtime.hardware import Hardware
from tests.networks import entry

T, N, C, H, W = 6, 3, 8, 4, 5
CPU = Hardware(torch.device("cpu"), "fp32")
KINDS: dict[str, Any] = {
    "ta": partial(ta.build, ta.Options(reduction=2)),
    "ma": partial(ma.build, ma.Options()),
    "rm": partial(rm.build, rm.Options(reduction_t=2, reduction_c=3)),
}


def random(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


def made(kind: str, channels: int | None = C, steps: int = T) -> nn.Module:
    torch.manual_seed(0)
    return KINDS[kind](channels=channels, steps=steps)


def size(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("shape", [(T, N, C, H, W), (T, N, C)])
def test_ta_weighs_each_frame_by_a_net_of_two_layers(shape: tuple[int, ...]) -> None:
    attention, x = made("ta"), random(*shape)
    found = attention(x)
    for sample in range(N):
        mean = torch.stack([x[step, sample].mean() for step in range(T)])
        hidden = (attention.squeeze.weight @ mean + attention.squeeze.bias).clamp(min=0)
        weights = 1 / (1 + (-(attention.excite.weight @ hidden) - attention.excite.bias).exp())
        for step in range(T):
            torch.testing.assert_close(found[step, sample], weights[step] * x[step, sample])


def test_ta_has_the_published_parameters() -> None:
    assert size(ta.TA(10, 5)) == 52 and size(ta.TA(60, 16)) == 423
    # More reduction than steps leaves one unit.
    assert ta.TA(3, 16).squeeze.out_features == 1


@pytest.mark.parametrize(
    ("name", "classes", "side", "steps", "reduction", "count"),
    [("ta-snn-5", 10, 128, 10, 5, 2_098_282), ("ta-snn-3", 11, 32, 60, 16, 2_326_180)],
)
def test_networks_with_ta_have_the_published_parameters(
    name: str, classes: int, side: int, steps: int, reduction: int, count: int
) -> None:
    with torch.device("meta"):
        net = build(
            Network(model=entry(name), activation={"kind": "lif"}, attention={"kind": "ta", "reduction": reduction},
                    steps=steps), classes, (side, side),
        )  # fmt: skip
    assert size(net) == count


def test_rm_keeps_the_best_scores_alone() -> None:
    attention, x = made("rm"), random(T, N, C, H, W)
    attention.kept = (3, 2)
    inside = attention.refine
    assert isinstance(inside, layer.MultiDimensionalAttention) and inside.sa is None
    found = attention(x)
    with torch.no_grad():
        for sample in range(N):
            out = x[:, sample]
            for kept, weights, rows in ((3, inside.ta.sharedMLP, 0), (2, inside.ca.sharedMLP, 1)):
                one, two = (weights[place].weight[:, :, 0, 0, 0] for place in (0, 2))
                maps = out.movedim(rows, 0).flatten(1)
                scores = sum(two @ (one @ pooled).clamp(min=0) for pooled in (maps.mean(1), maps.amax(1))).sigmoid()
                lowest = scores.sort(descending=True).values[kept - 1]
                scores = torch.where(scores >= lowest, scores, torch.zeros(()))
                out = out * scores.view([-1 if axis == rows else 1 for axis in range(4)])
            torch.testing.assert_close(found[:, sample], out)
            assert (found[:, sample] != 0).any((1, 2, 3)).sum() == 3 and (found[:, sample] != 0).any(
                (0, 2, 3)
            ).sum() == 2


def test_rm_counts_what_is_kept_upwards_and_may_leave_training_unmasked() -> None:
    options = rm.Options(keep_t=0.1, keep_c=0.3, mask_training=False)
    assert rm.RM(30, 10, options).kept == (3, 3) and rm.RM(31, 11, options).kept == (4, 4)
    attention, x = rm.RM(T, C, rm.Options(mask_training=False)), random(T, N, C, H, W)
    assert (attention.train()(x) != 0).all() and (attention.eval()(x) == 0).any()
    assert (rm.RM(T, C, rm.Options()).train()(x) == 0).any()
    whole = rm.RM(T, C, rm.Options(keep_t=1.0, keep_c=1.0))
    # All kept, and no relu behind: the first two of SpikingJelly's three.
    torch.testing.assert_close(whole(x).relu(), whole.refine(x))


def test_with_ma_the_network_is_spikingjellys() -> None:
    cell = partial(neuron.LIFNode, 10 / 7, False, 0.3, 0.0, surrogate.Rect(2.0))
    torch.manual_seed(0)
    theirs = masnn.MASNN(T, 2, 3, (16, 16), (4, 6, 6), (1, 2, 2), 10, 2, 4, cell).eval()
    model = entry("ta-snn-3", layers=[4, 6, "p", 6, "p"], hidden=[10])
    neurons = {"kind": "lif", "decay": 0.3, "threshold": 0.3, "surrogate": {"kind": "rect"}, "output": "spike"}
    attention = {"kind": "ma", "reduction_t": 2, "reduction_c": 4}
    ours = build(Network(model=model, activation=neurons, attention=attention, steps=T), 3, (16, 16)).eval()
    own = {name: value for name, value in ours.state_dict().items() if not name.endswith("threshold")}
    other = theirs.state_dict()
    # Theirs weighs units without axes for a place.
    assert [value.numel() for value in own.values()] == [value.numel() for value in other.values()]
    for module in theirs.modules():
        # So that spikes come and go in each layer.
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.constant_(module.weight, 8.0)
            nn.init.constant_(module.bias, 0.3)
    moved = {name: value.view_as(own[name]) for name, value in zip(own, other.values(), strict=True)}
    ours.load_state_dict(moved, strict=False)
    frames = torch.randint(0, 3, (T, 4, 2, 16, 16), generator=torch.Generator().manual_seed(0))
    # More and more events from recording to recording, the last without any in its second half.
    frames *= torch.arange(4).view(4, 1, 1, 1)
    frames[T // 2 :, 3] = 0
    with torch.no_grad():
        found, expected = forward(ours, frames).mean(0), theirs(frames.float())
    torch.testing.assert_close(found, expected)
    assert len(found.unique()) > 3


@pytest.mark.parametrize("channels", [C, None])
@pytest.mark.parametrize("kind", KINDS)
def test_recordings_stand_alone_and_each_step_hangs_on_the_others(kind: str, channels: int | None) -> None:
    attention = made(kind, channels).eval()
    x = random(T, N, C, H, W) if channels else random(T, N, C)
    changed = x.clone()
    changed[-1, 1] = 3.0
    with torch.no_grad():
        one, two = attention(x), attention(changed)
    assert one.shape == x.shape and torch.equal(one[:, [0, 2]], two[:, [0, 2]])
    differs = (one != two)[:-1, 1].flatten(1).any(1)
    assert differs.any()
    for steps in (1, T - 1, T + 1):
        with pytest.raises(ValueError, match=f"built for 6 time steps and mixes all of them, found {steps}.*recipes"):
            attention(random(steps, *x.shape[1:]))


@pytest.mark.parametrize("kind", KINDS)
def test_it_has_no_single_steps_and_says_why(kind: str) -> None:
    module = made(kind)
    with pytest.raises(ValueError, match=r"step_mode 's': \w+ needs all 6 frames before it answers"):
        functional.set_step_mode(module, "s")
    assert module.step_mode == "m"
    with pytest.raises(ValueError, match="bound to its steps"):
        KINDS[kind]()
    with pytest.raises(ValueError, match="steps must be above 0"):
        KINDS[kind](channels=C, steps=0)


def network(kind: str, attention: bool = True, activation: Any = None, **options: Any) -> nn.Module:
    """Return a small net of TA-SNN's order with attention before each of its three activations."""
    model = {**entry("ta-snn-3"), "layers": [4, "p", 6], "hidden": [5], "head": "linear", **options}
    model["attention"] = ["act1", "act2", "act3"]
    net = Network(
        model=model, activation=activation or {"kind": "lif", "threshold": 0.3}, steps=T,
        attention={"kind": kind} if attention else None,
    )  # fmt: skip
    return build(net, 3, (6, 6), torch.Generator().manual_seed(0))


@pytest.mark.parametrize("kind", KINDS)
def test_it_stands_before_the_named_activations_and_learns(kind: str) -> None:
    net = network(kind)
    names = [name for name, _ in net.layers.named_children()]
    assert names == ["conv1", "bn1", "pool1", f"{kind}_act1", "act1", "conv2", "bn2", f"{kind}_act2", "act2", "flatten",
                     "fc1", "bn3", f"{kind}_act3", "act3", "fc2"]  # fmt: skip
    frames = torch.randint(0, 6, (T, N, 2, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    out = forward(net, frames)
    assert out.shape == (T, N, 3)
    out.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    plain, again = network(kind, attention=False).state_dict(), network(kind).state_dict()
    own = net.state_dict()
    assert all(torch.equal(own[name], value) for name, value in plain.items() if "bn" not in name)
    assert {name for name in own if name not in plain} == {name for name in own if f"{kind}_act" in name}
    assert all(torch.equal(own[name], again[name]) for name in own if f"{kind}_act" in name)
    # Units have attention over time alone.
    assert size(net.layers.get_submodule(f"{kind}_act3")) == size(made_of(kind, None))


def made_of(kind: str, channels: int | None) -> nn.Module:
    options: Any = checked("nets.layers", {"kind": kind})
    return {"ta": ta, "ma": ma, "rm": rm}[kind].build(options, channels, T)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["act-pool", "pool-act"])
def test_batch_norms_are_folded_although_it_stands_behind_them(kind: str, order: str) -> None:
    net = network(kind, order=order)
    frames = torch.randint(0, 6, (T, N, 2, 6, 6), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    for name, _ in list(net.layers.named_children()):
        if name.startswith("act"):
            net.layers.set_submodule(name, nn.Tanh())
    with torch.no_grad():
        for _ in range(3):
            forward(net.train(), frames)
        fixed = folded(net.eval())
        assert not [module for module in fixed.modules() if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
        torch.testing.assert_close(forward(fixed, frames), forward(net, frames))


def test_operations_by_hand() -> None:
    x = random(T, N, C, H, W)
    values = x.numel()
    # TA: 6 -> 3 -> 6 for each recording. The others run their nets for means and for maxima.
    assert made("ta").operations(x) == N * 2 * (6 * 3) + values
    over_time, over_channels = N * 2 * 2 * (6 * 3), N * 2 * 2 * (8 * 1)
    assert made("ma").operations(x) == over_time + over_channels + N * H * W * 2 * 9 + 3 * values
    assert made("rm").operations(x) == over_time + N * 2 * 2 * (8 * 2) + 2 * values
    units = random(T, N, C)
    assert made("ma", None).operations(units) == over_time + units.numel()
    assert made("rm", None).operations(units) == over_time + units.numel()


@pytest.mark.parametrize("kind", KINDS)
def test_the_layer_behind_still_adds_spikes(kind: str) -> None:
    net = network(kind, activation={"kind": "lif", "threshold": 0.005, "output": "spike"}).eval()
    frames = np.random.default_rng(0).integers(0, 6, (2, T, 2, 6, 6), dtype=np.uint8)
    found = {entry.name: entry for entry in count_operations(net, frames, 2, CPU, "t")}
    assert list(found) == ["conv1", f"{kind}_act1", "conv2", f"{kind}_act2", "fc1", f"{kind}_act3", "fc2"]
    assert found["conv1"].macs > 0 and found[f"{kind}_act1"].macs > 0 and found["conv2"].firing_rate > 0
    with torch.no_grad():
        sent = forward_features(net, torch.from_numpy(frames).movedim(0, 1), ["act1", "act2", "act3"])[1]
    for name, home, behind in (("act1", "conv1", "conv2"), ("act2", "conv2", "fc1"), ("act3", "fc1", "fc2")):
        rate, weight = sent[name], net.layers.get_submodule(behind).weight
        assert found[home].firing_rate == pytest.approx(rate.mean().item())
        # Each spike to each synapse that it reaches.
        if weight.dim() == 4:
            reached = nn.functional.conv2d(rate, torch.ones_like(weight), padding=1).sum()
        else:
            reached = len(weight) * rate.sum()
        assert (found[behind].macs, found[behind].synops) == (0, pytest.approx(T * reached.item() / len(frames)))
