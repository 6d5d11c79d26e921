"""Which clock to hope for: two estimates of the period, neither of them a measurement.

No open place-and-route exists for these parts. One estimate looks at the longest chain of logic, the other at the size
of the design, because routing takes more of a period the more there is to connect. The published designs that both are
compared with stand in ``routed.py``.
"""

from __future__ import annotations

from typing import Any, TypedDict

from tritag.export.rtl.text.delays import REGISTER_NS, DelayModel
from tritag.export.rtl.text.fpga import Figures
from tritag.export.rtl.text.routed import ROUTED, Routed, size_line

# What the published designs reached after place and route: a line in the number of LUTs, and the rms of what is left.
SIZE_NS, SIZE_NS_PER_LUT, SIZE_ERROR_NS = size_line()


class Residual(TypedDict):
    """A published design: LUTs, the period that it reached, and reached less estimated by size and by levels, in ns."""

    name: str
    source: str
    lut: int
    period_ns: float
    size_residual_ns: float
    levels: int | None
    levels_residual_ns: float | None


def size_period_ns(lut: float) -> float:
    """Period in ns that published designs of so many LUTs reached; :data:`SIZE_ERROR_NS` is its error."""
    return SIZE_NS + SIZE_NS_PER_LUT * lut


def latency_at_size_ns(cycles: int, lut: float, assumed_ns: float) -> tuple[float, float]:
    """Latency in ns at :func:`size_period_ns`, and its error: what to say beside a latency at the assumed clock.

    A small design scheduled for a slow clock has stages that are long for its size: its period is ``assumed_ns`` then,
    the one that the schedule was made for.
    """
    return cycles * max(size_period_ns(lut), assumed_ns), cycles * SIZE_ERROR_NS


def levels_period_ns(levels: int, delays: DelayModel) -> float:
    """Period in ns of a stage of so many logic levels, by the delay model."""
    return REGISTER_NS + levels * delays.lut_ns


def residuals(delays: DelayModel) -> list[Residual]:
    """What both estimates give for the published designs, beside what those reached."""

    def of(design: Routed) -> Residual:
        by_levels = None if design.levels is None else design.period_ns - levels_period_ns(design.levels, delays)
        return {
            "name": design.name,
            "source": design.source,
            "lut": design.lut,
            "period_ns": design.period_ns,
            "size_residual_ns": design.period_ns - size_period_ns(design.lut),
            "levels": design.levels,
            "levels_residual_ns": by_levels,
        }

    return [of(design) for design in ROUTED]


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
    levels_ns, size_ns = levels_period_ns(total.levels, delays), size_period_ns(total.lut)
    return {
        "target_ns": period_ns,
        "levels": total.levels,
        "levels_ns": levels_ns,
        "size_ns": size_ns,
        "size_error_ns": SIZE_ERROR_NS,
        "slack_ns": period_ns - max(levels_ns, size_ns),
    }
