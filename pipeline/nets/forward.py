"""One pass of a network over frames, and its parts by name."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from pipeline.nets.tree import is_activation

# The holder of a chain's layers, left out of their names.
HOLDER = "layers."


def forward(net: nn.Module, frames: Tensor) -> Tensor:
    """Return the logits of a multi-step network, float32 [T, N, C], for frames [T, N, 2, H, W] of any dtype.

    The neurons begin at v(0) and are left there.

    Raises:
        ValueError: what the network gives is not [T, N, C].
    """
    functional.reset_net(net)
    try:
        out: Tensor = net(laid_out(frames))
    finally:
        # No membrane, and no graph behind it, outlives the pass.
        functional.reset_net(net)
    if out.dim() != 3 or out.shape[:2] != frames.shape[:2]:
        raise ValueError(
            f"expected logits [T, N, C] with T, N = {tuple(frames.shape[:2])}, found {tuple(out.shape)}; a network "
            "of one's own is put in multi-step mode by functional.set_step_mode(net, 'm')"
        )
    return out.float()


def forward_features(net: nn.Module, frames: Tensor, layers: Collection[str]) -> tuple[Tensor, dict[str, Tensor]]:
    """Return the logits and what leaves the named layers, averaged over the steps: {name: float32 [N, ...]}.

    Raises:
        ValueError: the network has no layer of a name.
    """
    features: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, inputs: Any, out: Tensor) -> None:
        del module, inputs
        features[name] = out.float().mean(0)

    with ExitStack() as hooks:
        for name, module in named(net, layers).items():
            handle = module.register_forward_hook(partial(keep, name))
            hooks.callback(handle.remove)
        return forward(net, frames), features


def forward_steps(net: nn.Module, frames: Tensor) -> Generator[Tensor, None, None]:
    """Yield the logits float32 [1, N, C] of each step; membranes are handed on from step to step without gradient.

    Between two steps the caller may go back through the last. Close the generator where it is left early
    (contextlib.closing): the neurons then begin at v(0) again.
    """
    functional.reset_net(net)
    try:
        for frame in frames:
            out: Tensor = net(laid_out(frame[None]))
            yield out.float()
            functional.detach_net(net)
    finally:
        functional.reset_net(net)


def named(net: nn.Module, names: Collection[str]) -> dict[str, nn.Module]:
    """Return the submodules of these names; those of a chain are named without the holder, `act1`.

    Raises:
        ValueError: the network has no layer of a name; its activations are named.
    """
    known = {name.removeprefix(HOLDER): module for name, module in net.named_modules()}
    missing = [name for name in names if name not in known]
    if missing:
        activated = ", ".join(name for name, _ in activations(net))
        raise ValueError(f"no layer {', '.join(missing)} in this network; its activations: {activated}")
    return {name: known[name] for name in names}


def activations(net: nn.Module) -> Iterator[tuple[str, nn.Module]]:
    """Yield the names and modules of QCFS and spiking neurons, ours or SpikingJelly's, in the order of `modules()`."""
    for name, module in net.named_modules():
        if is_activation(module):
            yield name.removeprefix(HOLDER), module


def laid_out(frames: Tensor) -> Tensor:
    """Lay counts [T, N, C, H, W] of any dtype out as convolutions take them: float32, the same shape, channels last."""
    flat = frames.flatten(0, 1)
    out = torch.empty(flat.shape, dtype=torch.float32, device=flat.device, memory_format=torch.channels_last)
    # Channel by channel: with two of them, half the time of a general change of the layout.
    for channel in range(flat.shape[1]):
        out[:, channel] = flat[:, channel]
    return out.unflatten(0, frames.shape[:2])
