"""The row of exported networks: one step by onnxruntime and by torch, one thread each, and the sizes of the files."""

from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from spikingjelly.activation_based import functional

from benchmarks.core import FULL, OURS, SIMULATED, Calls, Context, candidates, in_turn
from benchmarks.nets import IF, planned, random_frames
from benchmarks.report import Row
from pipeline.config.resolve import Resolved
from pipeline.export.nir import export_nir
from pipeline.export.onnx import export_onnx
from pipeline.nets.fold import folded
from pipeline.nets.forward import laid_out
from pipeline.nets.weights import save_weights

TORCH = "torch, one step, folded"
NAMES = ("net.onnx", "net.nir", "net.safetensors")


def export(context: Context) -> list[Row]:
    """Time a step of each network, one recording at a time, and measure its files."""
    return [row(context, dataset) for dataset in context.pick((SIMULATED, FULL), (SIMULATED,))]


def row(context: Context, dataset: str) -> Row:
    """Return the row of one data set's network; ours is the exported file in onnxruntime."""
    _, net, _ = planned(context, IF, dataset)
    settings = context.params.dataset(dataset)
    height, width = settings.integrate.frame_size
    paths = [context.folder / dataset / name for name in NAMES]
    export_onnx(net, (height, width), {}, paths[0])
    export_nir(net, (height, width), {}, paths[1])
    save_weights(net, paths[2])
    makes = {OURS: partial(by_onnxruntime, paths[0], (height, width)), TORCH: partial(by_torch, context, dataset)}
    with candidates(makes) as running:
        times = in_turn(running, "step", context.pick(50, 2))
    sizes = ", ".join(f"{path.suffix[1:]} {path.stat().st_size / 2**20:.2f} MiB" for path in paths)
    factor = Resolved(context.params, context.params.grid).model(dataset).width
    case = f"VGG-SNN ×{factor:g}, IF, {height}×{width}, one step, batch 1, one thread"
    note = f"ours: onnxruntime {metadata.version('onnxruntime')}; {sizes}"
    return Row("export", case, TORCH).compared(times[OURS], times[TORCH], note)


def by_onnxruntime(path: Path, size: tuple[int, int]) -> Calls:
    """Return a step of a file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options)
    given: dict[str, Any] = {
        put.name: np.zeros([1, *put.shape[1:]], np.float32) for put in session.get_inputs() if put.name != "frame"
    }
    given["frame"] = random_frames(1, 1, list(size), 0)[0][:, 0].astype(np.float32)
    return {"step": lambda: session.run(None, given) is None}


def by_torch(context: Context, dataset: str) -> Calls:
    """Return a step of the network as streaming runs it."""
    torch.set_num_threads(1)
    net = folded(planned(context, IF, dataset)[1])
    functional.set_step_mode(net, "s")
    size = context.params.dataset(dataset).integrate.frame_size
    frame = laid_out(torch.from_numpy(random_frames(1, 1, list(size), 0)[0]).transpose(0, 1))[0]

    @torch.no_grad()
    def step() -> None:
        net(frame)

    return {"step": step}
