"""Fewer time steps along a network: each way by hand, and the chain that does it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from spikingjelly.activation_based import functional, layer
from torch import Tensor, nn

from pipeline.config.network import Network
from pipeline.evaluation.operations import count_operations
from pipeline.nets.build import build
from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.forward import forward, forward_features, forward_steps
from pipeline.nets.layers import hold, shrink
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.pieces import checked
from pipeline.runtime.hardware import Hardware
from tests.networks import chain, entry

CPU = Hardware(torch.device("cpu"), "fp32")
WAYS = ["linear", "group", "mean", "first"]
STEPS = [5, 3, 2]


def made(by: str, to: int, steps: int, **options: Any) -> nn.Module:
    return shrink.build(shrink.Options(to=to, by=by, **options), steps=steps)


def spikes(*shape: int) -> Tensor:
    return torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(0)).float()


def network(steps: list[int] | None, by: str = "group", activation: dict | None = None, **options: Any) -> nn.Module:
    """Return a narrow chain whose stages end behind its pools."""
    model: dict[str, Any] = {"kind": "chain", "layers": [4, "p", 6, "p", 6], **options}
    if steps:
        model["shrink"] = {"after": ["pool1", "pool2"][: len(steps) - 1], "steps": steps, "kind": by}
    wanted = Network(model=model, activation=activation or {"kind": "if", "threshold": 0.3}, steps=(steps or [5])[0])
    return build(wanted, 3, (8, 8), torch.Generator().manual_seed(0))


def frames(steps: int = 5, batch: int = 2, seed: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 4, (steps, batch, 2, 8, 8), generator=generator, dtype=torch.uint8)


def test_groups_end_at_rounded_shares_and_hold_every_step_once() -> None:
    assert shrink.groups(8, 6) == [(0, 1), (1, 3), (3, 4), (4, 5), (5, 7), (7, 8)]
    assert shrink.groups(5, 2) == [(0, 3), (3, 5)] and shrink.groups(3, 3) == [(0, 1), (1, 2), (2, 3)]
    for steps in range(1, 20):
        for left in range(1, steps + 1):
            found = shrink.groups(steps, left)
            assert [step for first, stop in found for step in range(first, stop)] == list(range(steps))
            assert len(found) == left and all(first < stop for first, stop in found)


@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 7)])
def test_each_way_by_hand(shape: tuple[int, ...]) -> None:
    x = spikes(5, *shape)
    assert torch.equal(made("group", 2, 5)(x), torch.stack([x[0] + x[1] + x[2], x[3] + x[4]]))
    torch.testing.assert_close(made("mean", 2, 5)(x), torch.stack([x[:3].mean(0), x[3:].mean(0)]))
    assert torch.equal(made("first", 2, 5)(x), x[:2])
    mixing = made("linear", 2, 5)
    with torch.no_grad():
        mixing.mixing.copy_(torch.randn(2, 5, generator=torch.Generator().manual_seed(0)))
        weights = mixing.mixing.exp() / mixing.mixing.exp().sum(1, keepdim=True)
        wanted = torch.stack([sum(weights[to, step] * x[step] for step in range(5)) for to in range(2)])
        torch.testing.assert_close(mixing(x), wanted)


def test_sums_keep_every_spike_and_single_steps_change_nothing() -> None:
    x = spikes(7, 2, 3, 4, 4)
    for left in range(1, 8):
        assert torch.equal(made("group", left, 7)(x).sum(0), x.sum(0))
    for by in ("group", "mean", "first"):
        assert torch.equal(made(by, 7, 7)(x), x)


def test_linear_starts_near_the_means_and_learns() -> None:
    x = spikes(6, 2, 3, 4, 4)
    torch.testing.assert_close(made("linear", 3, 6, focus=50.0)(x), made("mean", 3, 6)(x))
    torch.testing.assert_close(made("linear", 3, 6, focus=0.0)(x), x.mean(0).expand(3, -1, -1, -1, -1))
    layer_ = made("linear", 3, 6)
    assert [name for name, _ in layer_.named_parameters()] == ["mixing"] and not made("mean", 3, 6).state_dict()
    own = layer_.weights()[0, :2]
    torch.testing.assert_close(own, torch.full((2,), torch.e**4 / (2 * torch.e**4 + 4)))
    (layer_(x)[0] ** 2).sum().backward()
    assert (layer_.mixing.grad[0] != 0).all()


@pytest.mark.parametrize("by", WAYS)
def test_what_it_is_not_built_for_is_refused(by: str) -> None:
    for steps in (4, 6):
        with pytest.raises(ValueError, match=f"built for 5 time steps and mixes all of them, found {steps}"):
            made(by, 2, 5)(spikes(steps, 2, 3))
    with pytest.raises(ValueError, match="expected at least 3 steps to make 3 of, found 2"):
        made(by, 3, 2)
    with pytest.raises(ValueError, match="found None"):
        shrink.build(shrink.Options(to=1, by=by))
    with pytest.raises(ValueError, match="'linear', 'group', 'mean' or 'first'"):
        checked("nets.layers", {"kind": "shrink", "to": 2, "by": "last"})


def test_hold_repeats_the_mean() -> None:
    x = torch.tensor([[[1.0, 2.0]], [[3.0, 6.0]]])
    assert hold.build(hold.Options(), steps=3)(x).tolist() == [[[2.0, 4.0]]] * 3
    with pytest.raises(ValueError, match="found None"):
        hold.build(hold.Options())


@pytest.mark.parametrize("by", WAYS)
def test_with_one_stage_it_is_the_plain_network_to_the_bit(by: str) -> None:
    plain, one = network(None), network([5], by)
    assert [name for name, _ in one.named_modules()] == [name for name, _ in plain.named_modules()]
    assert all(torch.equal(value, plain.state_dict()[name]) for name, value in one.state_dict().items())
    assert torch.equal(forward(one, frames()), forward(plain, frames()))
    options: Any = checked("nets.models", {**entry("vgg-9"), "shrink": {"after": [], "steps": [5]}})
    assert options.causal and options.steps is None and checked("nets.models", entry("vgg-9")).causal


@pytest.mark.parametrize("by", WAYS)
def test_steps_fall_from_stage_to_stage_and_every_step_has_the_same_answer(by: str) -> None:
    net, seen = network(STEPS, by), {}
    for name, module in net.layers.named_children():
        module.register_forward_hook(lambda _, __, out, name=name: seen.setdefault(name, out))
    out = forward(net, frames())
    names = [name for name, _ in net.layers.named_children()]
    assert names[3:6] == ["pool1", "shrink1", "conv2"] and names[-2:] == ["fc", "hold"]
    assert [len(seen[name]) for name in ("act1", "pool1", "conv2", "act2", "pool2", "act3", "fc")] == [
        5,
        5,
        3,
        3,
        3,
        2,
        2,
    ]
    assert out.shape == (5, 2, 3) and torch.equal(out, out[:1].expand_as(out))
    torch.testing.assert_close(out[0], seen["fc"].mean(0))
    out.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    plain, own = (dict(made.named_parameters()) for made in (network(None), net))
    assert all(torch.equal(own[name], value) for name, value in plain.items())
    # What leaves a layer, averaged over the steps that it has: early classifiers look at these.
    assert forward_features(net, frames(), ["act2"])[1]["act2"].shape == (2, 6, 4, 4)


@pytest.mark.parametrize("by", WAYS)
def test_it_waits_for_all_frames_and_has_no_single_steps(by: str) -> None:
    net, x = network(STEPS, by), frames()
    for seed in range(20):
        forward(net.train(), frames(seed=seed))
    net.eval()
    changed = x.clone()
    changed[1, 1] = 20 * changed[0, 1]
    with torch.no_grad():
        one, two = forward(net, x), forward(net, changed)
    assert torch.equal(one[:, 0], two[:, 0]) and not torch.equal(one[0, 1], two[0, 1])
    assert not checked("nets.models", {**entry("ssnn")}).causal
    with pytest.raises(ValueError, match="built for 5 time steps"):
        next(forward_steps(net, x))
    with pytest.raises(ValueError, match=r"step_mode 's': \w+ needs all 5 frames before it answers"):
        functional.set_step_mode(net, "s")


@pytest.mark.parametrize("by", WAYS)
def test_batch_norms_are_folded(by: str) -> None:
    net = network(STEPS, by)
    for name in ("act1", "act2", "act3"):
        net.layers.set_submodule(name, nn.Tanh())
    with torch.no_grad():
        for seed in range(3):
            forward(net.train(), frames(seed=seed))
        fixed = folded(net.eval())
        assert not [module for module in fixed.modules() if isinstance(module, nn.BatchNorm2d)]
        torch.testing.assert_close(forward(fixed, frames()), forward(net, frames()))


def filled(module: nn.Module) -> nn.Module:
    nn.init.constant_(module.weight, 1.5)
    return module


@pytest.mark.parametrize("by", WAYS)
def test_operations_and_rates_by_hand(by: str) -> None:
    layers = {"conv1": filled(layer.Conv2d(2, 1, 1, bias=False)), "act1": IF(3.0), "shrink1": made(by, 2, 4),
              "conv2": filled(layer.Conv2d(1, 3, 1, bias=False)), "act2": IF(100.0), "flatten": layer.Flatten(),
              "fc": filled(layer.Linear(48, 5, bias=False)), "hold": hold.Hold(4)}  # fmt: skip
    net, counts = chain(layers), np.zeros((1, 4, 2, 4, 4), np.uint8)
    # Two pixels fire in step 0, one of them in step 1 too, and another in step 3.
    counts[0, 0, 0, 0, :2] = counts[0, 1, 0, 0, 0] = counts[0, 3, 0, 3, 3] = 2
    found = {entry.name: entry for entry in count_operations(net, counts, 1, CPU, "t")}
    assert (found["conv1"].macs, found["conv1"].synops) == (4 * 16 * 2, 0)
    assert found["conv1"].firing_rate == 4 / (4 * 16)
    assert found["conv2"].firing_rate == 0 and found["fc"].synops == 0
    if by in ("group", "first"):
        # All four spikes go on, or the three of the first two steps; each reaches three synapses.
        assert (found["conv2"].macs, found["conv2"].synops) == (0, 3 * (4 if by == "group" else 3))
        assert "shrink1" not in found
    else:
        # Real values at the two steps that are left: all are multiplied. Each spike has been, with 1 or 2 weights.
        assert (found["conv2"].macs, found["conv2"].synops) == (2 * 16 * 3, 0)
        assert found["shrink1"].macs == 4 * (2 if by == "linear" else 1)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"after": ["pool1"], "steps": [5]}, "shrink: steps: 1 layers in after make 2 stages, found"),
        ({"after": ["pool1"], "steps": [5, 5]}, "each stage has fewer than the one before"),
        ({"after": ["pool1"], "steps": [5, 0]}, "greater than or equal to 1"),
        ({"after": ["pool1"], "steps": [5, 2], "kind": "last"}, "'linear', 'group', 'mean' or 'first'"),
    ],
)
def test_stages_that_cannot_be_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        checked("nets.models", {"kind": "chain", "layers": [4, "p"], "shrink": wrong})


def test_stages_that_end_nowhere_or_at_another_t_are_refused() -> None:
    for after in (["pool2", "pool1"], ["pool1", "pool9"]):
        with pytest.raises(ValueError, match=r"shrink.after: expected layers in their order \(conv1, bn1, act1, pool1"):
            network(None, shrink={"after": after, "steps": [5, 3, 2]})
    model = {"kind": "chain", "layers": [4, "p"], "shrink": {"after": ["pool1"], "steps": [4, 2]}}
    for steps, said in ((5, "T = 5"), (None, "T = any")):
        with pytest.raises(ValueError, match=rf"shrinks its steps from T = 4 \(shrink.steps\), found {said}"):
            build(Network(model=model, activation={"kind": "if"}, steps=steps), 3, (8, 8))


def test_attention_has_the_steps_of_its_stage() -> None:
    model = {"kind": "chain", "layers": [4, "p", 6, "p", 6], "attention": ["act1", "act2", "act3"],
             "shrink": {"after": ["act1", "act2"], "steps": STEPS}}  # fmt: skip
    for kind in ("tcja", "ta"):
        net = build(Network(model=model, activation={"kind": "if"}, attention={"kind": kind}, steps=5), 3, (8, 8))
        assert [net.layers.get_submodule(f"{kind}_act{number}").steps for number in (1, 2, 3)] == STEPS
        assert forward(net, frames()).shape == (5, 2, 3)


def test_it_is_not_converted() -> None:
    net = chain({"conv1": layer.Conv2d(2, 3, 1), "act1": QCFS(4, 1.0), "shrink1": made("group", 2, 4),
                 "hold": hold.Hold(4)})  # fmt: skip
    with pytest.raises(
        ValueError, match=r"fewer time steps than L do not.*found layers\.shrink1 \(Shrink\), layers\.hold \(Hold\)"
    ):
        convert(net)


def test_ssnn_has_five_steps_on_average() -> None:
    for name, average, steps in (("ssnn", 5, 8), ("ssnn-10", 10, 16)):
        options: Any = checked("nets.models", entry(name))
        assert options.steps == steps and np.mean(options.shrink.steps) == average
        assert options.shrink.after == ["pool1", "pool2", "pool3"]
        with torch.device("meta"):
            net = build(Network(model=options, activation={"kind": "lif"}, steps=steps), 10, (48, 48))
        mixing = sum(a * b for a, b in zip(options.shrink.steps, options.shrink.steps[1:], strict=False))
        assert sum(parameter.numel() for parameter in net.parameters()) == 9_230_538 + mixing
