"""TCJA against the paper's formula, and that it is bound to what it was built for."""

from __future__ import annotations

import pytest
import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from pipeline.config.network import Network
from pipeline.nets.build import build
from pipeline.nets.forward import forward
from pipeline.nets.layers.tcja import TCJA
from tests.networks import entry

T, N, C, H, W = 5, 3, 8, 4, 6
ATTENTION = {"kind": "tcja", "kernel_t": 4, "kernel_c": 3}


def layer(kernel_t: int = 4, kernel_c: int = 4, steps: int = T) -> TCJA:
    torch.manual_seed(0)
    return TCJA(steps, C, kernel_t, kernel_c)


def as_published(attention: TCJA, x: Tensor) -> Tensor:
    """Zhu et al. (arXiv 2206.10177), in the axes of their code, with torch's own padding: x [T, N, C, H, W]."""
    pooled = x.mean((3, 4)).permute(1, 0, 2)  # [N, T, C]

    def same(weight: Tensor, sequence: Tensor) -> Tensor:
        outputs, inputs, width = weight.shape
        convolution = nn.Conv1d(inputs, outputs, width, padding="same", bias=False)
        convolution.weight = nn.Parameter(weight)
        return convolution(sequence)

    over_time = same(attention.over_steps.weight, pooled).permute(1, 0, 2)  # TLA
    over_channels = same(attention.over_channels.weight, pooled.permute(0, 2, 1)).permute(2, 0, 1)  # CLA
    return x * torch.sigmoid(over_time * over_channels)[:, :, :, None, None]


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
@pytest.mark.parametrize("kernels", [(4, 4), (2, 3), (1, 1), (5, 2)])
def test_is_the_papers_formula(kernels: tuple[int, int]) -> None:
    attention = layer(*kernels)
    assert attention.over_steps.weight.shape == (T, T, kernels[0])
    assert attention.over_channels.weight.shape == (C, C, kernels[1])
    x = torch.rand(T, N, C, H, W).round() * 2
    found = attention(x)
    torch.testing.assert_close(found, as_published(attention, x))
    assert not torch.allclose(found, x / 2)


def test_one_step_and_one_channel_by_hand() -> None:
    attention = TCJA(1, 1, 1, 1)
    with torch.no_grad():
        attention.over_steps.weight.fill_(2.0)
        attention.over_channels.weight.fill_(3.0)
    # Of the mean 1/2: σ(1 · 3/2).
    x = torch.tensor([1.0, 0.0]).view(1, 1, 1, 1, 2)
    assert attention(x).flatten().tolist() == pytest.approx([1 / (1 + torch.e**-1.5), 0.0])


def test_every_step_hangs_on_every_other() -> None:
    attention = layer()
    x = torch.rand(T, N, C, H, W)
    changed = x.clone()
    changed[-1, 1] = 0.0
    difference = (attention(x) - attention(changed)).abs().sum((2, 3, 4))
    assert (difference[:, 1] > 0).all() and difference[:, [0, 2]].max() == 0


@pytest.mark.parametrize("steps", [1, 4, 6])
def test_another_number_of_steps_is_refused(steps: int) -> None:
    with pytest.raises(ValueError, match=f"built for 5 time steps and mixes all of them, found {steps}.*recipes"):
        layer()(torch.rand(steps, N, C, H, W))


@pytest.mark.parametrize("bad", [(0, 8, 4, 4), (5, 0, 4, 4), (5, 8, 0, 4), (5, 8, 4, 0)])
def test_refuses_what_is_no_attention(bad: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="above 0"):
        TCJA(*bad)


def test_is_bound_to_its_channels() -> None:
    with pytest.raises(RuntimeError, match="channels"):
        layer()(torch.rand(T, N, C + 1, H, W))


def built(
    model: dict | None = None, size: int = 18, attention: dict | None = ATTENTION, name: str = "vgg-snn"
) -> nn.Module:
    network = Network(
        model=entry(name, width=1 / 16, **(model or {})), activation={"kind": "lif", "threshold": 0.5},
        attention=attention, steps=T,
    )  # fmt: skip
    return build(network, 3, (size, size), torch.Generator().manual_seed(0))


def test_stands_behind_the_activations_that_the_network_names() -> None:
    for name, size, places in (("vgg-snn", 18, ["act6", "act8"]), ("snn-5", 32, ["act4", "act5"])):
        net = built(size=size, name=name)
        names = list(net.layers._modules)
        assert [names[names.index(place) + 1] for place in places] == [f"tcja_{place}" for place in places]
        found = {name: module for name, module in net.layers.named_children() if isinstance(module, TCJA)}
        convolutions = dict(net.layers.named_children())
        for place in places:
            channels = convolutions[place.replace("act", "conv")].out_channels
            assert found[f"tcja_{place}"].over_channels.weight.shape == (channels, channels, 3)
            assert found[f"tcja_{place}"].over_steps.weight.shape == (T, T, 4)
        assert len(found) == 2


def test_a_network_with_it_learns_and_answers_in_its_steps_only() -> None:
    net = built()
    frames = torch.randint(0, 6, (T, N, 2, 18, 18), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    out = forward(net, frames)
    assert out.shape == (T, N, 3)
    out.square().sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())
    for steps in (1, T - 1):
        with pytest.raises(ValueError, match="built for 5 time steps"):
            forward(net, frames[:steps])


def test_other_layers_keep_their_weights_and_the_draw_is_repeatable() -> None:
    plain, one, two = built(attention=None).state_dict(), built().state_dict(), built().state_dict()
    assert set(one) - set(plain) == {
        f"layers.tcja_{place}.over_{axis}.weight" for place in ("act6", "act8") for axis in ("steps", "channels")
    }
    assert all(torch.equal(one[name], plain[name]) for name in plain)
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_a_place_that_is_no_layer_is_named() -> None:
    with pytest.raises(ValueError, match="no layer act60 in this network; its activations: act1, act2"):
        built({"attention": ["act6", "act60"]})


def test_without_steps_there_is_no_attention() -> None:
    with pytest.raises(ValueError, match="say how many with steps"):
        Network(model=entry("vgg-snn"), activation={"kind": "lif"}, attention=ATTENTION)
    assert not [name for name in built(attention=None).state_dict() if "tcja" in name]


def test_it_has_no_single_step_mode() -> None:
    with pytest.raises(ValueError, match="step_mode"):
        functional.set_step_mode(built(), "s")
