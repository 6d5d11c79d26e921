"""Verilog: written, simulated and synthesised."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tritag.pipeline.defaults import DEFAULT_TARGET, RTL_JETS

if TYPE_CHECKING:
    from tritag.files import JsonObject
    from tritag.pipeline.clocks import ClockFigures
    from tritag.pipeline.opened import RunLike
    from tritag.pipeline.rtl import RtlResult
    from tritag.pipeline.synth import SynthResult


def rtl(
    run: RunLike,
    target: str = DEFAULT_TARGET,
    *,
    interval: int | None = None,
    beats: int | None = None,
    dsp_bits: int | None = None,
    jets: int = RTL_JETS,
    interface: str = "plain",
    name: str | None = None,
    version: int | None = None,
) -> RtlResult:
    """Write pipelined Verilog of an exported run, simulate it bit by bit, and measure its cycles.

    The Verilog is the folder ``rtl`` of the run (docs/rtl.md).

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.
    target : str
        FPGA part, clock and interval: a name in ``configs/targets``, or a YAML file.
    interval : int, optional
        Clock cycles between two jets; by default the target's.
    beats : int, optional
        Most cycles in which a jet's rows pass; by default as few as one SLR holds, by the estimate.
    dsp_bits : int, optional
        Products of so many partial bits (width times width) and more go into DSPs.
    jets : int
        Jets to simulate, besides the crafted ones; 0 writes and schedules the Verilog, and measures nothing.
    interface : "plain", "words" or "stream"
        How the design takes jets: candidates' fields at ports, or candidates' words, and the jet's word as the answer
        (docs/words.md).
    name : str, optional
        What all modules and memories begin with, as ``NAME_vN_``; by default the run's name.
    version : int, optional
        N of ``NAME_vN_``; by default 1.

    Returns
    -------
    RtlResult
        ``latency_cycles`` and ``interval_cycles`` as measured; ``scenarios``, jets and differing jets of each
        simulation; ``settings`` with the estimated resources and the latency in ns at the assumed clock; and
        ``require_right()``, which raises CheckFailed when an integer or a cycle count is wrong.

    Raises
    ------
    ToolError
        Verilator, g++ or perl is missing.
    RunError
        No such run, or one that is not exported.
    ExportError
        A layer has no form in Verilog.

    Examples
    --------
    ::

        print(tritag.rtl("transformer-2k", interval=9).latency_cycles)
    """
    from tritag.hls_projects.target import load_target
    from tritag.pipeline.exported import open_exported

    opened = open_exported(run, needs=("model.qonnx.onnx",))
    load_target(target)
    from tritag.pipeline.interfaces import VERILOG_INTERFACES, check_interface

    check_interface(interface, VERILOG_INTERFACES)
    from tritag.export.naming import Naming

    naming = Naming.of_run(opened.name, name, version)
    from tritag.pipeline.rtl import rtl_run

    return rtl_run(opened, target, interval, beats, jets, dsp_bits, naming, interface)


def clocks(
    run: RunLike,
    clocks_mhz: Sequence[float] = (240, 280, 320, 360),
    target: str = DEFAULT_TARGET,
    *,
    interval: int | None = None,
    beats: int | None = None,
    dsp_bits: int | None = None,
    interface: str = "plain",
) -> list[ClockFigures]:
    """Schedule an exported run's Verilog for several clocks, to see which latency may be believed; nothing is written.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.
    clocks_mhz : sequence of float
        Clocks in MHz.
    target : str
        FPGA part, uncertainty and interval: a name in ``configs/targets``, or a YAML file; its clock is not used.
    interval : int, optional
        Clock cycles between two jets; by default the target's.
    beats : int, optional
        Most cycles in which a jet's rows pass; by default as few as one SLR holds at the first clock, for all clocks.
    dsp_bits : int, optional
        Products of so many partial bits (width times width) and more go into DSPs.
    interface : "plain", "words" or "stream"
        How the design takes jets, as in :func:`rtl`.

    Returns
    -------
    list of ClockFigures
        For each clock cycles, ns, logic levels in a stage and estimated resources, and the ns at the period that
        published designs of that many LUTs reached, with its error.

    Raises
    ------
    ConfigError
        No clock, or one that is not > 0.
    RunError
        No such run, or one that is not exported.
    ExportError
        A clock so fast that a stage cannot hold a product, or beats that exceed the interval.

    Examples
    --------
    ::

        for at in tritag.clocks("transformer-2k", (240, 360), beats=4):
            print(at.clock_mhz, at.latency_cycles, at.latency_at_size_ns)
    """
    from tritag.hls_projects.target import load_target
    from tritag.pipeline.exported import open_exported

    opened = open_exported(run, needs=("model.qonnx.onnx",))
    load_target(target)
    from tritag.pipeline.clocks import clock_figures
    from tritag.pipeline.interfaces import VERILOG_INTERFACES, check_interface

    check_interface(interface, VERILOG_INTERFACES)
    return list(clock_figures(opened, clocks_mhz, target, interval, beats, dsp_bits, interface))


def vendor_reports(
    run: RunLike, reports: Sequence[str | Path], name: str | None = None, version: int | None = None
) -> list[JsonObject]:
    """Read reports of the vendor's tools back into a run, labelled as the vendor's.

    Report, comparison and package show them.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it; with the Verilog of :func:`rtl`.
    reports : sequence of str or Path
        Vivado's reports of utilization and timing, Vitis HLS' ``csynth.xml``; told apart by content.
    name : str, optional
        Of the package that the reports are of, where it has another than the run's Verilog.
    version : int, optional
        Of that package.

    Returns
    -------
    list of dict
        All reports of the run: ``kind``, ``design``, ``part``, ``figures``, name of the ``file``, and ``origin``, which
        is ``vendor``.

    Raises
    ------
    DataError
        A file that is no such report, lacks a figure or its head, or is of another part, speed grade or design.
    RunError
        No such run, or one without Verilog.

    Examples
    --------
    ::

        tritag.vendor_reports("transformer-2k", ["utilization.rpt", "timing.rpt"])
    """
    from tritag.pipeline.opened import open_run

    opened = open_run(run, needs=("rtl.json",))
    from tritag.export.naming import Naming
    from tritag.pipeline.vendor import keep_reports

    named = name is not None or version is not None
    naming = Naming.of_run(opened.name, name, version) if named else None
    return keep_reports(opened, [Path(report) for report in reports], naming)


def synth(run: RunLike, *, workers: int = 1, only: str | None = None, route: bool = False) -> SynthResult:
    """Count the resources of a run's Verilog with Yosys, kernel by kernel; an interrupted call is continued.

    Parameters
    ----------
    run : OpenedRun, str or Path
        As :func:`open_run` takes it.
    workers : int
        Processes of Yosys at a time.
    only : str, optional
        Only kernels with this in their names; ``synth.json`` is not written then.
    route : bool
        Whether to place and route each of these kernels alone, too, on an open device: a relative measure.

    Returns
    -------
    SynthResult
        ``kernels``, each with its counts (LUT, FF, CARRY8, DSP, 18-kbit memories) and logic levels; ``whole``, the sum
        with its shares of the part and of one SLR and an estimated clock period in ns; ``routing``, ns on the open
        device.

    Raises
    ------
    ToolError
        Yosys or nextpnr is missing or failed.
    RunError
        No such run, or one without Verilog.
    ConfigError
        No kernel has ``only`` in its name.

    Examples
    --------
    ::

        print(tritag.synth("transformer-2k", workers=2).whole.total.lut)
    """
    from tritag.pipeline.opened import open_run

    opened = open_run(run, needs=("rtl.json", "model.qonnx.onnx"))
    from tritag.pipeline.synth import synth_run

    return synth_run(opened, workers, only, route)
