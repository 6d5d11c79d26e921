"""Five input scalars about the leading constituent, in fixed point. Specification: docs/ops/seed_scalars.md.

The float counterpart is ``tritag.models.layers.seed_scalars.SeedScalars``: angles and distance are the same numbers,
the two logarithms come from tables that hold mean and scale, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.models.layers.seed_scalars import CODES_PER_UNIT, LOG_MEANS, LOG_SCALES, MOST_CODES, check_equal_steps
from tritag.quant.integer.tracer import Tracer
from tritag.quant.integer.value import Int
from tritag.quant.ops.first_token import first_row
from tritag.quant.ops.jet_scalars import SCALAR_TYPE, field_inputs
from tritag.quant.ops.op import BoundProgram, Op, TensorSpec, fractions

# Bits of a number behind its leading one that its logarithm looks at.
_INDEX_BITS = 6
# A code of an angle in steps of SCALAR_TYPE.
_ANGLE_SHIFT = SCALAR_TYPE.fraction - round(math.log2(CODES_PER_UNIT))


def log_scaled(t: Tracer, x: Int, name: str, scale: float, offset: float = 0.0) -> Int:
    """``scale * log(x) + offset`` in steps of ``SCALAR_TYPE`` of an integer ``x`` >= 0; 0 is taken as 1.

    One table of the leading one's position, one of the bits behind it; each rounds once.
    """
    lsb = 2.0**SCALAR_TYPE.fraction
    size = 1 << _INDEX_BITS
    exponents = t.table(f"{name}_exponent", lambda i: scale * math.log(2.0**i) * lsb, x.high.bit_length())
    mantissas = t.table(f"{name}_mantissa", lambda i: (scale * math.log(1 + (i + 0.5) / size) + offset) * lsb, size)
    index = (x.normalized(_INDEX_BITS + 1) - size).clip(0, size - 1)
    return x.leading().lookup(exponents) + index.lookup(mantissas)


@dataclass(frozen=True)
class SeedScalars(Op):
    """Codes (B, K, 3 + F) and count (B, 1) to scalars and field inputs (B, K, 5 + n) in steps of ``SCALAR_TYPE``."""

    candidates: CandidateInputs = PLAIN

    def bind(self, codes: TensorSpec, count: TensorSpec) -> BoundProgram:
        """Program: the sum of pT and the seed's angles in a first pass over the constituents, scalars in a second."""
        check_equal_steps(self.candidates)
        of_pt, of_eta, of_phi, *fields = self.candidates.fields
        t = Tracer("seed_scalars", codes.rows)
        code = codes.declare(t, "codes")
        valid = t.row_index().less(count.declare(t, "count", per_row=False))
        pt = code.lane(0).clip(0, of_pt.max)
        eta, phi = (code.lane(1 + i).clip(f.of_bits[0], f.of_bits[1]) for i, f in enumerate((of_eta, of_phi)))
        total = valid.where(pt, 0).sum_rows()
        d_eta, d_phi = eta - first_row(t, eta), phi - first_row(t, phi)
        half = (of_phi.max - of_phi.min + 1) // 2
        back = d_phi.less(half).where(d_phi, d_phi - 2 * half)
        d_phi = d_phi.less(-half).where(d_phi + 2 * half, back)
        angles = [d.clip(-MOST_CODES, MOST_CODES) << _ANGLE_SHIFT for d in (d_eta, d_phi)]
        a, b = (d.absolute() for d in angles)
        distance = (a + (b >> 1)).maximum(b + (a >> 1))
        logs = [
            log_scaled(t, pt, "log_pt", LOG_SCALES[0], (math.log(of_pt.lsb) - LOG_MEANS[0]) * LOG_SCALES[0]),
            log_scaled(t, pt, "log_share", LOG_SCALES[1], -LOG_MEANS[1] * LOG_SCALES[1])
            - log_scaled(t, total, "log_sum", LOG_SCALES[1]),
        ]
        scalars = [*logs, *angles, distance]
        for i, field in enumerate(fields):
            scalars += field_inputs(code.lane(3 + i), field)
        t.output("scalars", valid.where(t.stack(scalars), 0))
        return BoundProgram(t.program, fractions(codes, count), (SCALAR_TYPE.fraction,))
