"""The learned width of an attention's weights: how many bits the exponential of a score under the largest one gets."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tritag.models.layers.products import row_products, weighted_sums
from tritag.quant.formats.straight_through import straight_through
from tritag.quant.weights.learned_bits import whole

# A weight of one bit would only say which keys are close to the largest score.
_FEWEST_BITS = 2


class LearnedAttentionBits(nn.Module):
    """Width of all weights of one attention, trained from ``most`` bits downwards; weights have no sign.

    Training does not see the rounding, as with a width that is set: it computes with the weights as they are, and the
    width has the gradient that the rounding errors would have. A training that sees weights of two or three bits makes
    the scores so large that one weight is 1 and the others are 0, and stays there.
    """

    def __init__(self, most: int) -> None:
        super().__init__()
        self.most = most
        self.width = nn.Parameter(torch.tensor(float(most)))

    def bits(self) -> int:
        """The width as a whole number."""
        return min(max(round(self.width.item()), _FEWEST_BITS), self.most)

    def learned(self) -> Tensor:
        """The width with its gradient."""
        return whole(self.width)

    def forward(self, weights: Tensor) -> Tensor:
        """Weights from 0 to 1 as they are, with the gradient of the width by what ``2**bits - 1`` steps would round."""
        with torch.no_grad():
            self.width.clamp_(_FEWEST_BITS, self.most)
            top = 2.0 ** self.bits() - 1
            error = weights - torch.round(weights * top) / top
        return straight_through(weights + error * math.log(2) * self.width, weights)


def weighted_attention(
    q: Tensor, k: Tensor, v: Tensor, heads: int, count: Tensor | None, weights: LearnedAttentionBits
) -> Tensor:
    """Attention whose weights learn their width: q (B, N, C), k and v (B, M, C), count (B, 1) or None, to (B, N, C).

    As in the exact form, a weight is ``exp(score - largest score)``, and the weighted sum is divided by the sum of the
    weights; a jet without constituents attends to its first token. Without a count all keys are real.
    """
    query, key, value = (x.unflatten(-1, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    scores = row_products(query * query.shape[-1] ** -0.5, key)
    if count is not None:
        real = (torch.arange(k.shape[1], device=k.device) < count.clamp(min=1))[:, None, None]
        scores = scores + (real.to(scores.dtype) - 1) * torch.finfo(scores.dtype).max
    given = weights(torch.exp(scores - scores.detach().amax(-1, keepdim=True)))
    mean = weighted_sums(given, value) / given.sum(-1, keepdim=True)
    return mean.transpose(1, 2).flatten(2)
