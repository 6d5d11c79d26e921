"""Activations of a quantized tagger: values on a power-of-two grid, together with that grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tritag.errors import ExportError, WidthError
from tritag.quant.formats.fixed import Grid

# float32 holds every integer of up to 24 bits (and a sign) exactly.
FLOAT32_INT_BITS = 24


@dataclass(frozen=True)
class FixedTensor:
    """Real values (float32) and their grid.

    ``grid`` is None during training where it is not needed (sums of products whose exact bounds only the frozen
    network has). ``bits`` is the width as a number with a gradient, in training and behind learned cuts only.
    """

    value: Tensor
    grid: Grid | None
    bits: Tensor | None = None

    def __len__(self) -> int:
        return len(self.value)

    def __getitem__(self, index: Any) -> FixedTensor:
        return FixedTensor(self.value[index], self.grid, self.bits)

    @classmethod
    def cat(cls, parts: Sequence[FixedTensor]) -> FixedTensor:
        """Concatenate along the batch axis; all parts share one grid."""
        return cls(torch.cat([p.value for p in parts]), parts[0].grid)

    def reshape(self, *shape: int) -> FixedTensor:
        """The same values and grid in another shape."""
        return FixedTensor(self.value.reshape(*shape), self.grid, self.bits)

    def width(self) -> Tensor | float:
        """Bits of an integer, sign included; with a gradient behind learned cuts."""
        return float(self.known_grid().type.width) if self.bits is None else self.bits

    def known_grid(self) -> Grid:
        """The grid.

        Raises
        ------
        ExportError
            The tensor comes out of a training-mode network and has none.
        """
        if self.grid is None:
            raise ExportError("exact integers need the network in evaluation mode; call .eval() first")
        return self.grid

    def integers(self) -> Tensor:
        """Integer codes (int64) of the values, same shape."""
        return torch.round(self.value.double() * 2.0 ** self.known_grid().fraction).long()

    @classmethod
    def from_integers(cls, integers: Tensor, grid: Grid) -> FixedTensor:
        """Tensor of the values that integer codes stand for."""
        return cls((integers.double() * 2.0**-grid.fraction).float(), grid)


def concatenate_rows(first: FixedTensor, second: FixedTensor) -> FixedTensor:
    """Rows of ``first`` (B, n, C) before those of ``second`` (B, m, C), on the grid that holds both.

    Raises
    ------
    ConfigError
        The LSBs differ.
    """
    grid = first.known_grid().union(second.known_grid())
    return FixedTensor(torch.cat([first.value, second.value], dim=1), grid)


def fits_float32(grid: Grid) -> bool:
    """Whether float32 holds every integer of a grid."""
    return _int_bits(grid) <= FLOAT32_INT_BITS


def check_float32(grid: Grid, where: str) -> Grid:
    """Refuse a grid that float32 cannot carry between nodes of the exported graph."""
    if not fits_float32(grid):
        raise WidthError(
            f"{where}: integers must fit {FLOAT32_INT_BITS} bits to be exact in float32, got {_int_bits(grid)} bits; "
            "give what goes in fewer bits"
        )
    return grid


def _int_bits(grid: Grid) -> int:
    return max(abs(grid.low), abs(grid.high)).bit_length()


class _FakeQuantize(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, value: Tensor, grid: Grid) -> Tensor:
        ctx.save_for_backward(value)
        ctx.grid = grid
        return (value * 2.0**grid.fraction).round_().clamp_(grid.low, grid.high).mul_(2.0**-grid.fraction)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (value,), (gradient,), grid = ctx.saved_tensors, gradients, ctx.grid
        ends = ((end * 2.0**-grid.fraction) for end in (grid.low - 0.5, grid.high + 0.5))
        return torch.ops.aten.hardtanh_backward(gradient, value, *ends), None


def fake_quantize(value: Tensor, grid: Grid) -> Tensor:
    """Round half to even and saturate to ``grid``; the gradient passes where nothing saturates after rounding."""
    return _FakeQuantize.apply(value, grid)
