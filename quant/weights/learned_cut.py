"""Cuts whose number of fractional bits, or whose width, is trained; the range is observed as in every other cut."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tritag.quant.formats.fixed import Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.weights.cut import Cut
from tritag.quant.weights.learned_bits import magnitude_bits, round_to, whole

# A sign and one bit; a cut to nothing would disconnect the network.
_FEWEST_BITS = 2


class LearnedCut(Cut):
    """Round half to even and saturate, with at most ``bits`` bits, where training begins."""

    initialised: Tensor

    def __init__(self, bits: int, **observer: Any) -> None:
        super().__init__(bits, **observer)
        self.observer = observer
        self.fraction = nn.Parameter(torch.tensor(0.0))
        self.register_buffer("initialised", torch.tensor(False))

    @property
    def grid(self) -> Grid:
        """Grid of the cut's output at the present range and width."""
        integer, fraction = self._format()
        size = 1 << (integer + fraction)
        return Grid(-size, size - 1, fraction)

    @property
    def trained_fraction(self) -> Tensor:
        """Fractional bits, rounded or not, with their gradient."""
        return self.fraction

    def forward(self, x: FixedTensor) -> FixedTensor:
        """Round and saturate ``x`` to the width that the cut has learned."""
        if self.training:
            self._observe(x.value)
        grid = self.grid
        low, high = grid.low * 2.0**-grid.fraction, grid.high * 2.0**-grid.fraction
        if not self.training:
            return FixedTensor(round_to(x.value.clamp(low, high), torch.tensor(float(grid.fraction))), grid)
        # Clamped before and after: the clamp's upper end is on the grid, and so is what is rounded to it.
        value = round_to(x.value.clamp(low, high), self.trained_fraction)
        return FixedTensor(value, grid, self.learned_width())

    def learned_width(self) -> Tensor:
        """Sign, integer and fractional bits."""
        return whole(self.fraction) + float(self._integer() + 1)

    def constant(self) -> Cut:
        """The same cut as a plain one."""
        grid = self.grid
        plain = Cut(grid.type.width, **self.observer)
        plain.scaling.range.fill_(grid.high * 2.0**-grid.fraction)
        return plain.train(self.training)

    @torch.no_grad()
    def _observe(self, x: Tensor) -> None:
        self.scaling.observe(x)
        finest = self.bits - 1 - self._integer()
        if not bool(self.initialised):
            self.fraction.fill_(finest)
            self.initialised.fill_(True)
        self.fraction.clamp_(finest - self.bits + _FEWEST_BITS, finest)

    def _integer(self) -> int:
        return int(magnitude_bits(self.scaling.range))

    def _format(self) -> tuple[int, int]:
        """Integer bits without sign, and fractional bits."""
        integer = self._integer()
        finest = self.bits - 1 - integer
        fraction = round(self.trained_fraction.item()) if bool(self.initialised) else finest
        return integer, min(max(fraction, finest - self.bits + _FEWEST_BITS), finest)


class LearnedWidthCut(LearnedCut):
    """The same with a trained width: a range that grows takes fractional bits away and leaves the width as it is.

    A trained number of fractional bits stays where it is when the range grows, so that the width grows with it, which
    has no gradient.
    """

    def __init__(self, bits: int, **observer: Any) -> None:
        super().__init__(bits, **observer)
        del self.fraction
        self.width = nn.Parameter(torch.tensor(float(bits)))
        self.initialised.fill_(True)

    @property
    def trained_fraction(self) -> Tensor:
        """Fractional bits, with the gradient of the width."""
        return whole(self.width) - float(self._integer() + 1)

    def learned_width(self) -> Tensor:
        """Sign, integer and fractional bits."""
        return whole(self.width)

    @torch.no_grad()
    def _observe(self, x: Tensor) -> None:
        self.scaling.observe(x)
        self.width.clamp_(_FEWEST_BITS, self.bits)
