"""The HTML report of a run: one self-contained page."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from tritag.report.firmware import COUNTED, ESTIMATED
from tritag.report.verdict import verdict_rows

_STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; margin: 1em 0; }
td, th { padding: .25em .8em; border-bottom: 1px solid #ddd; text-align: left; }
td:last-child { font-variant-numeric: tabular-nums; }
pre { background: #f6f6f6; padding: 1em; overflow: auto; }
"""


def html_report(summary: dict[str, Any]) -> str:
    """Page with the verdict, the cost by stage, the Verilog kernel by kernel, and which software made it."""
    rows = "".join(
        f"<tr><td>{escape(section)}</td><td>{escape(what)}</td><td>{escape(figure)}</td></tr>"
        for section, what, figure in verdict_rows(summary)
    )
    parts = [f"<h1>{escape(summary['run'])}</h1><h2>Verdict</h2><table>{rows}</table>"]
    if summary["cost"]:
        keys = ("macs", "bit_operations", "weight_bits", "table_bits")
        head = "".join(f"<th>{key.replace('_', ' ')}</th>" for key in keys)
        stages = "".join(
            f"<tr><td>{escape(name)}</td>" + "".join(f"<td>{stage.get(key, 0):,.0f}</td>" for key in keys) + "</tr>"
            for name, stage in summary["cost"]["stages"].items()
        )
        parts.append(f"<h2>Cost by stage, one jet</h2><table><tr><th>stage</th>{head}</tr>{stages}</table>")
    if summary.get("rtl"):
        parts.append(_kernels(summary["rtl"], summary.get("synth")))
    if summary["provenance"]:
        parts.append(f"<h2>Provenance</h2><pre>{escape(json.dumps(summary['provenance'], indent=2))}</pre>")
    title = escape(summary["run"])
    body = "\n".join(parts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def _kernels(rtl: dict[str, Any], synth: dict[str, Any] | None) -> str:
    """LUTs of each kernel of the Verilog, the largest first: the estimate, and Yosys' count where there is one."""
    counted = {kernel["module"]: f"{kernel['lut']:,}" for kernel in synth["kernels"]} if synth else {}
    rows = "".join(
        f"<tr><td>{escape(k['module'])}</td><td>{k['instances']}</td><td>{k['lut']:,}</td>"
        f"<td>{counted.get(k['module'], '-')}</td></tr>"
        for k in sorted(rtl["kernels"], key=lambda k: -k["lut"] * k["instances"])
    )
    head = "".join(
        f"<th>{name}</th>" for name in ("kernel", "copies", f"LUT each, {ESTIMATED}", f"LUT each, {COUNTED}")
    )
    return f"<h2>Verilog, kernel by kernel</h2><table><tr>{head}</tr>{rows}</table>"
