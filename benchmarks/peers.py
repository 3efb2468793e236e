"""The peers: how SpikingJelly and Tonic read, store and load frames, and how others run the same networks, in fp32."""

import copy
import math
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from spikingjelly.activation_based import functional, neuron, surrogate
from tonic import DiskCachedDataset, io
from tonic.transforms import ToFrame
from torch import Tensor, nn
from torch.utils.data import DataLoader, default_collate

from pipeline.nets.layers._spiking import FusedNeuron
from pipeline.nets.layers.qcfs import QCFS
from pipeline.training.augmentations import nda

# `spikingjelly.datasets` imports torchvision and torchaudio, whose extensions do not load beside a torch of another
# build (CPU-only, say). Nothing that is measured touches them: mocks stand in for them meanwhile.
MOCKED = ("torchvision", "torchvision.transforms", "torchvision.datasets", "torchvision.datasets.utils", "torchaudio")
_held = {name: sys.modules.get(name) for name in MOCKED}
sys.modules.update({name: MagicMock() for name in MOCKED})
utils, cifar10_dvs = (import_module(f"spikingjelly.datasets.{name}") for name in ("utils", "cifar10_dvs"))
sys.modules.update(_held)  # type: ignore[arg-type]
for _name in [name for name, module in _held.items() if module is None]:
    del sys.modules[_name]

TONIC, JELLY = "Tonic", "SpikingJelly"
STEP_LOOP, LAYER_LOOP, JELLY_NET = "time loop, fp32", "TET's layers, fp32", "SpikingJelly multi-step"
PLAIN = "plain PyTorch, fp32"
# What the table says of them.
NOTES = {
    TONIC: "tonic.io.read_dvs_128 / read_dvs_ibm fail in 1.7.0; their own public parts are called instead",
    JELLY: "torchvision and torchaudio stood in for while spikingjelly.datasets was imported",
}
# What CIFAR10-DVS needs to be turned back by: SpikingJelly's reader swaps and mirrors axes and inverts the polarity.
TURNS = {"AEDAT 2.0": ("transpose", "flip_x", "flip_y", "invert"), "AEDAT 3.1": (), "ATIS": ()}
# What SpikingJelly's data set of each format calls; its public way to AEDAT 2.0 also writes an npz, this only reads.
READERS = {"AEDAT 2.0": cifar10_dvs._load_origin_data, "AEDAT 3.1": utils.load_aedat_v3, "ATIS": utils.load_ATIS_bin}
# What N-MNIST and N-Caltech101 give Tonic's io.read_mnist_file.
MNIST = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])


def jelly(path: Path, form: str, steps: int, sensor: tuple[int, int]) -> NDArray[np.float64]:
    """Return a recording read and integrated by SpikingJelly: float64 [T, 2, H, W], in its axes."""
    return utils.integrate_events_by_fixed_frames_number(READERS[form](path), "number", steps, *sensor)


def tonic(path: Path, form: str, steps: int, sensor: tuple[int, int]) -> NDArray[np.int16]:
    """Return a recording read by Tonic (see NOTES), in its frames, int16 [T, 2, H, W]; a remainder of events drops."""
    if form == "ATIS":
        events = io.read_mnist_file(str(path), dtype=MNIST)
    else:
        version, start, _ = io.read_aedat_header_from_file(str(path))
        stored = io.get_aer_events_from_file(str(path), version, start)
        # read_dvs_128 calls the row x; named as the sensor has them here.
        bits = ((1, 0x7F), (8, 0x7F), (0, 1)) if form == "AEDAT 2.0" else ((17, 0x1FFF), (2, 0x1FFF), (1, 1))
        x, y, p = ((stored["address"] >> shift) & mask for shift, mask in bits)
        events = io.make_structured_array(x, y, stored["timeStamp"], p)
    return ToFrame(sensor_size=(*sensor[::-1], 2), n_event_bins=steps)(events)


def save(path: Path, counts: NDArray[Any]) -> int:
    """Write a frames file as SpikingJelly does by default, float64, compressed npz, and return its bytes."""
    utils.np_savez(path, frames=counts.astype(np.float64))
    return path.stat().st_size


def loader(
    samples: list[tuple[Path, int]], vary: Callable[[Any], Tensor], cache: Path | None, batch: int, workers: int,
    seed: int,
) -> DataLoader[Any]:  # fmt: skip
    """Return a DataLoader of SpikingJelly's frames files and labels, or of Tonic's `cache` of them, varied."""
    dataset: Any = samples
    how: Any = {"collate_fn": partial(_read, vary)}
    if cache is not None:
        # Filled as by default (one HDF5 file each, lzf) with frames int16, as ToFrame gives them.
        frames = [(utils.load_npz_frames(file).astype(np.int16), label) for file, label in samples]
        for index, _ in enumerate(frames):
            DiskCachedDataset(frames, str(cache))[index]
        dataset, how = DiskCachedDataset(frames, str(cache), transform=vary), {}
    # The best settings on a CPU: workers that stay, no pinned memory.
    how |= {"persistent_workers": workers > 0, "generator": torch.Generator().manual_seed(seed)}
    return DataLoader(dataset, batch, shuffle=True, num_workers=workers, **how)


def _read(vary: Callable[[Any], Tensor], samples: list[tuple[Path, int]]) -> Any:
    return default_collate([(vary(utils.load_npz_frames(file)), label) for file, label in samples])


def varied(steps: int, settings: nda.Options, frames: NDArray[Any]) -> Tensor:
    """Return a phase's frames as floats, varied as NDA does it: by one of roll, rotate, shear, all frames alike."""
    x, kind = torch.from_numpy(frames[:steps]).float(), int(torch.randint(3, ()))
    if kind == 0:
        rows, columns = torch.randint(-settings.roll_px, settings.roll_px + 1, (2,)).tolist()
        return torch.roll(x, (rows, columns), (-2, -1))
    most = settings.rotate_deg if kind == 1 else settings.shear_deg
    return turned(x, kind == 1, float(2 * torch.rand(()) - 1) * most)


