"""The whole way with one recipe: training, export, C-simulation, bit check, report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from tritag.files import JsonObject
from tritag.pipeline.csim import csim_run
from tritag.pipeline.export import export_run
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.report import ReportResult, report_run
from tritag.pipeline.train import train_run
from tritag.pipeline.verify import VerifyResult, verify_run
from tritag.quant.recipe import Recipe
from tritag.terminal import print_progress


@dataclass(frozen=True)
class DemoResult:
    """Where the whole way ended.

    Attributes
    ----------
    run : OpenedRun
        The run with the files of all steps.
    verification : VerifyResult
        The bit check.
    report : ReportResult
        The report.
    minutes : float
        How long it all took.
    """

    run: OpenedRun
    verification: VerifyResult
    report: ReportResult
    minutes: float

    def as_dict(self) -> JsonObject:
        """Path of the run directory, the verdict, and the minutes."""
        return {"run": str(self.run.directory), "equal": self.verification.equal, "minutes": self.minutes}


def _export(opened: OpenedRun, target_name: str) -> None:
    export_run(opened)


def _csim(opened: OpenedRun, target_name: str) -> None:
    csim_run(opened, target_name)


# Steps between training and bit check, in this order; each takes the run and the target's name.
FIRMWARE_STEPS: tuple[Callable[[OpenedRun, str], None], ...] = (_export, _csim)


def demo_run(name: str, recipe: Recipe, target_name: str) -> DemoResult:
    """Train, export, compile the hls4ml project, run the bit check, and report.

    Parameters
    ----------
    name : str
        Beginning of the run's name.
    recipe : Recipe
        With an exact precision.
    target_name : str
        A name in ``configs/targets``, or a YAML file.
    """
    began = time.monotonic()
    opened = train_run(name, recipe).run
    for step in FIRMWARE_STEPS:
        step(opened, target_name)
    print_progress("bit check: the same jets through every executor")
    verification = verify_run(opened, target_name=target_name)
    report = report_run(opened)
    return DemoResult(opened, verification, report, (time.monotonic() - began) / 60)
