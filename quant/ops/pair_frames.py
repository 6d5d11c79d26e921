"""Frames from weights over pairs of tokens: one per candidate, or one per jet. Specification: docs/ops/pair_frames.md.

``v_ik = sum over j != i of softmax_j(phi_ijk) (p_i + p_j)/m_ij``, then the Lorentz transformation of the three vectors.
The weights span many orders of magnitude (a pair on one cell of the grid weighs 1/(10 MeV)), so ``phi - log m`` is
formed as one logarithm and each sum is counted in units of its largest weight.
"""

from __future__ import annotations

from dataclasses import dataclass

from tritag.models.layers.frame_vectors import PairVectors
from tritag.models.layers.frames import PolarFrames
from tritag.models.layers.jet_geometry import PAIR_MASS_SCALE
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.blocks import WEIGHT_SPARE, block_exponent, exp2, logarithm_of_weight
from tritag.quant.integer.lorentz import FrameBits, dot, frame_of_vectors
from tritag.quant.integer.segments import reciprocal_fine, rsqrt_fine
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.modules import TrainableExactly
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions
from tritag.quant.ops.pair_masses import N_SPURIONS
from tritag.quant.ops.token_frames import LOG_BITS

# Per jet: bits of the factor between a token's three vectors and of these when they are normalised, fractional bits of
# the unit vectors, and log2 of their largest energy.
_FACTOR, _ROW, _UNIT, _LARGEST = 16, 27, 20, 10


@dataclass(frozen=True)
class _Sums:
    """One of the three vectors, ``sum_j w_j (p_i + p_j)``, and log2 of the weights' unit."""

    vector: list[Int]
    unit: Int


class _PairProgram:
    """What both ops begin with: inputs, and weights over the columns of a row."""

    def __init__(
        self, name: str, phi: TensorSpec, pairs: TensorSpec, own: TensorSpec, every: TensorSpec, count: TensorSpec
    ) -> None:
        rows, n = own.rows, pairs.lanes
        self.t = t = Tracer(name, rows)
        logits, masses, token = phi.declare(t, "phi"), pairs.declare(t, "pairs"), own.declare(t, "own")
        tokens = every.declare(t, "every", per_row=False)
        self.number = count.declare(t, "count", per_row=False) + N_SPURIONS
        self.own = [token.lane(i) for i in range(4)]
        self.every = [t.stack([tokens.lane(4 * j + i) for j in range(n)]) for i in range(4)]
        self.row = t.row_index() + (n - rows)
        column = t.constant(list(range(n)))
        self.real = (column.less(self.number) - column.equal(self.row)).clip(0, 1)
        by_vector = [t.stack([logits.lane(3 * j + i) for j in range(n)]) for i in range(3)]
        self.logits = [logarithm_of_weight(x, phi.grid.fraction, 1.0, LOG_BITS) for x in by_vector]
        self.inverse_mass = logarithm_of_weight(masses, pairs.grid.fraction, -0.5 / PAIR_MASS_SCALE, LOG_BITS)

    def weights(self, logarithm: Int, bits: int) -> tuple[Int, Int]:
        """Weights over the columns relative to the largest one, and its base-2 logarithm."""
        exponent = logarithm.round_shift(WEIGHT_SPARE)
        largest = self.real.where(exponent, exponent.low).max_lanes()
        return self.real.where(exp2(self.t, largest - exponent, LOG_BITS, bits), 0), largest

    def sums(self, k: int, bits: int) -> _Sums:
        """Sums over the columns for vector k."""
        weight, unit = self.weights(self.logits[k] + self.inverse_mass, bits)
        total = weight.sum_lanes()
        energy, *momentum = ((weight * p).sum_lanes() + total * q for p, q in zip(self.every, self.own, strict=True))
        return _Sums([energy.clip(0, energy.high), *momentum], unit)


@dataclass(frozen=True)
class PairFrames(Op):
    """One frame per candidate, row by row (B, K, 16).

    Inputs: phi (B, K, 3 N), pairs (B, K, N), candidates' tokens (B, K, 4), all tokens in one row (B, 1, 4 N), count.
    """

    bits: FrameBits
    weight_bits: int

    def bind(
        self, phi: TensorSpec, pairs: TensorSpec, own: TensorSpec, every: TensorSpec, count: TensorSpec
    ) -> BoundProgram:
        """Program: three weighted sums over the columns of a row, then its frame."""
        p = _PairProgram("pair_frames", phi, pairs, own, every, count)
        vectors = [p.sums(i, self.weight_bits).vector for i in range(3)]
        rows = frame_of_vectors(p.t, vectors, self.bits)
        p.t.output("frames", p.t.stack([x for row in rows for x in row]))
        return BoundProgram(p.t.program, fractions(phi, pairs, own, every, count), (self.bits.matrix,))


