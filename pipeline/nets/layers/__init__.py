"""Layers, one file a kind: activations, neurons, attention, dropout, votes.

Each file has `Options` and `build(options, channels=None, steps=None)`, which returns a multi-step module: tensors
[T, N, ...] in and out. `channels` and `steps` are what a layer may be bound to: those of the maps it sees, and T. A
constant `CAUSAL = False` says that an answer hangs on later frames too, `BEFORE = True` that attention goes before the
activations that a network names for it, and not behind them; `channels` is then None where they are a linear layer's.
`BOUND = True` says that a neuron knows T steps alone. Of a module with `draw(generator)` the network calls it, last.

A layer that is neither an activation nor built of the layers in `pipeline.nets.tree` has a method
`operations(*inputs)`, by which conversion and counting know it: its multiply-accumulates on these inputs, or a pair of
those and its accumulates. With `passed(*spikes)` it says how many spikes leave it; see `evaluation.operations`.

A neuron whose answers are no spikes, or stand for more than one, has `spikes(out)`: the number in each place, or None.
Of a group of neurons in one, `members` is how many they are.
"""
