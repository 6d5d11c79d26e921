"""The seven input scalars in fixed point, from the trigger's integer codes. Specification: docs/ops/jet_scalars.md.

Everything a tagger sees is computed here: four-momenta, their sum, logarithms, and the angles to the jet axis. The
float counterpart, which defines what is approximated, is ``tritag.models.layers.scalars.JetScalars``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.data.jets.candidate_field import CandidateField
from tritag.data.jets.candidate_grid import PLAIN, TOP, CandidateGrid, CandidateInputs
from tritag.models.layers.scalars import SCALAR_MEANS, SCALAR_SCALES
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.integer import blocks
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# |eta| saturates here: the edge of what a jet with |eta| < 3 and its constituents can reach.
ETA_DOMAIN = 4.0
# Momenta are counted in 2**-MOMENTUM_BITS of the pT LSB: 1/64 GeV.
MOMENTUM_BITS = 4
_TRIG_BITS = 14
LOG_BITS = 13
ANGLE_BITS = 12
_FACTOR_BITS = 12
_JET_BITS = 16

SCALAR_TYPE = FixedType(True, 12, 4)


def code_grid(candidates: CandidateInputs) -> Grid:
    """Grid of the tensor of codes: what the bits of any of its fields hold."""
    return Grid(*candidates.code_range, 0)


CODE_GRID = code_grid(PLAIN)


def candidate(t: Tracer, codes: Int, count: Int, grid: CandidateGrid = TOP) -> tuple[Int, Int, Int, Int]:
    """Clip the codes (first 3 lanes) to the grid's domain: ``(valid, pt, eta, phi)``; pt is 0 beyond ``count``."""
    valid = t.row_index().less(count)
    pt, eta, phi = inside_domain(*(codes.lane(i) for i in range(3)), grid=grid)
    return valid, valid.where(pt, 0), eta, phi


def inside_domain(pt: Int, eta: Int, phi: Int, *, grid: CandidateGrid = TOP) -> tuple[Int, Int, Int]:
    """Clip codes to the grid's domain."""
    of_pt, of_eta, of_phi = grid.fields[:3]
    eta_max = min(int(ETA_DOMAIN / of_eta.lsb), of_eta.max)
    return (
        pt.clip(1, of_pt.max),
        eta.clip(-eta_max, eta_max),
        phi.clip(of_phi.min, of_phi.max),
    )


def candidates_in_lanes(t: Tracer, codes: Int, n: int) -> tuple[Int, Int, Int]:
    """pT, eta and phi of all candidates as lanes, inside the domain, from codes in one row (1, 3 n)."""
    return inside_domain(*(t.stack([codes.lane(3 * j + i) for j in range(n)]) for i in range(3)))


def four_momentum(
    t: Tracer,
    pt: Int,
    eta: Int,
    phi: Int,
    momentum_bits: int = MOMENTUM_BITS,
    trig_bits: int = _TRIG_BITS,
    grid: CandidateGrid = TOP,
) -> tuple[Int, Int, Int, Int]:
    """Massless ``(E, px, py, pz)`` in units of pT LSB * 2**-momentum_bits; one product and one rounding each."""
    one = 2.0**trig_bits
    _, of_eta, of_phi = grid.fields[:3]
    turn = of_phi.max - of_phi.min + 1
    cos = t.table("cos_phi", lambda i: math.cos((i + of_phi.min) * of_phi.lsb) * one, turn)
    sin = t.table("sin_phi", lambda i: math.sin((i + of_phi.min) * of_phi.lsb) * one, turn)
    cosh = t.table("cosh_eta", lambda i: math.cosh(i * of_eta.lsb) * one, eta.high + 1)
    sinh = t.table("sinh_eta", lambda i: math.sinh(i * of_eta.lsb) * one, eta.high + 1)
    angle, slope = phi - of_phi.min, eta.absolute()
    drop = trig_bits - momentum_bits
    p_z = (pt * slope.lookup(sinh)).round_shift(drop)
    return (
        (pt * slope.lookup(cosh)).round_shift(drop),
        (pt * angle.lookup(cos)).round_shift(drop),
        (pt * angle.lookup(sin)).round_shift(drop),
        eta.less(0).where(-p_z, p_z),
    )


def jet_axis(t: Tracer, x: Int, y: Int, z: Int) -> tuple[Int, Int, Int]:
    """``(log2 pT [LOG_BITS], eta [ANGLE_BITS], phi [ANGLE_BITS])`` of a jet momentum; log2 in momentum units."""
    exponent = blocks.block_exponent([x, y, z])
    m_x, m_y, m_z = (blocks.block_normalize(v, exponent, _JET_BITS) for v in (x, y, z))
    pt_square = m_x * m_x + m_y * m_y
    momentum = blocks.sqrt(t, pt_square + m_z * m_z, fraction=0)
    # The logarithm of a square, read with one more fractional bit, is the logarithm of the root.
    log_pt = blocks.log2(t, pt_square, LOG_BITS - 1)
    log_sum = blocks.log2(t, momentum + m_z.absolute(), LOG_BITS - 1) << 1
    ln2 = round(math.log(2) * 2**_FACTOR_BITS)
    eta = ((log_sum - log_pt) * ln2).round_shift(LOG_BITS + _FACTOR_BITS - ANGLE_BITS).clip(0, 8 << ANGLE_BITS)
    eta = m_z.less(0).where(-eta, eta)
    phi = blocks.angle(t, m_y, m_x, ANGLE_BITS)
    return log_pt + ((exponent + (1 - _JET_BITS)) << LOG_BITS), eta, phi


