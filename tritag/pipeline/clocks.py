"""A run's Verilog scheduled for several clocks: what a slower one saves in cycles, and which one may be believed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from tritag.errors import ConfigError
from tritag.export.graph import read_graph
from tritag.export.rtl.design.design import build
from tritag.export.rtl.design.search import choose_design
from tritag.export.rtl.text.clock import SIZE_ERROR_NS, latency_at_size_ns, size_period_ns
from tritag.files import JsonObject
from tritag.hls_projects.target import DEFAULT_TARGET, load_target
from tritag.pipeline.interfaces import model_of
from tritag.pipeline.made_design import beats_note, timing_of
from tritag.pipeline.opened import OpenedRun
from tritag.terminal import print_progress


@dataclass(frozen=True)
class ClockFigures:
    """A run's Verilog scheduled for one clock; nothing is simulated or synthesised.

    Attributes
    ----------
    clock_mhz, clock_period_ns : float
        The clock that the schedule assumes.
    levels : int
        Most logic levels that a stage holds by the delay model.
    beats, interval_cycles, latency_cycles : int
        As scheduled; ``beats`` are those of the design, in which a jet enters.
    latency_ns : float
        At that clock.
    lut, ff, dsp : int
        Estimated.
    size_period_ns, size_error_ns : float
        What published designs of that many LUTs reached after place and route, and the error.
    latency_at_size_ns, latency_at_size_error_ns : float
        The same cycles at that period, or at the assumed one where that is longer, and the error.
    """

    clock_mhz: float
    clock_period_ns: float
    levels: int
    beats: int
    interval_cycles: int
    latency_cycles: int
    latency_ns: float
    lut: int
    ff: int
    dsp: int
    size_period_ns: float
    size_error_ns: float
    latency_at_size_ns: float
    latency_at_size_error_ns: float

    def as_dict(self) -> JsonObject:
        """An entry of what ``tritag rtl --clocks`` prints with ``--json``."""
        return asdict(self)


def clock_figures(
    opened: OpenedRun,
    clocks_mhz: Sequence[float],
    target_name: str = DEFAULT_TARGET,
    interval: int | None = None,
    beats: int | None = None,
    dsp_bits: int | None = None,
    interface: str = "plain",
) -> Iterator[ClockFigures]:
    """Schedule an exported run's Verilog for each clock, one by one; nothing is written.

    Parameters
    ----------
    clocks_mhz : sequence of float
        Clocks in MHz, each of them > 0.
    target_name : str
        Part, uncertainty and interval; its clock is not used.
    interval, beats, dsp_bits, interface
        As :func:`tritag.pipeline.rtl.rtl_run` takes them; without ``beats`` the fewest that one SLR holds at the first
        clock, for all of them.

    Raises
    ------
    ConfigError
        No clock, or one that is not > 0.
    ExportError
        A clock so fast that a stage cannot hold a product, or beats that exceed the interval.
    """
    if not clocks_mhz or not all(0 < clock < float("inf") for clock in clocks_mhz):
        given = ",".join(f"{clock:g}" for clock in clocks_mhz)
        raise ConfigError(f"--clocks must be frequencies in MHz > 0 with commas between them, got {given!r}")
    target, graph = load_target(target_name), read_graph(model_of(opened, interface))
    for clock in clocks_mhz:
        period_ns = 1e3 / clock
        timing = timing_of(dataclasses.replace(target, clock_period_ns=period_ns), interval, dsp_bits)
        if beats is None:
            design, beats = choose_design(graph, timing, None, target.fpga)
        else:
            design = build(graph, timing, beats)
        if clock == clocks_mhz[0] and (note := beats_note(design.beats, beats)):
            print_progress(f"{opened.name}: {note}")
        estimate, cycles = design.estimate(), design.latency_cycles
        at_size, at_size_error = latency_at_size_ns(cycles, estimate["lut"], period_ns)
        yield ClockFigures(
            clock_mhz=clock,
            clock_period_ns=period_ns,
            levels=timing.delays.stage_levels,
            beats=design.beats,
            interval_cycles=timing.interval,
            latency_cycles=cycles,
            latency_ns=cycles * period_ns,
            lut=estimate["lut"],
            ff=estimate["ff"],
            dsp=estimate["dsp"],
            size_period_ns=size_period_ns(estimate["lut"]),
            size_error_ns=SIZE_ERROR_NS,
            latency_at_size_ns=at_size,
            latency_at_size_error_ns=at_size_error,
        )
