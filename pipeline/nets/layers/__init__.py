"""Layers, one file a kind: activations, neurons, attention, dropout, votes.

Each file has `Options` and `build(options, channels=None, steps=None)`, which returns a multi-step module: tensors
[T, N, ...] in and out. `channels` and `steps` are what a layer may be bound to: those of the maps it sees, and T. A
constant `CAUSAL = False` says that an answer hangs on later frames too, `BEFORE = True` that attention goes before the
activations that a network names for it, and not behind them; `channels` is then None where they are a linear layer's.

A layer that is neither an activation nor built of the layers in `pipeline.nets.tree` has a method
`operations(x) -> int`: its multiply-accumulates on one input, by which conversion and counting know it.
"""
