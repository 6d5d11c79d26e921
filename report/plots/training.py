"""How the trainings went: loss of the validation jets, float first, then the quantized one that starts from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tritag.report.plots.plot import Plot, Report
from tritag.report.plots.style import TAGGERS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_UNITS = ((1_000_000, ", millions"), (1000, ", thousands"), (1, ""))


def _draw(axes: Axes, report: Report) -> None:
    histories = {name: steps for name, steps in report["history"].items() if steps}
    most = max(step["jets_seen"] for steps in histories.values() for step in steps)
    unit, told = next(((unit, told) for unit, told in _UNITS if most >= unit), _UNITS[-1])
    for name, steps in histories.items():
        jets = [step["jets_seen"] / unit for step in steps]
        axes.plot(jets, [s["validation_loss"] for s in steps], "o-", ms=3, color=TAGGERS[name], label=name)
    axes.set_xlabel(f"training jets seen{told}")
    axes.set_ylabel("loss of the validation jets")
    axes.legend()


def _caption(report: Report) -> str:
    steps = {name: found[-1]["step"] for name, found in report["history"].items() if found}
    told = " and ".join(f"{count:,} steps of the {name} training" for name, count in steps.items())
    return f"Validation loss along {told}; each counts its jets from its own beginning."


PLOT = Plot("training", "Training", _caption, lambda report: any(report["history"].values()), _draw)
