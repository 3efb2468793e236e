"""Models, one file a kind.

Each file has `Options` and `build(options, classes, size, activation, generator)`, which returns a multi-step network:
frames float32 [T, N, 2, H, W] in, logits [T, N, C] out. `activation` makes the activation of a layer from its channels,
`generator` is the source of the initial weights (None takes torch's own). `options.attention` names the activations at
which attention goes.
"""
