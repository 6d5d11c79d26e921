"""The top of the page: is it bit-exact, does it separate, does it fit and is it fast enough."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from tritag.export.rtl.text.clock import latency_at_size_ns
from tritag.export.rtl.text.fpga import find_part
from tritag.hls_projects.vendor_reports import VendorReport
from tritag.report.firmware import COUNTED, ESTIMATED, VENDOR, cycles, is_measured, luts
from tritag.report.page.numbers import number
from tritag.report.plots.plot import Report, value_at
from tritag.report.working_point import working_point

_EXACT = "Same integers everywhere"


def tiles(report: Report) -> str:
    """The three tiles."""
    return f'<div class="tiles">{_exact(report)}{_physics(report)}{_firmware(report)}</div>'


def _tile(title: str, main: str, lines: Iterator[str] | list[str], mood: str = "") -> str:
    text = "".join(f"<p>{line}</p>" for line in lines)
    return f'<section class="tile {mood}"><h2>{title}</h2><p class="main">{main}</p>{text}</section>'


def _command(name: str, report: Report) -> str:
    return f"<code>tritag {name} {escape(report['run'])}</code>"


def _exact(report: Report) -> str:
    verdicts, golden = report["bit_accuracy"] or [], (report.get("csim") or {}).get("golden")
    wrong = any(v["differ"] for v in [*verdicts, *_scenarios(report).values(), *([golden] if golden else [])])
    lines = [f"{_command('verify', report)} compares the executors."]
    if len(verdicts) > 1:
        names = ", ".join(escape(v["executor"]) for v in verdicts)
        lines = [f"{number(report, '/bit_accuracy/0/jets')} jets through {names}"]
    lines += [
        f"{escape(v['executor'])}: {number(report, f'/bit_accuracy/{i}/differ')} jets differ"
        for i, v in enumerate(verdicts)
        if v["differ"]
    ]
    if golden and golden["differ"]:
        lines.append(f"C-simulation, golden vectors: {_of(report, '/csim/golden')}")
    for name in _scenarios(report):
        lines.append(f"simulated Verilog, {escape(name.replace('_', ' '))}: {_of(report, f'/rtl/scenarios/{name}')}")
    if len(verdicts) < 2 and not wrong:
        return _tile(_EXACT, "not checked", lines)
    return _tile(_EXACT, "no" if wrong else "yes", lines, "bad" if wrong else "good")


def _of(report: Report, where: str) -> str:
    """How many jets of a comparison differ."""
    differ, jets = (number(report, f"{where}/{key}") for key in ("differ", "jets"))
    return f"{differ} of {jets} differ"


def _scenarios(report: Report) -> dict[str, dict[str, int]]:
    """Simulations of the Verilog, by what happens in them."""
    found: dict[str, dict[str, int]] = (report.get("rtl") or {}).get("scenarios", {})
    return found


def _physics(report: Report) -> str:
    point = working_point(report)
    if point is None:
        return _tile("Separation", "not measured", [])
    path, signal = point
    auc = "/".join(path.split("/")[:3]) + "/auc"
    if value_at(report, f"{path}/value") is None:
        main = "no background passed"
    else:
        main = f"{number(report, f'{path}/value', '.0f')} ± {number(report, f'{path}/error', '.0f')}"
    who = f" for {escape(signal)}" if signal else ""
    lines = [
        f"background rejection at signal efficiency {number(report, f'{path}/signal_efficiency')}{who}, from "
        f"{number(report, f'{path}/n_background')} background jets",
        f"AUC {number(report, f'{auc}/value', '.4f')} ± {number(report, f'{auc}/error', '.4f')}",
    ]
    return _tile("Separation", main, lines)


def _firmware(report: Report) -> str:
    rtl = report.get("rtl")
    if not rtl:
        return _tile("Latency and size", "not made", [f"{_command('rtl', report)} writes and simulates the Verilog."])
    measured = is_measured(rtl)
    latency, interval = ("latency_cycles", "interval_cycles") if measured else ("scheduled_latency_cycles", "interval")
    period_ns, origin = rtl["clock_period_ns"], cycles(rtl)[2]
    ns = f"{cycles(rtl)[0] * period_ns:,.0f} ns at the assumed {1e3 / period_ns:.0f} MHz"
    lut, of_lut = luts(rtl, report.get("synth"))
    at_size, error = latency_at_size_ns(cycles(rtl)[0], lut, period_ns)
    lines = [
        f"latency, {origin}: {ns}",
        f"{at_size:,.0f} ± {error:,.0f} ns at the period that published designs of its size reached (LUTs {of_lut})",
        _levels(report),
        f"a jet every {number(report, f'/rtl/{interval}')} cycles",
        _share(report),
    ]
    return _tile("Latency and size", f"{number(report, f'/rtl/{latency}')} cycles", lines)


def _levels(report: Report) -> str:
    """Most logic levels between registers, counted where Yosys was run."""
    if report.get("synth"):
        return f"at most {number(report, '/synth/clock_estimate/levels')} logic levels, {COUNTED}"
    if "levels" not in report["rtl"]:
        return f"logic levels: {_command('synth', report)} counts them"
    return f"at most {number(report, '/rtl/levels')} logic levels, scheduled"


def _share(report: Report) -> str:
    """LUTs with their share of the part, from the best origin there is."""
    rtl, synth = report["rtl"], report.get("synth")
    where, origin = "/rtl/estimate/lut", ESTIMATED
    if synth:
        where, origin = ("/synth/vendor/lut", VENDOR) if synth.get("vendor") else ("/synth/total/lut", COUNTED)
    for i, read in enumerate(report.get("vendor") or []):
        if read["kind"] == "utilization":
            where, origin = f"/vendor/{i}/figures/lut", f"vendor ({escape(VendorReport.read(read).source)})"
    text = f"{number(report, where, ',.0f')} LUT, {origin}"
    part = find_part(rtl["part"]) if rtl.get("part") else None
    if part is None:
        return text + "; the part is not known"
    return f"{text}: {part.shares({'lut': value_at(report, where)})['lut']:.1%} of {escape(part.name)}"
