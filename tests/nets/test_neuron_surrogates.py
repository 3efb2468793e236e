"""Dspike's surrogate: its derivative, its limits, and a sharpness that a search may change and a checkpoint keeps."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from pipeline.nets.convert import convert
from pipeline.nets.fold import folded
from pipeline.nets.forward import forward
from pipeline.nets.layers import if_
from pipeline.nets.layers._surrogates import Arctan, Dspike, DspikeFunction, Rect, Sigmoid, Surrogate, Triangle, build
from pipeline.nets.layers.qcfs import QCFS
from pipeline.nets.tree import duplicate
from pipeline.pieces import checked, module_of
from tests.networks import vgg_snn

PAPER, SEENN = Dspike(sharpness=4.0, reach=0.5), Dspike(sharpness=3.0, reach=3.0)


def slope(options: Surrogate, d: Tensor) -> Tensor:
    x = d.clone().requires_grad_()
    spikes = build(options)(x)
    assert torch.equal(spikes.detach(), (d >= 0).float())
    spikes.sum().backward()
    return x.grad


@pytest.mark.parametrize("options", [PAPER, SEENN, Dspike(sharpness=0.7, reach=1.3)])
def test_the_derivative_is_that_of_the_smooth_step(options: Dspike) -> None:
    d = torch.linspace(-options.reach + 1e-3, options.reach - 1e-3, 101, dtype=torch.float64)
    made, h = build(options).double(), 1e-6
    settings = {"sharpness": made.sharpness, "reach": made.reach}
    smooth = [made.primitive_function(d + side * h, **settings) for side in (-1, 1)]
    torch.testing.assert_close(
        slope(options, d.float()).double(), (smooth[1] - smooth[0]) / (2 * h), rtol=1e-4, atol=1e-5
    )
    ends = torch.tensor([-options.reach, options.reach], dtype=torch.float64)
    torch.testing.assert_close(made.primitive_function(ends, **settings), torch.tensor([0.0, 1.0], dtype=torch.float64))
    assert slope(options, torch.tensor([-options.reach - 0.01, options.reach + 0.01])).tolist() == [0, 0]


def test_by_hand_in_the_papers_form_and_seenns() -> None:
    # b sech²(bd) / (2 tanh(b/2)) at d = 0.25 with b = 4, and b sech²(bd) / (2 tanh(rb)) at d = 1 with b = r = 3.
    paper = 4 / math.cosh(1.0) ** 2 / (2 * math.tanh(2.0))
    seenn = 3 / math.cosh(3.0) ** 2 / (2 * math.tanh(9.0))
    assert slope(PAPER, torch.tensor([0.25, 0.6])).tolist() == pytest.approx([paper, 0.0])
    assert slope(SEENN, torch.tensor([1.0, 3.1])).tolist() == pytest.approx([seenn, 0.0], abs=1e-6)
    # Without sharpness it is the straight line: rect(1).
    d = torch.tensor([-0.4, 0.0, 0.3, 0.7])
    torch.testing.assert_close(slope(Dspike(sharpness=1e-3, reach=0.5), d), slope(Rect(), d), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("options", [Triangle(width=0.7), Rect(width=0.8), Arctan(), Sigmoid(), PAPER, SEENN])
def test_every_surrogate_is_a_bump_of_area_one(options: Surrogate) -> None:
    d = torch.linspace(-200, 200, 4_000_001)
    assert (slope(options, d).double().sum() * 1e-4).item() == pytest.approx(1, abs=2e-3)


def net() -> nn.Module:
    options = checked(
        "nets.layers",
        {"kind": "lif", "surrogate": {"kind": "dspike", "sharpness": 3.0, "reach": 0.5}, "output": "spike"},
    )
    layer = module_of("nets.layers", options)
    return vgg_snn(4, (16, 16), 1 / 32, lambda: layer.build(options), torch.Generator().manual_seed(0))


def functions(net: nn.Module) -> list[DspikeFunction]:
    return [module for module in net.modules() if isinstance(module, DspikeFunction)]


def test_the_sharpness_is_a_buffer_that_copies_and_checkpoints_keep() -> None:
    student = net()
    names = [name for name, _ in student.named_buffers() if name.endswith("surrogate_function.sharpness")]
    assert len(names) == len(functions(student)) == 8
    assert not any(name.endswith("sharpness") for name, _ in student.named_parameters())
    for function in functions(student):
        function.sharpness.fill_(5.0)
    other = net()
    assert functions(other)[0].sharpness.item() == 3.0
    other.load_state_dict(student.state_dict())
    for made in (other, duplicate(student), folded(student)):
        assert {function.sharpness.item() for function in functions(made)} == {5.0}
    frames = torch.randint(0, 4, (2, 3, 2, 16, 16), generator=torch.Generator().manual_seed(1))
    student.eval()
    with torch.no_grad():
        torch.testing.assert_close(forward(folded(student), frames), forward(student, frames), rtol=1e-4, atol=1e-4)


def test_another_sharpness_is_another_gradient_at_once() -> None:
    made, d = build(PAPER), torch.tensor([0.2], requires_grad=True)
    made(d).backward()
    before = d.grad.clone()
    made.sharpness.fill_(8.0)
    d.grad = None
    made(d).backward()
    assert before.item() == pytest.approx(4 / math.cosh(0.8) ** 2 / (2 * math.tanh(2)))
    assert d.grad.item() == pytest.approx(8 / math.cosh(1.6) ** 2 / (2 * math.tanh(4)))
    assert made.sharpness.grad is None and "sharpness=" in repr(made)


def test_a_network_may_convert_to_neurons_with_it() -> None:
    ann = vgg_snn(4, (16, 16), 1 / 32, lambda: QCFS(4, 2.0), torch.Generator().manual_seed(0))
    snn = convert(ann, if_.Options(surrogate=Dspike(sharpness=3.0, reach=0.5)))
    frames = torch.randint(0, 4, (2, 3, 2, 16, 16), generator=torch.Generator().manual_seed(1))
    forward(snn, frames).sum().backward()
    assert len(functions(snn)) == 8 and all(function.sharpness.item() == 3.0 for function in functions(snn))
