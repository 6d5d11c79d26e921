"""A training step of the float L-GATr-slim: the same layers and numbers, with the tokens last.

Only layers of the float kinds are taken this way, so what replaces one of them (a quantized form, a simulated one, a
user's own) is never passed over. In the last block only the global token is read: its query, and what follows of it,
are all that is computed there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from tritag.models.layers import minkowski
from tritag.models.layers.linear import Linear
from tritag.models.layers.lorentz import real_tokens
from tritag.models.layers.residual import Residual
from tritag.models.layers.slim_columns import (
    column_attention,
    joint_norm,
    scalar_gate,
    scalar_linear,
    vector_gate,
    vector_linear,
)

if TYPE_CHECKING:
    from tritag.models.nets.lgatr_slim import LGATrSlim

_KINDS = (
    *(Linear, Residual, nn.ModuleList),
    *(minkowski.VectorLinear, minkowski.VectorResidual, minkowski.JointNorm, minkowski.MinkowskiProduct),
    *(minkowski.GatedUnit, minkowski.MinkowskiAttention),
)


def has_columns(network: LGATrSlim, own: tuple[type[nn.Module], ...]) -> bool:
    """Whether the blocks consist of float layers and of ``own`` alone, and nobody listens to one of them (hooks)."""
    return all(
        type(part) in (*_KINDS, *own) and not part._forward_hooks and not part._forward_pre_hooks
        for part in network.blocks.modules()
    )


def last_scalars(network: LGATrSlim, vectors: Tensor, scalars: Tensor, count: Tensor) -> Tensor:
    """Scalars (B, 1, S) of the global token behind the blocks; vectors (B, 4 M, V) and scalars (B, M, S) embedded."""
    tokens = scalars.shape[1]
    v = minkowski.components(vectors).flatten(0, 1).permute(1, 2, 0).contiguous()
    s = scalars.flatten(0, 1).mT.contiguous()
    for block in network.blocks:
        v, s = _block(block, v, s, count, tokens)
    return s.mT[:, None]


def _block(block: Any, v: Tensor, s: Tensor, count: Tensor, tokens: int) -> tuple[Tensor, Tensor]:
    """Vectors (4, V, B M) and scalars (S, B M) behind a block; behind the last one those of the global token."""
    heads = block.norm_query.heads
    y_v, y_s = _normed(v, s)
    names, queries = ["query", "key", "value"], None
    if block.last:
        names = names[1:]
        v, s = _first(v, tokens), _first(s, tokens)
        queries = _attended(block, ["query"], _first(y_v, tokens), _first(y_s, tokens))
    columns = _attended(block, names, y_v, y_s)
    real = real_tokens(count, block.attention.n_constituents, tokens)[:, None, :]
    mean_v, mean_s = column_attention(columns, real, v.shape[1] // heads, queries)
    v = vector_linear(block.project_vectors.weight, mean_v, v)
    s = scalar_linear(block.project_scalars.weight, block.project_scalars.bias, mean_s, s)
    y_v, y_s = _normed(v, s)
    return v if block.last else _vector_mlp(block.mlp_vectors, y_v, v), _scalar_mlp(block.mlp_scalars, y_s, s)


def _normed(v: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    y_v, y_s = joint_norm(v, s)[0].split([4 * v.shape[1], len(s)])
    return y_v.view(v.shape), y_s


def _first(x: Tensor, tokens: int) -> Tensor:
    """Of channels (..., B M) those of the first tokens (..., B)."""
    return x.unflatten(-1, (-1, tokens))[..., 0].contiguous()


def _attended(block: Any, names: Sequence[str], v: Tensor, s: Tensor) -> Tensor:
    """Normed columns of queries (with lowered indices), keys and values, as many of them as ``names`` has."""
    of_v, of_s = ([getattr(block, f"{name}_{kind}") for name in names] for kind in ("vectors", "scalars"))
    weight = torch.stack([part.weight for part in of_v]).expand(4, -1, -1, -1)
    if "query" in names:
        signs = weight.new_ones(4, len(names), 1, 1)
        signs[1:, names.index("query")] = -1
        weight = weight * signs
    vectors = vector_linear(weight.flatten(1, 2), v)
    scalars = _scalar_linears(of_s, s)
    return joint_norm(vectors, scalars, len(names) * block.norm_query.heads)


def _vector_mlp(mlp: Any, v: Tensor, stream: Tensor) -> Tensor:
    weight = torch.cat([mlp.gate.weight, mlp.other_gate.weight, mlp.value.weight])
    return vector_linear(mlp.contract.weight, vector_gate(vector_linear(weight, v)), stream)


def _scalar_mlp(mlp: Any, s: Tensor, stream: Tensor) -> Tensor:
    gated = scalar_gate(_scalar_linears([mlp.value, mlp.gate], s))
    return scalar_linear(mlp.contract.weight, mlp.contract.bias, gated, stream)


def _scalar_linears(parts: Sequence[Any], s: Tensor) -> Tensor:
    """Affine maps of the same scalars (S, N), one below the other."""
    weight, offset = torch.cat([part.weight for part in parts]), torch.cat([part.bias for part in parts])
    return scalar_linear(weight, offset, s)


__all__ = ["has_columns", "last_scalars"]
