"""Weights files: safetensors, so that reading one runs no code and equal weights are equal bytes."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load as parse
from safetensors.torch import save as serialise
from torch import nn

from pipeline.errors import WeightsError
from pipeline.runtime.files import write_bytes

REPAIR = "delete it and run `dvc repro`"


def save_weights(net: nn.Module, path: str | Path) -> None:
    """Write a network's parameters and buffers, whole or not at all."""
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    write_bytes(path, serialise(state))


def load_weights(net: nn.Module, path: str | Path) -> nn.Module:
    """Read parameters and buffers into a network of the same shape, and return it.

    Raises:
        WeightsError: the file is missing, damaged or belongs to another network.
    """
    path = Path(path)
    try:
        state = parse(path.read_bytes())
    except FileNotFoundError as error:
        raise WeightsError(path, "not found; `dvc repro` makes it") from error
    except (OSError, SafetensorError, ValueError) as error:
        raise WeightsError(path, f"damaged ({error}); {REPAIR}") from error
    expected = {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if expected != found:
        wrong = sorted(name for name in {*expected, *found} if expected.get(name) != found.get(name))
        first = wrong[0]
        raise WeightsError(
            path,
            f"is of another network: {len(wrong)} tensors differ, first {first}: "
            f"expected {expected.get(first)}, found {found.get(first)}; {REPAIR}",
        )
    net.load_state_dict(state)
    return net
