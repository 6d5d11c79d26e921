"""Masses of all pairs of tokens from the trigger's codes. Specification: docs/ops/pair_masses.md.

``m_ij^2 = 2 pT_i pT_j (cosh d_eta - cos d_phi) + mu^2 (pT_i + pT_j)^2 / (pT_i pT_j)``: the differences are integers of
the grid, so both functions are exact tables and nothing cancels; the second term is what the 5 MeV regulator adds to
collinear pairs. Everything is summed as logarithms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.models.layers.jet_geometry import PAIR_MASS_MEAN, PAIR_MASS_SCALE, pair_masses
from tritag.models.layers.lorentz import REGULATOR_MASS_GEV, SPURIONS
from tritag.quant.integer import blocks
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.jet_scalars import SCALAR_TYPE, affine, candidates_in_lanes, inside_domain
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

N_SPURIONS = len(SPURIONS)
# Fractional bits of base-2 logarithms, and of cosh - 1 and 1 - cos.
_LOG_BITS = 12
_ANGLE_BITS = 26
# |delta eta| of a pair saturates here: 4.46. Jets are narrower.
_DELTA_ETA_MAX = 1023
_TURN = TriggerGrid.PHI_TURN


def _log(value: float) -> int:
    """log2 as a constant."""
    return round(math.log2(value) * 2**_LOG_BITS)


def _regulator(t: Tracer, a: Int, b: Int | int) -> Int:
    """log2 of ``mu^2 (A + B)^2 / (A B)`` from ``a = log2 A`` and ``b = log2 B``."""
    b = t.lift(b)
    return (blocks.log2_sum(t, a, b, _LOG_BITS) << 1) - a - b + _log(REGULATOR_MASS_GEV**2)


def _with_candidates(t: Tracer, own: Sequence[Int], others: Sequence[Int]) -> Int:
    """log2 m^2 in GeV^2 of pairs of candidates, each given as pT, eta and phi codes."""
    (pt, eta, phi), (pts, etas, phis) = own, others
    cosh = t.table(
        "cosh_less_1", lambda i: (math.cosh(i * TriggerGrid.ETA_LSB) - 1) * 2**_ANGLE_BITS, _DELTA_ETA_MAX + 1
    )
    cos = t.table(
        "one_less_cos",
        lambda i: (1 - math.cos(i * TriggerGrid.PHI_LSB)) * 2**_ANGLE_BITS,
        _TURN // 2 + 1,
    )
    d_eta = (eta - etas).absolute().clip(0, _DELTA_ETA_MAX)
    d_phi = (phi - phis).absolute()
    d_phi = d_phi.minimum(_TURN - d_phi).clip(0, _TURN // 2)
    angle = d_eta.lookup(cosh) + d_phi.lookup(cos)
    log_pt, log_pts = blocks.log2(t, pt, _LOG_BITS), blocks.log2(t, pts, _LOG_BITS)
    unit = 2 * TriggerGrid.PT_LSB_GEV**2 * 2.0**-_ANGLE_BITS
    massless = blocks.log2(t, angle, _LOG_BITS) + (log_pt + log_pts) + _log(unit)
    regulator = _regulator(t, log_pt, log_pts)
    return angle.equal(0).where(regulator, blocks.log2_sum(t, massless, regulator, _LOG_BITS))


def _with_spurions(t: Tracer, pt: Int, eta: Int) -> list[Int]:
    """log2 m^2 in GeV^2 of candidates with the two beams, 2 pT exp(-+eta), and with the time axis, 1 + 2 E."""
    log_cosh = t.table(
        "log2_cosh_eta", lambda i: math.log2(math.cosh(i * TriggerGrid.ETA_LSB)) * 2**_LOG_BITS, eta.high + 1
    )
    log_pt = blocks.log2(t, pt, _LOG_BITS) + _log(TriggerGrid.PT_LSB_GEV)
    log_e = log_pt + eta.absolute().lookup(log_cosh)
    step = round(TriggerGrid.ETA_LSB / math.log(2) * 2**20)
    rapidity = (eta * step).round_shift(20 - _LOG_BITS)
    regulator = _regulator(t, log_e, 0)
    double = _log(2)
    masses = [blocks.log2_sum(t, log_pt + double + sign * rapidity, regulator, _LOG_BITS) for sign in (-1, 1)]
    return [*masses, blocks.log2_sum(t, log_e + double, t.lift(0), _LOG_BITS)]


def _standardised(log_mass: Int) -> Int:
    return affine(log_mass, _LOG_BITS, math.log(2) * PAIR_MASS_SCALE, -PAIR_MASS_MEAN * PAIR_MASS_SCALE)


@dataclass(frozen=True)
class PairMasses(Op):
    """Codes (B, K, 3), the same in one row (B, 1, 3 K), count (B, 1) to standardised log m_ij^2 (B, K, N).

    Columns are the three spurions, then the candidates. Zero for padding and for a token with itself.
    """

    def bind(self, codes: TensorSpec, others: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: per pair two tables of the angles and three of logarithms."""
        k = codes.rows
        t = Tracer("pair_masses", k)
        code = codes.declare(t, "codes")
        lanes = candidates_in_lanes(t, others.declare(t, "others", per_row=False), k)
        number = count.declare(t, "count", per_row=False)
        own = inside_domain(*(code.lane(i) for i in range(3)))
        row, column = t.row_index(), t.constant(list(range(k)))
        candidates = _standardised(_with_candidates(t, own, lanes))
        candidates = (column.less(number) - column.equal(row)).clip(0, 1).where(candidates, 0)
        spurions = [_standardised(mass) for mass in _with_spurions(t, own[0], own[1])]
        every = t.stack([*spurions, *(candidates.lane(j) for j in range(k))])
        t.output("masses", row.less(number).where(every, 0))
        return BoundProgram(t.program, fractions(codes, others, count), (SCALAR_TYPE.fraction,))


@dataclass(frozen=True)
class SpurionMasses(Op):
    """Codes in one row (B, 1, 3 K), count (B, 1) to the rows of the three spurions, one after the other (B, 1, 3 N)."""

    def bind(self, codes: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: the spurions' columns of :class:`PairMasses` with candidates as lanes, and constants."""
        k = codes.lanes // 3
        t = Tracer("spurion_masses", 1)
        pt, eta, _ = candidates_in_lanes(t, codes.declare(t, "codes", per_row=False), k)
        real = t.constant(list(range(k))).less(count.declare(t, "count", per_row=False))
        lanes: list[Int] = []
        for among, log_mass in zip(_among_spurions(), _with_spurions(t, pt, eta), strict=True):
            masses = real.where(_standardised(log_mass), 0)
            lanes += [t.constant(value) for value in among] + [masses.lane(j) for j in range(k)]
        t.output("masses", t.stack(lanes))
        return BoundProgram(t.program, fractions(codes, count), (SCALAR_TYPE.fraction,))


def _among_spurions() -> list[list[int]]:
    """Standardised codes of the spurions' masses among themselves, 0 on the diagonal."""
    tokens = torch.tensor([SPURIONS], dtype=torch.float64)
    masses = pair_masses(tokens)[0].clamp(min=REGULATOR_MASS_GEV**2).log()
    codes = ((masses - PAIR_MASS_MEAN) * PAIR_MASS_SCALE * 2.0**SCALAR_TYPE.fraction).round().long()
    return codes.fill_diagonal_(0).tolist()
