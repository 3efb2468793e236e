"""The products of spiking self-attention (Spikformer; Zhou et al., ICLR 2023), a layer without weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class AttentionProduct(nn.Module):
    """(q kᵀ) v · scale in each head, of one step by itself: no softmax, and no mixing of steps.

    It is computed as q (kᵀ v), which is the same and costs less where tokens outnumber the channels of a head, as in
    SpikingJelly's SpikingSelfAttention. Sums of spikes are exact: float32, under autocast too.

    Args:
        heads: groups of channels that attend by themselves.
        scale: factor on the product.

    Shape: q, k and v one behind the other [..., 3C, H, W] -> [..., C, H, W] float32; tokens are the H · W places.
    """

    def __init__(self, heads: int, scale: float) -> None:
        super().__init__()
        self.heads, self.scale = heads, scale

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(x)
        # Without memory (the plan's check of a network) there is no autocast.
        with torch.autocast("cuda" if x.is_cuda else "cpu", enabled=False):
            out = (v @ k.mT) @ q * self.scale
        return out.flatten(-3, -2).unflatten(-1, x.shape[-2:])

    def split(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return q, k and v by heads, each float32 [..., heads, channels of a head, tokens]."""
        parts = x.float().flatten(-2).unflatten(-2, (3, self.heads, -1))
        q, k, v = parts.unbind(-4)
        return q, k, v

    def operations(self, x: Tensor) -> tuple[int, int]:
        """Return (multiply-accumulates, accumulates) of both products.

        Of spikes: one for each spike of k and spike of v at the same token of a head, then for each spike of q as many
        as a head has channels. Of analog values, which no neuron with one value beside 0 sends, both products multiply
        densely. The scale belongs to the threshold of the neuron behind it.
        """
        q, k, v = self.split(x)
        channels = q.shape[-2]
        if bool(((x == 0) | (x == x.max())).all()):
            met = torch.count_nonzero(k, -2) * torch.count_nonzero(v, -2)
            return 0, int(met.sum()) + int(torch.count_nonzero(q)) * channels
        return 2 * q.numel() * channels, 0

    def extra_repr(self) -> str:
        return f"heads={self.heads}, scale={self.scale}"
