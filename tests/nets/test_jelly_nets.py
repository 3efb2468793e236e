"""A network of SpikingJelly's own trains and answers through our functions."""

from __future__ import annotations

import numpy as np
import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from spikingjelly.activation_based.model import parametric_lif_net

from pipeline.evaluation.accuracy import predict
from pipeline.evaluation.maps import spikes
from pipeline.evaluation.operations import count_operations
from pipeline.nets.forward import activations, forward
from pipeline.runtime.hardware import Hardware

CPU = Hardware(torch.device("cpu"), "fp32")


def test_the_parametric_lif_net_for_gesture() -> None:
    torch.manual_seed(0)
    net = parametric_lif_net.DVSGestureNet(
        channels=4, spiking_neuron=neuron.ParametricLIFNode, surrogate_function=surrogate.ATan(), detach_reset=True
    )
    functional.set_step_mode(net, "m")
    frames = np.random.default_rng(0).integers(0, 3, (2, 3, 2, 128, 128), np.uint8)
    optimiser = torch.optim.SGD(net.parameters(), 0.1)
    before = {name: value.clone() for name, value in net.named_parameters()}
    logits = forward(net, torch.from_numpy(frames).transpose(0, 1))
    assert logits.shape == (3, 2, 11) and logits.dtype == torch.float32
    torch.nn.functional.cross_entropy(logits.mean(0), torch.tensor([1, 2])).backward()
    optimiser.step()
    assert all(not torch.equal(value, before[name]) for name, value in net.named_parameters() if value.grad.any())
    assert sum(bool(value.grad.any()) for value in net.parameters()) > 20

    found = predict(net, frames, 1, CPU)
    assert found.shape == (3, 2, 11)
    with torch.no_grad():
        np.testing.assert_allclose(found, forward(net.eval(), torch.from_numpy(frames).transpose(0, 1)), atol=1e-4)
    layers = count_operations(net, frames, 2, CPU, "t")
    assert len(list(activations(net))) == len(layers) == 7
    assert layers[0].macs == 3 * 4 * 2 * 9 * 128 * 128 and layers[0].synops == 0
    assert all(layer.macs == 0 and layer.firing_rate is not None for layer in layers[1:])
    (shown,) = spikes(net, frames[0], CPU, 1).values()
    assert layers[1].synops > 0 and shown.shape == (3, 4, 128, 128)
