"""The verdict: a short table of what was trained and whether every executor gives the same integers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from tritag.hls_projects.vendor_reports import VendorReport
from tritag.report.firmware import firmware_rows, vendor_rows


def verdict_rows(summary: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Rows ``(section, what, figure)`` of a run's summary."""
    for precision, metrics in summary["physics"].items():
        if metrics is not None:
            for what, figure in physics_rows(metrics):
                yield "physics", f"{precision}: {what}", figure
    verdicts = summary["bit_accuracy"] or []
    for verdict in verdicts[1:]:
        yield "bit accuracy", f"{verdicts[0]['executor']} = {verdict['executor']}", _differ(verdict)
    if summary["cost"]:
        cost = summary["cost"]
        yield "cost", "weights and offsets", f"{cost['parameters']:,}"
        yield "cost", "multiply-accumulates", f"{cost['macs']:,.0f}"
        yield "cost", "bit operations", f"{cost['bit_operations']:,.0f}"
        stage = cost["stages"].get("jet_scalars")
        if stage:
            yield "cost", "  of which input scalars", f"{stage['bit_operations']:,.0f}"
        yield "cost", "weights and tables", f"{cost['weight_bits']:,.0f} + {cost['table_bits']:,.0f} bits"
    reports = [VendorReport.read(entry) for entry in summary.get("vendor") or []]
    of_project = list(vendor_rows(reports, "csynth"))
    if summary["csim"]:
        yield from (("firmware", *row) for row in _csim_rows(summary["csim"], bool(of_project)))
    yield from (("firmware", *row) for row in of_project)
    if summary.get("rtl"):
        for what, figure in firmware_rows(summary["rtl"], summary.get("synth")):
            yield "Verilog", what, figure
        yield from (("Verilog", *row) for row in vendor_rows(reports, "utilization", "timing"))
    elif summary["csim"]:
        yield "Verilog", "latency, resources", "not made (tritag rtl)"


def _csim_rows(csim: dict[str, Any], read_back: bool) -> Iterator[tuple[str, str]]:
    """Rows ``(what, figure)`` of the HLS project; ``read_back`` says that a report of its synthesis was."""
    yield "target", csim["target"]
    yield "C-simulation compiled in", f"{csim['compile_s']:.0f} s"
    yield "C-simulation = golden vectors", _differ(csim["golden"])
    if unrolled := csim.get("unrolled"):  # not in a file of an older tritag
        yield from _unrolled_rows(unrolled)
    vendor = csim["vendor"]
    if vendor:
        yield "latency, II (Vitis HLS)", f"{vendor['latency_cycles']}, {vendor['interval_cycles']} cycles"
        yield "LUT, FF, DSP (Vitis HLS)", f"{vendor['lut']:,}, {vendor['ff']:,}, {vendor['dsp']:,}"
    elif not read_back:
        yield "vendor synthesis", "not run: vitis-run is not on PATH"


def _differ(verdict: dict[str, Any]) -> str:
    return f"{verdict['differ']:,} / {verdict['jets']:,} jets differ"


def _unrolled_rows(unrolled: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the pragmas of the HLS project ask for, with its label."""
    total = unrolled["total"]
    yield f"HLS project ({unrolled['label']}), II", f"{unrolled['interval_cycles']}"
    yield "  operations", f"{total['operations']:,} unrolled, {total['kept']:,} where rows share circuits"
    yield "  products of two values", f"{total['products']:,}, {total['multipliers']:,} multipliers allowed"
    yield "  products by constants", f"{total['scaled']:,}"
    yield (
        "  reads of tables",
        f"{total['table_reads']:,} from at least {total['table_copies']:,} copies, {total['table_bits']:,} bits",
    )


def physics_rows(metrics: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Rows ``(what, figure)`` of the test figures of any head, as ``metrics.json`` holds them."""
    classes = metrics.get("classes", [])
    yield ("mean AUC" if classes else "AUC"), _estimate(metrics["auc"], 4)
    yield "accuracy", _estimate(metrics["accuracy"], 4)
    for c in classes:
        yield f"{c['name']}: AUC against the rest", _estimate(c["auc"], 4)
    for name, rejections in [(c["name"], c["rejections"]) for c in classes] or [("", metrics["rejections"])]:
        for r in rejections:
            yield (
                f"{name}: 1/eps_B at eps_S = {r['signal_efficiency']}".removeprefix(": "),
                f"{_estimate(r, 0)} ({r['n_background']:,} QCD jets)",
            )
    for r in metrics.get("regression", []):
        for kind in ("bias", "resolution"):
            before = _estimate(r[f"{kind}_before"], 4)
            yield f"{r['quantity']}: {kind}", f"{_estimate(r[kind], 4)} (uncorrected {before}; {r['n_jets']:,} jets)"


def verdict_table(summary: dict[str, Any]) -> Table:
    """The rows as a table for the terminal."""
    table = Table(title=summary["run"], title_justify="left")
    for name in ("", "", ""):
        table.add_column(name)
    table.show_header = False
    last = None
    for section, what, figure in verdict_rows(summary):
        if last is not None and section != last:
            table.add_section()
        table.add_row(section if section != last else "", what, figure)
        last = section
    return table


def _estimate(value: dict[str, Any], digits: int) -> str:
    if value["value"] is None:
        return "no background jet passed"
    error = value["error"]
    return f"{value['value']:.{digits}f}" + (f" ± {error:.{digits}f}" if error is not None else "")
