"""Both phases of training: losses, gradients and augmentations as pieces, one loop, checkpoint and resume."""
