"""What holds for every network in eval mode, checked to the bit: use weights at which sums are exact (see `gentle`)."""

from __future__ import annotations

import torch
from spikingjelly.activation_based import functional
from torch import Tensor, nn

from pipeline.nets.forward import activations, forward, forward_features


def frames(steps: int, batch: int = 3, side: int = 8, seed: int = 0, most: int = 4) -> Tensor:
    """Return counts below `most`, uint8 [T, N, 2, side, side]; each recording has more empty rows than the last."""
    generator = torch.Generator().manual_seed(seed)
    counts = torch.randint(0, most, (steps, batch, 2, side, side), generator=generator, dtype=torch.uint8)
    rows = side - side * torch.arange(batch) // batch
    return counts * (torch.arange(side) < rows[:, None]).to(torch.uint8)[:, None, :, None]


@torch.no_grad()
def recordings_do_not_influence_each_other(net: nn.Module, x: Tensor, other: Tensor) -> None:
    """Change the second of three recordings to that of the other frames: no answer but its own may change."""
    changed = x.clone()
    changed[:, 1] = other[:, 1]
    whole, after, alone = forward(net, x), forward(net, changed), forward(net, x[:, 2:])
    assert torch.equal(whole[:, [0, 2]], after[:, [0, 2]]) and not torch.equal(whole[:, 1], after[:, 1])
    assert torch.equal(whole[:, 2:], alone)


@torch.no_grad()
def answers_do_not_depend_on_later_frames(net: nn.Module, x: Tensor, other: Tensor) -> None:
    """Change the frames from step 3 on: the answers before may not change."""
    changed = x.clone()
    changed[3:] = other[3:]
    before, after = forward(net, x), forward(net, changed)
    assert torch.equal(before[:3], after[:3]) and not torch.equal(before[3:], after[3:])


@torch.no_grad()
def single_steps_are_the_sequence(net: nn.Module, x: Tensor) -> None:
    """Run in SpikingJelly's single-step mode, frame by frame; the network is left in multi-step mode."""
    whole = forward(net, x)
    functional.set_step_mode(net, "s")
    functional.reset_net(net)
    assert torch.equal(torch.stack([net(frame) for frame in x.float()]), whole)
    functional.set_step_mode(net, "m")
    functional.reset_net(net)


def every_parameter_learns(net: nn.Module, x: Tensor) -> None:
    """Train one step: each parameter's gradient is finite, and not 0 throughout."""
    loss = nn.functional.cross_entropy(forward(net.train(), x).mean(0), torch.arange(x.shape[1]))
    loss.backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None and bool(parameter.grad.isfinite().all()), name
        assert bool(parameter.grad.any()), name


@torch.no_grad()
def no_activation_is_silent(net: nn.Module, x: Tensor) -> None:
    """Without this the others say little: each activation sends more than one mean."""
    names = [name for name, _ in activations(net)]
    found = forward_features(net, x, names)[1]
    assert not [name for name in names if len(found[name].unique()) == 1]
