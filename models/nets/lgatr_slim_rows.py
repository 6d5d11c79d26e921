"""A training step of the float L-GATr-slim: the same layers and numbers, with one row for each token.

Only layers of the float kinds are taken this way, so what replaces one of them (a quantized form, a simulated one, a
user's own) is never passed over. In the last block only the global token is read: its query, and what follows of it,
are all that is computed there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tritag.models.layers import minkowski
from tritag.models.layers.linear import Linear
from tritag.models.layers.lorentz import real_tokens
from tritag.models.layers.residual import Residual
from tritag.models.layers.slim_rows import Lanes, Part, row_attention, row_linear, row_norm, scalar_gate, vector_gate

if TYPE_CHECKING:
    from tritag.models.nets.lgatr_slim import LGATrSlim

_KINDS = (
    *(Linear, Residual, nn.ModuleList),
    *(minkowski.VectorLinear, minkowski.VectorResidual, minkowski.JointNorm, minkowski.MinkowskiProduct),
    *(minkowski.GatedUnit, minkowski.MinkowskiAttention),
)


def has_rows(network: LGATrSlim, own: tuple[type[nn.Module], ...]) -> bool:
    """Whether the blocks consist of float layers and of ``own`` alone, and nobody listens to one of them (hooks)."""
    return all(
        type(part) in (*_KINDS, *own) and not part._forward_hooks and not part._forward_pre_hooks
        for part in network.blocks.modules()
    )


def last_rows(network: LGATrSlim, vectors: Tensor, scalars: Tensor, count: Tensor) -> Tensor:
    """Scalars (B, 1, S) of the global token behind the blocks; vectors (B, 4 M, V) and scalars (B, M, S) embedded."""
    x = torch.cat([vectors.reshape(*scalars.shape[:2], -1), scalars], dim=-1)
    for block in network.blocks:
        x = _block(block, x, count)
    return x[..., x.shape[-1] - scalars.shape[-1] :]


def _block(block: Any, x: Tensor, count: Tensor) -> Tensor:
    v, s, heads = block.norm_query.vectors, block.norm_query.scalars, block.norm_query.heads
    lanes, of_heads = Lanes(v, s), Lanes(v, s, heads)
    y = row_norm(x, lanes)
    if block.last:
        x = x[:, :1]
    q = row_linear(y[:, : x.shape[1]], [Part(lanes, of_heads, lowered=True)], _weights(block, "query"))
    pair = [Part(lanes, of_heads), Part(lanes, of_heads, lanes.size)]
    kv = row_linear(y, pair, [*_weights(block, "key"), *_weights(block, "value")])
    q, kv = row_norm(q, of_heads), row_norm(kv, Lanes(2 * v, 2 * s, 2 * heads))
    real = real_tokens(count, block.attention.n_constituents, kv.shape[1])[:, None, :]
    mean = row_attention(q, kv, heads, real)
    x = row_linear(mean, [Part(of_heads, lanes)], _weights(block, "project"), x)
    y = row_norm(x, lanes)
    if block.last:
        _, scalars = x.split([4 * v, s], dim=-1)
        return torch.cat([x[..., : 4 * v], scalars + block.mlp_scalars(y[..., 4 * v :])], dim=-1)
    return _mlp(block, x, y, lanes)


def _mlp(block: Any, x: Tensor, y: Tensor, lanes: Lanes) -> Tensor:
    of_v, of_s = block.mlp_vectors, block.mlp_scalars
    v, s = y.split([4 * lanes.vectors, lanes.scalars], dim=-1)
    given, made = Lanes(lanes.vectors, 0), Lanes(of_v.value.out_features, 0)
    parts = [Part(given, made, i * made.size) for i in range(3)]
    gated = vector_gate(row_linear(v, parts, [of_v.gate.weight, of_v.other_gate.weight, of_v.value.weight]))
    v = row_linear(gated, [Part(made, given)], [of_v.contract.weight])
    both = of_s.value, of_s.gate
    hidden = F.linear(
        s.flatten(0, -2), *(torch.cat([getattr(part, name) for part in both]) for name in ("weight", "bias"))
    )
    s = of_s.contract(scalar_gate(hidden)).view(*x.shape[:-1], -1)
    return x + torch.cat([v, s], dim=-1)


def _weights(block: Any, name: str) -> list[Tensor]:
    vectors, scalars = getattr(block, f"{name}_vectors"), getattr(block, f"{name}_scalars")
    return [vectors.weight, scalars.weight, scalars.bias]


__all__ = ["has_rows", "last_rows"]
