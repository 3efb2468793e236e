"""Networks: shapes, causality, conversion, weights files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from spikingjelly.activation_based import layer
from torch import nn

from pipeline.errors import WeightsError
from pipeline.nets.convert import convert
from pipeline.nets.forward import activations, forward, forward_features, laid_out
from pipeline.nets.layers._spiking import FusedNeuron
from pipeline.nets.layers.if_ import IF
from pipeline.nets.layers.lif import LIF
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.weights import load_weights, save_weights
from tests.networks import chain, vgg_snn


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(activation=lambda: QCFS(4, 2.0), seed: int = 0, width: float = 1 / 32) -> nn.Module:
    return vgg_snn(5, (16, 16), width, activation, seeded(seed))


def frames(steps: int = 3, batch: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randint(0, 4, (steps, batch, 2, 16, 16), generator=seeded(seed), dtype=torch.uint8)


def settle(net: nn.Module) -> nn.Module:
    """Give batch norm statistics other than its initial ones."""
    net.train()
    for seed in range(40):
        forward(net, frames(seed=seed))
    return net.eval()


def test_paper_network_has_the_papers_parameters() -> None:
    assert sum(parameter.numel() for parameter in vgg_snn(10, (48, 48)).parameters()) == 9_271_498


def test_full_width_runs_forward_and_backward() -> None:
    net = vgg_snn(10, (48, 48))
    out = forward(net, torch.ones(2, 1, 2, 48, 48))
    assert out.shape == (2, 1, 10)
    out.sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("activation", [lambda: QCFS(4, 2.0), lambda: IF(1.0), lambda: LIF(1.0)])
def test_maps_frames_to_logits(activation) -> None:
    assert forward(small(activation), frames(3, 4)).shape == (3, 4, 5)


@pytest.mark.parametrize("activation", [lambda: IF(0.5), lambda: LIF(0.5)])
def test_output_does_not_depend_on_later_frames(activation) -> None:
    net = settle(small(activation, width=1 / 8))
    x = frames(5)
    changed = x.clone()
    changed[3:] = frames(2, seed=9)
    assert torch.equal(forward(net, x)[:3], forward(net, changed)[:3])
    assert not torch.equal(forward(net, x)[3:], forward(net, changed)[3:])


@pytest.mark.parametrize("activation", [lambda: IF(0.5), lambda: LIF(0.5)])
def test_a_truncated_run_is_the_beginning_of_the_whole(activation) -> None:
    """What DTS reads off at T' is what the network would have said in T' steps."""
    net = settle(small(activation, width=1 / 8))
    x = frames(5)
    with torch.no_grad():
        whole = forward(net, x)
        for steps in (1, 2, 4):
            torch.testing.assert_close(forward(net, x[:steps]), whole[:steps], rtol=1e-4, atol=1e-4)


def test_taps_give_what_leaves_a_layer_averaged_over_the_steps() -> None:
    x = frames(3, 2)
    for net in (settle(small()), settle(small(lambda: IF(0.5)))):
        kept = {}
        for name in ("conv1", "pool2", "fc"):
            keep = partial(kept.setdefault, name)
            net.layers.get_submodule(name).register_forward_hook(lambda _, __, out, keep=keep: keep(out))
        logits, features = forward_features(net, x, ["pool2", "fc", "conv1", "act1"])
        assert torch.equal(logits, forward(net, x)) and set(features) == {"conv1", "act1", "pool2", "fc"}
        for name, out in kept.items():
            torch.testing.assert_close(features[name], out.mean(0))
        assert features["act1"].shape == (2, 2, 16, 16)
        torch.testing.assert_close(features["fc"], logits.mean(0))
        assert forward_features(net, x, ())[1] == {}
    with pytest.raises(ValueError, match="no layer act9, b in this network; its activations: act1, act2"):
        forward_features(net, x, ["act9", "act1", "b"])


def test_ann_sees_each_frame_alone() -> None:
    net = settle(small())
    x = frames(4)
    torch.testing.assert_close(forward(net, x)[2], forward(net, x[2:3])[0], rtol=1e-5, atol=1e-5)


def test_conversion_leaves_the_ann_alone() -> None:
    ann = settle(small())
    before = {name: value.clone() for name, value in ann.state_dict().items()}
    snn = convert(ann)
    with torch.no_grad():
        for parameter in snn.parameters():
            parameter.add_(1.0)
    assert all(torch.equal(value, before[name]) for name, value in ann.state_dict().items())
    assert all(isinstance(module, FusedNeuron) for _, module in activations(snn))
    assert all(isinstance(module, QCFS) for _, module in activations(ann))
    assert not any(name.endswith("threshold") for name, _ in snn.named_parameters())


def test_thresholds_are_taken_over() -> None:
    ann = small()
    for index, (_, module) in enumerate(activations(ann)):
        nn.init.constant_(module.threshold, 0.5 + index)
    assert [module.threshold.item() for _, module in activations(convert(ann))] == [0.5 + i for i in range(8)]


def test_each_layer_is_converted_exactly() -> None:
    """Layer by layer: the converted neuron, driven for L steps by what the QCFS sees, gives what the QCFS gives."""
    ann = settle(small())
    snn = convert(ann)
    x = laid_out(frames(1))
    pairs = dict(zip((n for n, _ in activations(ann)), (module for _, module in activations(snn)), strict=True))
    for name, module in ann.layers.named_children():
        if name in pairs:
            position = (x / module.threshold * module.levels + 0.5) % 1
            clear = (position > 1e-3) & (position < 1 - 1e-3)
            averaged = pairs[name](x.expand(module.levels, *x.shape[1:])).mean(0)
            torch.testing.assert_close(averaged[clear[0]], module(x)[clear], rtol=1e-6, atol=1e-6)
        x = module(x)


def test_one_hidden_layer_converts_exactly_in_eval_mode() -> None:
    torch.manual_seed(0)
    ann = chain(
        {"conv": layer.Conv2d(2, 3, 3), "bn": layer.BatchNorm2d(3), "act": QCFS(8, 2.0), "flatten": layer.Flatten(),
         "fc": layer.Linear(3 * 14 * 14, 5)}
    )  # fmt: skip
    ann = settle(ann)
    x = frames(1)
    torch.testing.assert_close(
        forward(convert(ann), x.expand(8, -1, -1, -1, -1)).mean(0), forward(ann, x)[0], rtol=1e-4, atol=1e-4
    )


def test_deep_conversion_approaches_the_ann_with_more_steps() -> None:
    ann = settle(small(lambda: QCFS(64, 2.0)))
    snn = convert(ann)
    x = frames(1)
    with torch.no_grad():
        wanted = forward(ann, x)[0]
        errors = [(forward(snn, x.expand(t, -1, -1, -1, -1)).mean(0) - wanted).abs().mean() for t in (4, 32, 256)]
    # Eq. 6: the remainder falls with T; what stays is the quantisation of the ANN.
    assert errors[0] > 2 * errors[1] > 4 * errors[2]


def test_nothing_to_convert_is_an_error() -> None:
    with pytest.raises(ValueError, match="no QCFS"):
        convert(small(lambda: IF(1.0)))


def test_same_generator_same_weights() -> None:
    one, two = small(seed=3).state_dict(), small(seed=3).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(one["layers.conv1.weight"], small(seed=4).state_dict()["layers.conv1.weight"])


def test_impossible_networks_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 16"):
        vgg_snn(10, (8, 48))
    with pytest.raises(ValueError, match="width"):
        vgg_snn(10, width=0.0)


def test_weights_come_back(tmp_path: Path) -> None:
    net = settle(small())
    save_weights(net, tmp_path / "a.safetensors")
    again = load_weights(small(seed=8), tmp_path / "a.safetensors").eval()
    assert torch.equal(forward(net, frames()), forward(again, frames()))
    save_weights(again, tmp_path / "b.safetensors")
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_bad_weights_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    with pytest.raises(WeightsError, match=r"w\.safetensors: not found.*dvc repro"):
        load_weights(small(), path)
    save_weights(small(), path)
    with pytest.raises(WeightsError, match="another network.*bn1"):
        load_weights(vgg_snn(5, (16, 16), 1 / 16, lambda: QCFS(4)), path)
    data = path.read_bytes()
    for cut in (b"", data[:5], data[:100], data[:-4], b"\xff" * 64):
        path.write_bytes(cut)
        with pytest.raises(WeightsError, match=r"w\.safetensors.*dvc repro"):
            load_weights(small(), path)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_frames_are_laid_out_for_convolutions(dtype: torch.dtype) -> None:
    frames = torch.randint(0, 9, (3, 4, 2, 5, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)).to(
        dtype
    )
    # As the loop has them: steps and samples change places without a copy.
    seen = frames.transpose(0, 1).contiguous().transpose(0, 1)
    found = laid_out(seen)
    assert found.dtype == torch.float32 and found.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(found, frames.float())
