"""Latency, interval, resources and verdicts of a package, each with its origin, as JSON and as a table."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from tritag.hls_projects.vendor_reports import VendorReport

ORIGINS = {
    "measured": "in a simulation of the Verilog, cycle by cycle",
    "scheduled": "as the Verilog was written; nothing was simulated",
    "assumed": "of the target; no place and route was run",
    "estimated": "from the Verilog's expressions, without a synthesis",
    "counted": "by Yosys, kernel by kernel",
    "compared": "integer by integer with the first executor, or with the exported file",
    "vendor": "from a report of the vendor's tools",
}
_RESOURCES = {"lut": "LUT", "ff": "FF", "carry8": "CARRY8", "dsp": "DSP", "bram": "BRAM_18K", "bram18": "BRAM_18K"}


@dataclass(frozen=True)
class Fact:
    """A quantity with its unit and its origin, one of :data:`ORIGINS`."""

    quantity: str
    value: float | int | str
    unit: str
    origin: str


def facts_of(
    rtl: Mapping[str, Any],
    synth: Mapping[str, Any] | None = None,
    verdicts: Sequence[Mapping[str, Any]] = (),
    vendor: Sequence[Mapping[str, Any]] = (),
) -> list[Fact]:
    """Facts that the steps of a run wrote down.

    Parameters
    ----------
    rtl, synth, verdicts : contents of ``rtl.json``, ``synth.json`` and ``verify.json``
    vendor : content of ``vendor.json``
        Reports of the vendor's tools, each with its kind and figures.
    """
    measured = rtl["latency_cycles"] is not None
    origin = "measured" if measured else "scheduled"
    latency = rtl["latency_cycles"] if measured else rtl["scheduled_latency_cycles"]
    facts = [
        Fact("latency", latency, "cycles", origin),
        Fact("interval", rtl["interval_cycles"] if measured else rtl["interval"], "cycles", origin),
        Fact("clock period", rtl["clock_period_ns"], "ns", "assumed"),
        Fact("latency at that clock", round(latency * rtl["clock_period_ns"], 3), "ns", "assumed"),
    ]
    for name, scenario in rtl["scenarios"].items():
        facts.append(Fact(f"Verilog, {name}", f"{scenario['differ']} of {scenario['jets']}", "jets differ", "compared"))
    facts += [Fact(_RESOURCES.get(n, n), v, "", "estimated") for n, v in rtl["estimate"].items()]
    if synth is not None and "total" in synth:
        facts += [Fact(_RESOURCES.get(n, n), v, "", "counted") for n, v in synth["total"].items() if n in _RESOURCES]
    for v in verdicts:
        facts.append(Fact(v["executor"], f"{v['differ']} of {v['jets']}", "jets differ", "compared"))
    for report in map(VendorReport.read, vendor):
        facts += [Fact(f"{report.kind}: {n}", v, "", "vendor") for n, v in report.figures.items()]
    return facts


def summary_files(facts: Sequence[Fact], origin: Mapping[str, str], interface: str = "") -> dict[str, str]:
    """``summary.json`` and ``summary.md``; the latter ends with ``interface``, Markdown about the ports."""
    used = {fact.origin for fact in facts}
    content = {
        "origin": dict(origin),
        "facts": [asdict(fact) for fact in facts],
        "origins": {name: text for name, text in ORIGINS.items() if name in used},
    }
    rows = [f"| {f.quantity} | {f.value} {f.unit} | {f.origin} |" for f in facts]
    notes = [f"- *{name}*: {text}." for name, text in ORIGINS.items() if name in used]
    table = "\n".join(["| quantity | value | origin |", "|---|---|---|", *rows, "", *notes, ""])
    return {
        "docs/summary.json": json.dumps(content, indent=2, sort_keys=True) + "\n",
        "docs/summary.md": table + interface,
    }
