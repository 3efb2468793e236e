"""Networks over frames [T, N, 2, H, W]: QCFS ANNs, their spiking conversions, and the VGG-SNN family."""

from pipeline.nets.convert import convert
from pipeline.nets.network import FrameNet
from pipeline.nets.neurons import IF, LIF, SpikingNeuron
from pipeline.nets.qcfs import QCFS
from pipeline.nets.vgg import vgg_snn

__all__ = ["IF", "LIF", "QCFS", "FrameNet", "SpikingNeuron", "convert", "vgg_snn"]
