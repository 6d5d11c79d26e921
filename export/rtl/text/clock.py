"""Which clock to hope for: two estimates from a synthesis, neither of them a measurement.

No open place-and-route exists for these parts. One estimate looks at the longest chain of logic, the other at the size
of the design, because routing takes more of a period the more there is to connect.
"""

from __future__ import annotations

from typing import Any

from tritag.export.rtl.text.delays import REGISTER_NS, DelayModel
from tritag.export.rtl.text.fpga import Figures

# Periods that 20 published designs on a VU13P-2 (36 000 to 296 000 LUTs) reached after place and route:
# this line, with an rms error of 0.26 ns.
SIZE_NS, SIZE_NS_PER_LUT, SIZE_ERROR_NS = 2.55, 0.685e-5, 0.26


def clock_estimate(total: Figures, delays: DelayModel, period_ns: float) -> dict[str, Any]:
    """Estimated periods in ns, and what they leave of the target's.

    Parameters
    ----------
    total
        The whole design.
    period_ns
        The target's clock period.

    Returns
    -------
    dict
        ``levels_ns``: logic levels of the slowest stage times the model's delay of a LUT, and the registers;
        ``size_ns`` with ``size_error_ns``: what published designs of that many LUTs reached; ``slack_ns``: the
        target's period less the larger one.
    """
    levels_ns = REGISTER_NS + total.levels * delays.lut_ns
    size_ns = SIZE_NS + SIZE_NS_PER_LUT * total.lut
    return {
        "target_ns": period_ns,
        "levels": total.levels,
        "levels_ns": levels_ns,
        "size_ns": size_ns,
        "size_error_ns": SIZE_ERROR_NS,
        "slack_ns": period_ns - max(levels_ns, size_ns),
    }
