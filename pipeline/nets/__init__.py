"""Networks over frames: ANNs, spiking networks, and the way from one to the other.

Every network is a tree of SpikingJelly's multi-step modules: tensors [T, N, ...] in and out, maps channels last.
"""
