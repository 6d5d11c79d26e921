"""Instructions that hardware takes together: rounding with saturation, low bits, maxima. The integers stay the same."""

from __future__ import annotations

import numpy as np

from tests.helpers.programs import edge_inputs, show, unscaled
from tests.helpers.rtl import named_inputs, op_design, reference, report
from tritag.export.rtl.tools.simulation import Simulator, back_to_back, joined, reset_script
from tritag.quant.integer.program import Program
from tritag.quant.integer.tracer import Tracer

# Ends of intervals of every kind: 2**n - 1, 2**n, -2**n, 0, 1, and others.
CLIPS = [(-8, 7), (-8, 8), (0, 15), (1, 16), (-5, 6), (-16, -2), (3, 9), (-1, 1), (-64, 63)]


def shortcuts() -> Program:
    """Every clip behind both kinds of rounding, low bits of a number and of a mantissa, several maxima."""
    t = Tracer("shortcuts", 2)
    x = t.input("x", -700, 900, lanes=5)
    amount = t.input("amount", 2, 5, per_row=False)
    one, other = x.lane(0), x.lane(1)
    for number, (low, high) in enumerate(CLIPS):
        show(t, f"fixed{number}", one.round_shift(3).clip(low, high))
        show(t, f"moved{number}", one.round_shift_by(amount).clip(low, high))
    show(t, "low_bits", one - ((one >> 4) << 4))
    show(t, "mantissa", (other.absolute().normalized(5) - 16).clip(0, 15))
    show(t, "nonzero_mantissa", other.absolute().maximum(1).normalized(5) - 16)
    show(t, "large_root", (other.absolute() + 300).leading() + amount)
    show(t, "chain", one.maximum(other).maximum(x.lane(2)).maximum(1))
    show(t, "of_all", x.max_lanes())
    show(t, "joined", (other.absolute() << 3) + (one - ((one >> 3) << 3)))
    show(t, "three", (one * 1000 - other * 777) + x.lane(2) * x.lane(3) - (x.lane(4) << 9))
    return t.program


def test_integers_stay_the_same():
    bound = unscaled(shortcuts())
    design = op_design(bound, 2, 2, 3, "shortcuts")
    inputs = edge_inputs(bound.program, 2, np.random.default_rng(0), n_random=300)
    expected = reference(bound, inputs)
    answers = Simulator([design]).run(
        0, named_inputs(bound, inputs), joined(reset_script(design), back_to_back(design, len(expected)))
    )
    assert report(design, answers, expected) == ""