def affine(
    value: Int,
    fraction: int,
    slope: float,
    offset: float,
    to: FixedType = SCALAR_TYPE,
    factor_bits: int = _FACTOR_BITS,
) -> Int:
    """``value * slope + offset`` from LSB 2**-fraction to the type ``to``: one constant product, one rounding."""
    bits = fraction + factor_bits
    scaled = value * round(slope * 2**factor_bits) + round(offset * 2**bits)
    return scaled.round_shift(bits - to.fraction).clip(to.int_min, to.int_max)


@dataclass(frozen=True)
class Cylindrical:
    """A momentum: log2 pT and log2 E (``LOG_BITS`` fractional bits), eta and phi (``ANGLE_BITS``, radians)."""

    log_pt: Int
    log_e: Int
    eta: Int
    phi: Int


def wrap_angle(angle: Int) -> Int:
    """Bring a difference of two angles (``ANGLE_BITS`` fractional bits) back into [-pi, pi)."""
    turn = round(2 * math.pi * 2**ANGLE_BITS)
    angle = angle.less(-(turn // 2)).where(angle + turn, angle)
    return angle.less(turn // 2).where(angle, angle - turn)


def relative_scalars(t: Tracer, p: Cylindrical, jet: Cylindrical, log_unit: float, ratio_unit: int) -> list[Int]:
    """The seven standardised scalars of ``p`` with respect to ``jet``, each of type ``SCALAR_TYPE``.

    ``log_unit`` is log2 of the momenta's unit in GeV, ``ratio_unit`` log2 of the unit of ``p`` in units of the jet's.
    """
    d_eta, d_phi = p.eta - jet.eta, wrap_angle(p.phi - jet.phi)
    d_r = blocks.sqrt(t, d_eta * d_eta + d_phi * d_phi, fraction=0)
    ratios = [p.log_pt - jet.log_pt, p.log_e - jet.log_e]
    if ratio_unit:
        ratios = [ratio + (ratio_unit << LOG_BITS) for ratio in ratios]
    ln2 = math.log(2)
    columns = [
        (p.log_pt, LOG_BITS, ln2, log_unit * ln2),
        (p.log_e, LOG_BITS, ln2, log_unit * ln2),
        *((ratio, LOG_BITS, ln2, 0.0) for ratio in ratios),
        *((distance, ANGLE_BITS, 1.0, 0.0) for distance in (d_eta, d_phi, d_r)),
    ]
    return [
        affine(value, fraction, slope * scale, (offset - mean) * scale)
        for (value, fraction, slope, offset), mean, scale in zip(columns, SCALAR_MEANS, SCALAR_SCALES, strict=True)
    ]


def field_inputs(code: Int, field: CandidateField) -> list[Int]:
    """Inputs of a field's code in steps of ``SCALAR_TYPE``, exactly: one for each code, or the code times its step."""
    if field.one_hot:
        inside = code.clip(field.min, field.max)
        return [inside.equal(i) << SCALAR_TYPE.fraction for i in range(field.min, field.max + 1)]
    return [code.clip(field.min, field.max) << round(math.log2(field.step * 2**SCALAR_TYPE.fraction))]


@dataclass(frozen=True)
class JetScalars(Op):
    """Codes (B, K, 3 + F) and count (B, 1) to scalars and field inputs (B, K, 7 + n) of type ``SCALAR_TYPE``."""

    candidates: CandidateInputs = PLAIN

    def bind(self, codes: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: momenta and their sum in a first pass over the constituents, scalars in a second."""
        grid = self.candidates.grid
        of_pt, of_eta, of_phi, *fields = self.candidates.fields
        t = Tracer("jet_scalars", codes.rows)
        code = codes.declare(t, "codes")
        number = count.declare(t, "count", per_row=False)
        valid, pt, eta, phi = candidate(t, code, number, grid)
        e, x, y, z = (v.sum_rows() for v in four_momentum(t, pt, eta, phi, grid=grid))
        log_pt_jet, eta_jet, phi_jet = jet_axis(t, x, y, z)
        log_e_jet = blocks.log2(t, e, LOG_BITS - 1) << 1

        log_cosh = t.table("log2_cosh_eta", lambda i: math.log2(math.cosh(i * of_eta.lsb)) * 2**LOG_BITS, eta.high + 1)
        log_pt = blocks.log2(t, pt, LOG_BITS - 1) << 1
        log_e = log_pt + eta.absolute().lookup(log_cosh)
        eta_rad = (eta * round(of_eta.lsb * 2**20)).round_shift(20 - ANGLE_BITS)
        phi_rad = (phi * round(of_phi.lsb * 2**20)).round_shift(20 - ANGLE_BITS)
        scalars = relative_scalars(
            t,
            Cylindrical(log_pt, log_e, eta_rad, phi_rad),
            Cylindrical(log_pt_jet, log_e_jet, eta_jet, phi_jet),
            log_unit=math.log2(of_pt.lsb),
            ratio_unit=MOMENTUM_BITS,
        )
        for i, field in enumerate(fields):
            scalars += field_inputs(code.lane(3 + i), field)
        t.output("scalars", valid.where(t.stack(scalars), 0))
        return BoundProgram(t.program, fractions(codes, count), (SCALAR_TYPE.fraction,))
