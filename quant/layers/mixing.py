"""Quantized layers along the candidates' axis, and a linear layer with its batch norm folded in."""

from __future__ import annotations

from typing import Any

from torch import nn

from tritag.models.layers import mixing
from tritag.models.layers.attention import LinearAttention
from tritag.models.layers.linear import Role
from tritag.models.layers.norms import fold_into
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.layers.factory import QuantLayers, quantizes
from tritag.quant.layers.linear import quantized_linear
from tritag.quant.ops.attention import Attention


def transposed(x: FixedTensor) -> FixedTensor:
    """The same values (B, N, C) as (B, C, N)."""
    return FixedTensor(x.value.transpose(1, 2), x.grid, x.bits)


class QuantTranspose(nn.Module):
    """Rows become lanes, without arithmetic."""

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Map (B, N, C) to (B, C, N)."""
        return transposed(x)


class QuantTokenLinear(nn.Module):
    """A linear layer between two transpositions."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Map (B, n_in, C) to (B, n_out, C)."""
        return transposed(self.linear(transposed(x)))


class QuantFlatten(nn.Module):
    """All rows in one, without arithmetic."""

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Map (B, N, C) to (B, 1, N * C)."""
        rows, lanes = (int(size) for size in x.value.shape[1:])
        return x.reshape(-1, 1, rows * lanes)


class QuantLinearNorm(nn.Module):
    """A linear layer that takes in the batch norm behind it when float weights are loaded."""

    def __init__(self, linear: nn.Module) -> None:
        super().__init__()
        self.linear = linear

    def forward(self, x: FixedTensor, count: FixedTensor) -> FixedTensor:
        """Map x (B, N, n_in) and count (B, 1), which only the statistics need, to (B, N, n_out)."""
        return self.linear(x)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *arguments: Any) -> None:
        names = [name for name in state if name.startswith(f"{prefix}norm.")]
        if names:
            norm = {name.removeprefix(f"{prefix}norm."): state.pop(name) for name in names}
            weight, bias = (f"{prefix}linear.{name}" for name in ("weight", "bias"))
            state[weight], state[bias] = fold_into(state[weight], state[bias], norm)
        super()._load_from_state_dict(state, prefix, *arguments)


@quantizes(mixing.Transpose)
def quantized_transpose(layers: QuantLayers) -> nn.Module:
    """The same values."""
    return QuantTranspose()


@quantizes(mixing.TokenLinear)
def quantized_token_linear(
    layers: QuantLayers, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False
) -> nn.Module:
    """As a linear layer of the channels."""
    return QuantTokenLinear(quantized_linear(layers, n_in, n_out, role, summed))


@quantizes(mixing.Flatten)
def quantized_flatten(layers: QuantLayers) -> nn.Module:
    """The same values."""
    return QuantFlatten()


@quantizes(mixing.Conv1x1)
def quantized_conv1x1(
    layers: QuantLayers, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False
) -> nn.Module:
    """A linear layer."""
    return quantized_linear(layers, n_in, n_out, role, summed)


@quantizes(mixing.LinearNorm)
def quantized_linear_norm(
    layers: QuantLayers, n_in: int, n_out: int, n_tokens: int, role: Role = "hidden"
) -> nn.Module:
    """A linear layer; the norm is in its weights."""
    return QuantLinearNorm(quantized_linear(layers, n_in, n_out, role))


@quantizes(LinearAttention)
def quantized_linear_attention(layers: QuantLayers, n_tokens: int, n_keys: int, channels: int, heads: int) -> nn.Module:
    """Attention whose weights have ``attention_bits`` bits, or as many of them as they learn."""
    c = layers.config
    return Attention(n_tokens, channels, heads, c.attention_bits, n_keys, c.learned_attention)
