"""Vectors between the frames of particles: L x or L^-1 x on half the channels.

Specification: docs/ops/frame_transport.md. Half the channels of a head are scalars, the rest four-vectors
(:mod:`tritag.models.layers.frame_transport`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tritag.models.layers.frame_transport import transform, vectors_per_head
from tritag.models.layers.lorentz import METRIC, inverse, lower
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.lorentz import dot
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.modules import TrainableOp
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# "enter": L x. "leave": L^-1 x = g L^T g x. "leave-lowered": g L^-1 x, for keys.
Direction = Literal["enter", "leave", "leave-lowered"]
# Fractional bits of the result below the LSB of x.
_SPARE = 3


@dataclass(frozen=True)
class FrameTransport(Op):
    """Channels (B, K, C) and frames (B, K, 16) to the channels in the frame of the jet, or of the particle."""

    heads: int
    direction: Direction

    def bind(self, x: TensorSpec, frames: TensorSpec) -> BoundProgram:
        """Program: four products and one rounding for each component of a vector."""
        t = Tracer("frame_transport", x.rows)
        value, frame = x.declare(t, "x"), frames.declare(t, "frames")
        matrix = self._matrix([[frame.lane(4 * i + j) for j in range(4)] for i in range(4)])
        width, n_vectors = x.lanes // self.heads, vectors_per_head(x.lanes, self.heads)
        lanes: list[Int] = []
        for head in range(self.heads):
            channel = [value.lane(head * width + i) for i in range(width)]
            n_scalars = width - 4 * n_vectors
            lanes += [c << _SPARE for c in channel[:n_scalars]]
            for first in range(n_scalars, width, 4):
                vector = channel[first : first + 4]
                lanes += [dot(row, vector).round_shift(frames.grid.fraction - _SPARE) for row in matrix]
        t.output("y", t.stack(lanes))
        return BoundProgram(t.program, fractions(x, frames), (x.grid.fraction + _SPARE,))

    def _matrix(self, frame: list[list[Int]]) -> list[list[Int]]:
        """The matrix that acts on a vector, from the frame's rows."""
        if self.direction == "enter":
            return frame
        # (g L^T g)_ij = g_i g_j L_ji; lowering the result takes the first sign away.
        lowered = self.direction == "leave-lowered"
        signs = [[(1.0 if lowered else METRIC[i]) * METRIC[j] for j in range(4)] for i in range(4)]
        return [[frame[j][i] if signs[i][j] > 0 else -frame[j][i] for j in range(4)] for i in range(4)]


class TrainableFrameTransport(TrainableOp):
    """The op with a gradient."""

    def __init__(self, channels: int, heads: int, direction: Direction) -> None:
        super().__init__()
        self.heads, self.direction, self.n_vectors = heads, direction, vectors_per_head(channels, heads)

    def frozen(self) -> FrameTransport:
        """Make the op; its settings never change."""
        return FrameTransport(self.heads, self.direction)

    def surrogate(self, x: FixedTensor, frames: FixedTensor) -> FixedTensor:
        """The transformation in float, on fake-quantized values."""
        matrix = frames.value.unflatten(-1, (4, 4))
        if self.direction != "enter":
            matrix = inverse(matrix)
        if self.direction == "leave-lowered":
            matrix = lower(matrix.mT).mT
        return FixedTensor(transform(x.value, matrix, self.heads, self.n_vectors), None)
