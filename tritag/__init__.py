"""tritag: ultra-mini jet taggers from PyTorch to bit-exact FPGA trigger firmware.

A run is one training and all that was made from it, in a directory of its own. These functions make a run and take it,
step by step, to firmware; the command line (``tritag --help``) offers the same steps under the same names:

    run = tritag.train("transformer-2k", data="top-demo").run    # or tritag.open_run("transformer-2k")
    tritag.export(run)                                           # one QONNX file, golden integers
    tritag.csim(run)                                             # hls4ml project, C-simulation against them
    tritag.verify(run).require_equal()                           # every executor, integer by integer
    tritag.rtl(run).require_right()                              # pipelined Verilog, simulated; cycles
    tritag.synth(run)                                            # LUT, FF, DSP, memories by Yosys
    tritag.package(run, name="toptag", version=1)                # one archive for the firmware engineer
    scores = tritag.score(run, tritag.read_jets("jets.h5"), executor="csim")
    scores.integers, scores.floats, scores.lsb, scores.names

Results are frozen dataclasses with ``as_dict()``. Errors are subclasses of :class:`tritag.errors.TritagError` whose
messages say what must hold, what was given, and what to do. ``import tritag`` is quick: PyTorch, ONNX and hls4ml are
imported by the first step that needs them.
"""

from __future__ import annotations

import os
import sys
from types import ModuleType

from tritag._version import __version__
from tritag.api import (
    clocks,
    csim,
    export,
    import_file,
    open_run,
    package,
    read_jets,
    rtl,
    score,
    score_file,
    study,
    sweep,
    synth,
    train,
    vendor_reports,
    verify,
)

__all__ = [
    "__version__",
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

# ONNX Runtime reports its use to its makers, and leaves a file among the temporary ones, unless it is told not to.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")


class _CallableRoom(ModuleType):
    """The room ``tritag.export``, whose name is that of the function, too: called, it does what the function does."""

    __call__ = staticmethod(export)


class _Package(ModuleType):
    """The package, in which the first import of the room ``tritag.export`` replaces the function by the room."""

    def __setattr__(self, name: str, value: object) -> None:
        if name == "export" and isinstance(value, ModuleType):
            value.__class__ = _CallableRoom
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
if (_room := sys.modules.get("tritag.export")) is not None:  # a function above has imported a part of it already
    _room.__class__ = _CallableRoom
    globals()["export"] = _room