@dataclass(frozen=True)
class JetPairFrames(Op):
    """One frame per jet (B, 1, 16): each token's vectors are divided by ``sqrt|sum_k v_k^2|`` and added.

    Inputs: phi (B, N, 3 N), pairs (B, N, N), all tokens (B, N, 4), the same in one row (B, 1, 4 N), count.
    """

    bits: FrameBits
    weight_bits: int

    def bind(
        self, phi: TensorSpec, pairs: TensorSpec, own: TensorSpec, every: TensorSpec, count: TensorSpec
    ) -> BoundProgram:
        """Program: per row three sums, their size and a division by it; sums over the rows; the frame."""
        p = _PairProgram("jet_pair_frames", phi, pairs, own, every, count)
        t = p.t
        vectors = self._unit_vectors(p)
        valid = p.row.less(p.number)
        jet = [[valid.where(x, 0).sum_rows() for x in v] for v in vectors]
        rows = frame_of_vectors(t, jet, self.bits)
        t.output("frame", t.stack([x for row in rows for x in row]))
        return BoundProgram(t.program, fractions(phi, pairs, own, every, count), (self.bits.matrix,))

    def _unit_vectors(self, p: _PairProgram) -> list[list[Int]]:
        """The row's three vectors over their common size, ``_UNIT`` fractional bits."""
        t, top = p.t, (1 << self.weight_bits) - 1
        sums = [p.sums(i, self.weight_bits) for i in range(3)]
        # v_k = 2**unit_k V_k / Z_k with V_k = sum_j w_j (p_i + p_j) and Z_k the softmax's own sum.
        softmax = [p.weights(logit, self.weight_bits) for logit in p.logits]
        units = [s.unit - largest for s, (_, largest) in zip(sums, softmax, strict=True)]
        largest = units[0].maximum(units[1]).maximum(units[2])
        scaled: list[list[Int]] = []
        for s, (weight, _), unit in zip(sums, softmax, units, strict=True):
            # The largest weight is 2**bits - 1, so Z is at least that.
            inverse, shift = reciprocal_fine(t, weight.sum_lanes().maximum(top), _FACTOR)
            relative = exp2(t, largest - unit, LOG_BITS, _FACTOR)
            down = shift + (_FACTOR - (self.weight_bits - 1))
            factor = (relative * inverse).round_shift_by(down).clip(0, 1 << _FACTOR)
            scaled.append([factor * x for x in s.vector])
        exponent = block_exponent([x for v in scaled for x in v])
        scaled = [[x.aligned(exponent, _ROW) for x in v] for v in scaled]
        energies = [v[0] * v[0] for v in scaled]
        energy = energies[0] + energies[1] + energies[2]
        momenta = [dot(v[1:], v[1:]) for v in scaled]
        # Energies are at most 2**_LARGEST times the size.
        smallest = (energy >> (2 * _LARGEST)).maximum(1)
        size = (energy - (momenta[0] + momenta[1] + momenta[2])).maximum(smallest)
        inverse, shift = rsqrt_fine(t, size, _UNIT)
        limit = 1 << (_LARGEST + _UNIT + 1)
        return [[(x * inverse).round_shift_by(shift).clip(-limit, limit) for x in v] for v in scaled]


class TrainablePairFrames(TrainableExactly):
    """Either op on jets of ``n_constituents`` candidates, with a gradient; :class:`JetPairFrames` if ``per_jet``."""

    def __init__(self, n_constituents: int, bits: FrameBits, weight_bits: int, per_jet: bool) -> None:
        super().__init__()
        self.op = (JetPairFrames if per_jet else PairFrames)(bits, weight_bits)
        self.vectors, self.frames = PairVectors(n_constituents, per_jet), PolarFrames("cross")

    def frozen(self) -> PairFrames | JetPairFrames:
        """Give the op; its settings never change."""
        return self.op

    def surrogate(
        self, phi: FixedTensor, pairs: FixedTensor, own: FixedTensor, every: FixedTensor, count: FixedTensor
    ) -> FixedTensor:
        """Float vectors and polar decomposition."""
        logits = phi.value.unflatten(-1, (-1, 3)).movedim(-1, 0)
        tokens = every.value.reshape(len(every), -1, 4)
        vectors = self.vectors(logits, pairs.value, tokens, count.value.reshape(-1, 1))
        return FixedTensor(self.frames(vectors).flatten(2), None)
