"""Latency and resources of a run's Verilog in words: every figure with where it comes from.

Cycles are *measured* in the simulation, or only *scheduled* where none was run. LUT, FF, DSP and BRAM are *estimated*
from the Verilog, *counted* by Yosys, or the vendor's. Nanoseconds are cycles at the *assumed* clock of the target: no
place and route has confirmed it. Beside them stands what published designs of the same number of LUTs reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tritag.export.rtl.text.clock import SIZE_ERROR_NS, latency_at_size_ns, size_period_ns
from tritag.export.rtl.text.fpga import Part, find_part
from tritag.hls_projects.vendor_reports import VendorReport

MEASURED = "measured"
SCHEDULED = "scheduled"
ESTIMATED = "estimated"
COUNTED = "counted by Yosys"
VENDOR = "Vivado synthesis"
# Resources by the names of :class:`tritag.export.rtl.text.fpga.Figures`, as the tables call them.
RESOURCES = {"lut": "LUT", "ff": "FF", "dsp": "DSP", "bram18": "BRAM_18K"}

Row = tuple[str, str]


def simulated_jets(rtl: Mapping[str, Any]) -> tuple[int, int]:
    """Jets of all scenarios of rtl.json: how many differ, and how many there are; (0, 0) without a simulation."""
    scenarios = rtl["scenarios"].values()
    return sum(s["differ"] for s in scenarios), sum(s["jets"] for s in scenarios)


def is_measured(rtl: Mapping[str, Any]) -> bool:
    """Whether the cycles of rtl.json were measured in a simulation; otherwise they are those of the schedule."""
    return rtl["latency_cycles"] is not None


def cycles(rtl: Mapping[str, Any]) -> tuple[int, int, str]:
    """Latency and II in cycles, and their origin: measured where a simulation was run, else scheduled."""
    if is_measured(rtl):
        return rtl["latency_cycles"], rtl["interval_cycles"], MEASURED
    return rtl["scheduled_latency_cycles"], rtl["interval"], SCHEDULED


def estimated_counts(rtl: Mapping[str, Any]) -> dict[str, float]:
    """The estimate of rtl.json by the names of ``RESOURCES``."""
    estimate = rtl["estimate"]
    return {name: estimate["bram" if name == "bram18" else name] for name in RESOURCES}


def firmware_rows(rtl: Mapping[str, Any], synth: Mapping[str, Any] | None) -> Iterator[Row]:
    """Rows ``(what with its origin, figure)`` of a run's Verilog: part, cycles, nanoseconds, resources, assumptions.

    Parameters
    ----------
    rtl, synth
        Content of rtl.json and of synth.json; None where Yosys was not run.
    """
    name = rtl.get("part")
    part = find_part(name) if name else None
    yield "part", _part_text(name, part)
    yield from _timing_rows(rtl, synth)
    sources = {ESTIMATED: estimated_counts(rtl)}
    if synth:
        sources[COUNTED] = synth["total"]
        if synth["vendor"]:
            sources[VENDOR] = synth["vendor"]
    for resource, title in RESOURCES.items():
        for origin, counts in sources.items():
            yield f"{title} ({origin})", count_text(counts[resource], resource, part)
    if not synth:
        yield f"resources ({COUNTED})", "not run (tritag synth)"
    for sentence in rtl.get("assumptions", []):
        yield "assumption", sentence


def vendor_rows(reports: Iterable[VendorReport], *kinds: str) -> Iterator[Row]:
    """Rows ``(what with its origin, figures)`` of the vendor's reports of these kinds that were read into the run."""
    for report in reports:
        if report.kind in kinds:
            yield f"vendor ({report.source})", report.text


def count_text(count: float, resource: str, part: Part | None) -> str:
    """A count with its shares of the part and of one SLR; the count alone where the part is not known."""
    text = f"{count:,.0f}"
    if part is None:
        return text
    whole, slr = (part.shares({resource: count}, slr=of_slr)[resource] for of_slr in (False, True))
    if whole > 1:
        return f"{text} = {whole:.1%}: does not fit"
    return f"{text} = {whole:.1%}" + (f" (SLR {slr:.1%})" if part.holds.slrs > 1 else "")


def _part_text(name: str | None, part: Part | None) -> str:
    if name is None:
        return "not in rtl.json, no shares: call tritag rtl again"
    if part is None:
        return f"{name}: unknown, no shares"
    regions = f"{part.holds.slrs} SLRs" if part.holds.slrs > 1 else "1 SLR"
    return f"{part.name}, {regions}"


def luts(rtl: Mapping[str, Any], synth: Mapping[str, Any] | None) -> tuple[float, str]:
    """LUTs of the whole design and their origin: counted where Yosys was run, else estimated."""
    return (synth["total"]["lut"], COUNTED) if synth else (rtl["estimate"]["lut"], ESTIMATED)


def latency_text(rtl: Mapping[str, Any], synth: Mapping[str, Any] | None = None) -> str:
    """Latency in a line: cycles, ns at the assumed clock with its levels, ns at the period of designs of its size."""
    latency, period_ns = cycles(rtl)[0], rtl["clock_period_ns"]
    lut, origin = luts(rtl, synth)
    at_size, error = latency_at_size_ns(latency, lut, period_ns)
    levels = (synth["clock_estimate"]["levels"], COUNTED) if synth else (rtl.get("levels", "?"), SCHEDULED)
    return (
        f"{latency:,} cycles = {latency * period_ns:,.0f} ns at the assumed {1e3 / period_ns:.0f} MHz (at most "
        f"{levels[0]} logic levels, {levels[1]}), {at_size:,.0f} ± {error:,.0f} ns at the period that "
        f"published designs of its size reached ({size_period_ns(lut):.2f} ns for {lut:,.0f} LUTs, {origin})"
    )


def _timing_rows(rtl: Mapping[str, Any], synth: Mapping[str, Any] | None) -> Iterator[Row]:
    latency, interval, origin = cycles(rtl)
    differ, jets = simulated_jets(rtl)
    yield "Verilog = ONNX Runtime", f"{differ:,} / {jets:,} jets differ" if jets else "not simulated"
    period_ns = rtl["clock_period_ns"]
    yield f"latency ({origin})", f"{latency:,} cycles"
    yield f"II ({origin})", f"{interval:,} cycles"
    yield "clock (assumed)", f"{1e3 / period_ns:.1f} MHz, {period_ns:g} ns"
    yield "latency (at that clock)", f"{latency * period_ns:,.0f} ns"
    yield "II (at that clock)", f"{interval * period_ns:,.0f} ns"
    if "levels" in rtl:  # not in files of older versions
        yield f"logic levels ({SCHEDULED})", f"{rtl['levels']} at most"
    if synth:
        clock = synth["clock_estimate"]
        yield f"logic levels ({COUNTED})", f"{clock['levels']} at most: {clock['levels_ns']:.2f} ns (estimated)"
    lut, _ = luts(rtl, synth)
    at_size, error = latency_at_size_ns(latency, lut, period_ns)
    yield "clock period (by size)", f"{size_period_ns(lut):.2f} ± {SIZE_ERROR_NS:.2f} ns"
    yield "latency (at that period)", f"{at_size:,.0f} ± {error:,.0f} ns"