def turned(x: Tensor, rotate: bool, degrees: float) -> Tensor:
    """Return frames [T, 2, H, W] rotated counter-clockwise about their centre, or sheared along x; 0 from outside."""
    # On a tensor, torchvision's rotate and affine are these calls.
    angle = math.radians(degrees)
    sheared = [[1.0, math.tan(angle), 0.0], [0.0, 1.0, 0.0]]
    rotated = [[math.cos(angle), -math.sin(angle), 0.0], [math.sin(angle), math.cos(angle), 0.0]]
    matrix = torch.tensor(rotated if rotate else sheared).expand(len(x), 2, 3)
    grid = F.affine_grid(matrix, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="nearest", padding_mode="zeros", align_corners=False)


class Triangle(torch.autograd.Function):
    """TET's ZIF: a step forward, a triangle of half-width γ backward."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, gamma: float) -> Tensor:
        out = (x >= 0).float()
        ctx.save_for_backward(x)
        ctx.gamma = gamma
        return out

    @staticmethod
    def backward(ctx: Any, *upstream: Tensor) -> tuple[Tensor, None]:
        (x,), gamma = ctx.saved_tensors, ctx.gamma
        return upstream[0] * (1 / gamma) * (1 / gamma) * (gamma - x.abs()).clamp(min=0), None


class Neuron(nn.Module):
    """One time step of a spiking neuron with threshold 1: hard reset to 0 (LIF), or by subtraction (IF)."""

    def __init__(self, decay: float, hard: bool, start: float) -> None:
        super().__init__()
        self.decay, self.hard, self.start = decay, hard, start
        self.membrane: Tensor | float = start

    def forward(self, x: Tensor) -> Tensor:
        membrane = self.membrane * self.decay + x
        spike: Tensor = Triangle.apply(membrane - 1.0, 1.0)
        self.membrane = (1 - spike) * membrane if self.hard else membrane - spike
        return spike


class GradFloor(torch.autograd.Function):
    """Floor forward, identity backward."""

    @staticmethod
    def forward(_: Any, x: Tensor) -> Tensor:
        return x.floor()

    @staticmethod
    def backward(_: Any, *upstream: Tensor) -> Tensor:
        return upstream[0]


class PlainQCFS(nn.Module):
    """QCFS as its authors released it, their IF at T = 0: x / λ, clamp to 0..1, floor(x L + 1/2) / L, times λ."""

    def __init__(self, levels: int, threshold: float) -> None:
        super().__init__()
        self.levels, self.threshold = levels, nn.Parameter(torch.tensor([threshold]))

    def forward(self, x: Tensor) -> Tensor:
        x = x / self.threshold
        x = torch.clamp(x, 0, 1)
        x = GradFloor.apply(x * self.levels + 0.5) / self.levels
        return x * self.threshold


class Peer(nn.Module):
    """Frames float32 [T, N, 2, H, W] -> logits [T, N, C], by copies of a chain's layers; the chain stays as it is."""

    def __init__(self, name: str, net: nn.Module) -> None:
        super().__init__()
        self.name = name
        self.layers = nn.Sequential(
            *(_made(layer, name == JELLY_NET) for layer in net.get_submodule("layers").children())
        )
        # What the pipeline sets for repeatable runs is taken back: torch's own settings.
        torch.use_deterministic_algorithms(False)
        torch.backends.cudnn.benchmark = torch.backends.cudnn.allow_tf32 = True

    def forward(self, x: Tensor) -> Tensor:
        if self.name == JELLY_NET:
            # In step mode m, reset as its guide says.
            functional.reset_net(self)
            return self.layers(x)
        for spiking in (layer for layer in self.layers if isinstance(layer, Neuron)):
            spiking.membrane = spiking.start
        if self.name == STEP_LOOP:
            # One step after the other through all layers, as most code does.
            return torch.stack([self.layers(frame) for frame in x])
        # Time folded into the batch but for the neurons, as TET's released code does.
        for layer in self.layers:
            if isinstance(layer, Neuron):
                x = torch.stack([layer(current) for current in x])
            else:
                x = layer(x.flatten(0, 1).contiguous()).unflatten(0, (len(x), -1))
        return x


def _made(layer: nn.Module, jelly: bool) -> nn.Module:
    """Return SpikingJelly's layer, or torch's own and the activations above."""
    if isinstance(layer, FusedNeuron):
        threshold, hard, start = float(layer.threshold), layer.dynamics.hard, layer.get_reset_value("v")
        if jelly:
            # u = v/2 + x and reset to 0, or soft reset and v(0) = θ/2; the surrogate of eq. 12, else its defaults.
            node = partial(neuron.LIFNode, 2.0, False) if hard else neuron.HalfThresholdIFNode
            return node(v_threshold=threshold, surrogate_function=surrogate.PiecewiseQuadratic(1.0), step_mode="m")
        if threshold != 1:
            raise ValueError(f"expected a threshold of 1, found {threshold}")
        return Neuron(layer.dynamics.decay, hard, start)
    if isinstance(layer, QCFS):
        return PlainQCFS(layer.levels, layer.positive_threshold().item())
    copied = copy.deepcopy(layer)
    if not jelly:
        # SpikingJelly's are torch's with a step mode.
        copied.__class__ = next(kind for kind in type(layer).__mro__ if kind.__module__.startswith("torch.nn"))
    for parameter in copied.parameters():
        # In torch's own order of axes.
        parameter.data = parameter.data.contiguous()
    return copied
