"""The forms for compilers against the in-place forms that the CPU uses, uncompiled and compiled."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest
import torch

from pipeline.nets import kernels
from pipeline.nets.layers import _spiking, qcfs
from pipeline.nets.layers._spiking import Dynamics

KINDS = {
    "if": Dynamics(decay=1.0, hard=False, detach_reset=False),
    "if, detached": Dynamics(decay=1.0, hard=False, detach_reset=True),
    "lif": Dynamics(decay=0.5, hard=True, detach_reset=False),
    "lif, detached": Dynamics(decay=0.5, hard=True, detach_reset=True),
}
SHAPE = (4, 3, 5, 5, 2)


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the forms for compilers run uncompiled."""
    monkeypatch.setattr(kernels, "compiled", lambda function: function)


def compare_spikes(kind: str, dtype: torch.dtype, started: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    current = (2 * torch.randn(SHAPE, generator=generator)).to(dtype)
    threshold, dynamics = torch.tensor(1.37), KINDS[kind]
    start = (
        torch.rand(SHAPE[1:], generator=generator) if started else torch.full(SHAPE[1:], 0.0 if dynamics.hard else 0.5)
    )
    u, out, last = _spiking._forward(current, threshold, start, dynamics)
    assert 0.1 < (out > 0).float().mean() < 0.9
    for ours, theirs in zip(
        _spiking._compiled_forward(current, threshold, start, dynamics), (u, out, last), strict=True
    ):
        assert torch.equal(ours, theirs)
    upstream = torch.randn(SHAPE, generator=generator)
    for to_last in (None, torch.randn(SHAPE[1:], generator=generator)):
        grads = [
            run(u, threshold, upstream, to_last, dynamics, dtype)
            for run in (_spiking._backward, _spiking._compiled_backward)
        ]
        assert grads[0][0].dtype == grads[1][0].dtype == dtype
        torch.testing.assert_close(*grads)


@pytest.mark.parametrize("started", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("kind", KINDS)
def test_spikes_are_equal_and_gradients_too(plain: None, kind: str, dtype: torch.dtype, started: bool) -> None:
    compare_spikes(kind, dtype, started)


@pytest.mark.parametrize("clamp", [False, True])
@pytest.mark.parametrize("shape", [(6, 3, 4, 4), (6, 7)])
def test_quantised_values_are_equal_and_gradients_too(plain: None, shape: tuple[int, ...], clamp: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    z = 2 * torch.randn(shape, generator=generator)
    if len(shape) == 4:
        z = z.contiguous(memory_format=torch.channels_last)
    threshold, levels = torch.tensor(1.37), 4
    expected = qcfs._level(z, threshold, levels).mul_(threshold / levels)
    found = qcfs._compiled_forward(z, threshold, levels)
    assert torch.equal(found, expected) and found.stride() == z.stride()

    leaf, scalar = z.clone().requires_grad_(), threshold.clone().requires_grad_()
    upstream = torch.randn(shape, generator=generator)
    qcfs._Quantise.apply(leaf, scalar, levels, clamp).backward(upstream)
    grad_z, grad_threshold = qcfs._compiled_backward(z, threshold, upstream, levels, clamp)
    assert torch.equal(grad_z, leaf.grad)
    torch.testing.assert_close(grad_threshold, scalar.grad)


@pytest.mark.skipif(shutil.which("c++") is None, reason="torch.compile needs a C++ compiler on the CPU")
def test_compiled_forms_are_equal_too() -> None:
    # Seven seconds, most of them the compiler's: one kind of neuron.
    compare_spikes("if", torch.bfloat16, started=False)


def test_one_name_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Callable[..., object]] = []
    monkeypatch.setattr(torch, "compile", lambda function, **_: made.append(function) or function)
    kernels.compiled.cache_clear()
    assert kernels.compiled(kernels.quantise) is kernels.compiled(kernels.quantise)
    assert made == [kernels.quantise]
    kernels.compiled.cache_clear()
