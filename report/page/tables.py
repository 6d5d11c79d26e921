"""The folded part of the page: everything in tables, for those who look for one figure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from tritag.report.firmware import COUNTED, ESTIMATED
from tritag.report.page.numbers import number
from tritag.report.plots.plot import Report
from tritag.report.verdict import verdict_rows


def folded_tables(report: Report) -> Iterator[str]:
    """Every table as a folded element: verdict, cost by stage, kernels, layers, provenance."""
    yield _folded("All figures", table(("", "", ""), (map(escape, row) for row in verdict_rows(report)), numbers=0))
    if report["cost"]:
        yield _folded("Cost of one jet, by stage", _cost(report))
    if report.get("rtl"):
        yield _folded("Verilog, kernel by kernel", _kernels(report))
    if report["csim"] and report["csim"].get("unrolled"):
        yield _folded(f"HLS project, layer by layer: {report['csim']['unrolled']['label']}", _unrolled(report))
    if report.get("layers"):
        yield _folded("Layers: types, proven intervals, what jets reached", _layers(report))
    if report["provenance"]:
        text = escape(json.dumps(report["provenance"], indent=2))
        yield _folded("Provenance: which software made each part", f"<pre>{text}</pre>")


def _folded(title: str, body: str) -> str:
    return f'<details><summary>{title}</summary><div class="scroll">{body}</div></details>'


def table(heads: Sequence[str], rows: Iterable[Iterable[str]], numbers: int) -> str:
    """An HTML table whose last ``numbers`` columns are aligned as numbers."""

    def line(cells: Iterable[str], tag: str) -> str:
        found = list(cells)
        first = len(found) - numbers
        return "".join(
            f'<{tag} class="number">{c}</{tag}>' if i >= first else f"<{tag}>{c}</{tag}>" for i, c in enumerate(found)
        )

    head = f"<thead><tr>{line(heads, 'th')}</tr></thead>" if any(heads) else ""
    body = "".join(f"<tr>{line(row, 'td')}</tr>" for row in rows)
    return f"<table>{head}<tbody>{body}</tbody></table>"


def _cost(report: Report) -> str:
    keys = ("macs", "bit_operations", "weight_bits", "table_bits")
    rows = (
        [escape(stage), *(number(report, f"/cost/stages/{stage}/{key}", ",.0f") for key in keys)]
        for stage in report["cost"]["stages"]
    )
    return table(("stage", *(key.replace("_", " ") for key in keys)), rows, numbers=len(keys))


def _kernels(report: Report) -> str:
    """LUTs of each kernel, the largest first: the estimate, and Yosys' count where there is one."""
    synth = report.get("synth")
    places = {k["module"]: i for i, k in enumerate(synth["kernels"])} if synth else {}
    kernels = report["rtl"]["kernels"]
    order = sorted(range(len(kernels)), key=lambda i: -kernels[i]["lut"] * kernels[i]["instances"])
    rows = (
        [
            escape(kernels[i]["module"]),
            number(report, f"/rtl/kernels/{i}/instances"),
            number(report, f"/rtl/kernels/{i}/lut", ",.0f"),
            number(report, f"/synth/kernels/{places[module]}/lut", ",.0f") if module in places else "-",
        ]
        for i in order
        for module in [kernels[i]["module"]]
    )
    return table(("kernel", "copies", f"LUT each, {ESTIMATED}", f"LUT each, {COUNTED}"), rows, numbers=3)


def _unrolled(report: Report) -> str:
    """What the pragmas of the HLS project leave of each layer."""
    keys = ("operations", "kept", "products", "multipliers", "scaled", "table_reads", "table_copies", "table_bits")
    rows = (
        [
            *(escape(layer[name]) for name in ("layer", "function", "loops")),
            *(number(report, f"/csim/unrolled/layers/{i}/{key}", ",") for key in keys),
        ]
        for i, layer in enumerate(report["csim"]["unrolled"]["layers"])
    )
    heads = (
        *("layer", "function", "loops", "operations unrolled", "left where rows share", "products of two values"),
        *(
            "multipliers allowed",
            "products by constants",
            "reads of tables",
            "copies of tables, at least",
            "their bits",
        ),
    )
    return table(heads, rows, numbers=len(keys))


def _layers(report: Report) -> str:
    keys = ("width", "fraction", "low", "high", "seen_low", "seen_high")
    rows = (
        [escape(layer["name"]), escape(layer["kind"]), *(number(report, f"/layers/{i}/{key}") for key in keys)]
        for i, layer in enumerate(report["layers"])
    )
    heads = ("layer", "kind", "bits", "of them fractional", "proven from", "to", "reached from", "to")
    return table(heads, rows, numbers=len(keys))
