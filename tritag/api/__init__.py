"""The public functions, offered as ``tritag.<name>``.

They check names first and import PyTorch, ONNX and hls4ml after it, so that a wrong name is answered at once. What they
do stands in ``tritag.pipeline``, one step a file.
"""

from __future__ import annotations

from tritag.api.firmware import csim, export, verify
from tritag.api.foreign import import_file
from tritag.api.jets import read_jets, score, score_file
from tritag.api.many import study, sweep
from tritag.api.package import package
from tritag.api.runs import open_run, train
from tritag.api.verilog import clocks, rtl, synth, vendor_reports

__all__ = [
    "clocks",
    "csim",
    "export",
    "import_file",
    "open_run",
    "package",
    "read_jets",
    "rtl",
    "score",
    "score_file",
    "study",
    "sweep",
    "synth",
    "train",
    "vendor_reports",
    "verify",
]
