"""The figures of a report, in the order of the page. A new figure is one file beside this one, and its name here."""

from __future__ import annotations

from tritag.report.plots import (
    agreement,
    calibration,
    cuts,
    distribution,
    equivariance,
    rejection,
    resources,
    schedule,
    training,
    widths,
)
from tritag.report.plots.plot import Plot

PLOTS: tuple[Plot, ...] = (
    rejection.PLOT,
    cuts.PLOT,
    distribution.PLOT,
    agreement.PLOT,
    calibration.PLOT,
    training.PLOT,
    equivariance.PLOT,
    schedule.PLOT,
    resources.PLOT,
    widths.PLOT,
)
