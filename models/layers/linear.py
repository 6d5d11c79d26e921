"""Linear layers of the last axis."""

from __future__ import annotations

from typing import Literal

from torch import nn

# Where a linear layer stands: the recipes quantize "hidden" weights harder than those of "input" and "output".
Role = Literal["input", "hidden", "output"]


class Linear(nn.Linear):
    """Affine map of the last axis: (..., n_in) -> (..., n_out).

    Parameters
    ----------
    n_in, n_out : int
    role : "input", "hidden" or "output"
        Where the layer stands in the tagger.
    summed : bool
        The result goes straight into a sum. Its quantized form is not cut before that sum.
    """

    def __init__(self, n_in: int, n_out: int, role: Role = "hidden", summed: bool = False) -> None:
        super().__init__(n_in, n_out)
        self.role, self.summed = role, summed
