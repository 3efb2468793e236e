"""Weights files: safetensors, so that reading one runs no code and equal weights are equal bytes.

What a network is stands in the file's metadata under the one key ABOUT, as JSON with sorted keys: safetensors writes
several keys in an order that changes from run to run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load as parse
from safetensors.torch import save as serialise
from torch import nn

from pipeline.errors import WeightsError
from pipeline.runtime.files import write_bytes

REPAIR = "one of data/models/ comes back with `dvc repro` once it is deleted"
ABOUT = "about"


def save_weights(net: nn.Module, path: str | Path, about: Mapping[str, Any] | None = None) -> None:
    """Write a network's parameters and buffers, whole or not at all.

    Args:
        about: JSON-able, what the network is: its run, settings, classes, digests.
    """
    state = {name: tensor.detach().cpu().contiguous() for name, tensor in net.state_dict().items()}
    said = None if about is None else {ABOUT: json.dumps(dict(about), sort_keys=True)}
    write_bytes(path, serialise(state, said))


def read_about(path: str | Path) -> dict[str, Any]:
    """Return what a weights file says of its network, without reading its weights.

    Raises:
        WeightsError: the file is missing, damaged or says nothing.
    """
    try:
        with safe_open(path, "pt") as file:
            about: dict[str, Any] = json.loads((file.metadata() or {})[ABOUT])
    except FileNotFoundError as error:
        raise WeightsError(path, "not found; `dvc repro` makes it") from error
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise WeightsError(path, f"damaged, or written by another program ({error}); {REPAIR}") from error
    return about


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
