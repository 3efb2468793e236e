"""A spiking network as a file in NIR, which other simulators and chips read (Pedersen et al., Nat. Commun. 2024)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spikingjelly.activation_based import functional
from torch import nn

from pipeline.errors import PipelineError
from pipeline.nets.fold import folded
from pipeline.nets.forward import HOLDER
from pipeline.runtime.files import replacing


def export_nir(
    net: nn.Module, size: tuple[int, int], about: Mapping[str, Any], path: str | Path, approximate: bool = False
) -> list[str]:
    """Write a spiking network as NIR, and return what of the network the file is not: nothing, if not `approximate`.

    Metadata: each key of `about` as JSON, `dt`, the seconds of a step, and `differences`.

    Args:
        net: it is left as it is.
        size: height and width of the frames, px.
        about: JSON-able, what the network is.
        approximate: write hard resets in place of soft ones, so that all neurons are IF and LIF, which readers know.

    Raises:
        PipelineError: NIR has no primitives for a layer, which is named; or a package is missing.
    """
    try:
        import nir

        from pipeline.export.graph import DT, Graph
    except ImportError as error:
        raise PipelineError(f"NIR files are written by nir ({error}); pip install 'hsd-pipeline[export]'") from error
    copied = folded(net).cpu()
    try:
        functional.set_step_mode(copied, "s")
        graph = Graph(getattr(copied, HOLDER.rstrip("."), copied), size, approximate)
    except ValueError as error:
        raise PipelineError(f"no NIR of this network: {error}") from error
    more = {"dt": DT, "differences": graph.differences}
    metadata = {key: json.dumps(value) for key, value in sorted({**about, **more}.items())}
    with replacing(path) as partial:
        nir.write(partial, nir.NIRGraph(graph.nodes, graph.edges, metadata))
    return graph.differences
