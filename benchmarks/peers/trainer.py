"""Training steps as they are usually written in PyTorch: its defaults, fp32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from benchmarks.batches import Batch
from pipeline.config import Optimiser


class PeerTrainer:
    """One batch, again and again: zero_grad, forward, backward, the optimiser's step."""

    def __init__(
        self, net: nn.Module, optimiser: Optimiser, loss: Callable[[Tensor, Tensor], Tensor], batch: Batch
    ) -> None:
        self.net, self.loss, self.batch = net.to(batch.floats.device).train(), loss, batch
        if optimiser.name == "sgd":
            self.optimiser: torch.optim.Optimizer = torch.optim.SGD(
                net.parameters(), optimiser.lr, momentum=optimiser.momentum, weight_decay=optimiser.weight_decay
            )
        else:
            self.optimiser = torch.optim.Adam(net.parameters(), optimiser.lr, weight_decay=optimiser.weight_decay)

    def step(self) -> Tensor:
        """Take one step and give its loss, without gradient."""
        self.optimiser.zero_grad(set_to_none=True)
        loss = self.loss(self.net(self.batch.floats), self.batch.labels)
        loss.backward()
        self.optimiser.step()
        return loss.detach()
