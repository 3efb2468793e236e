"""Networks for other programs: one step as ONNX with its states, a spiking network as NIR."""
