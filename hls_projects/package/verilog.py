"""The Verilog of a package: modules, memories, constraints, scripts for Vivado, golden vectors as hexadecimal words."""

from __future__ import annotations

import json

from tritag.export.rtl.design.listing import Facts, listing
from tritag.export.rtl.design.stream import stream_files
from tritag.hls_projects.package.delivery import Delivery, Files
from tritag.hls_projects.package.stream_ports import verilog_top

_XDC = """\
# {top}: {period_ns} ns = {mhz:.1f} MHz, the clock that latency and schedule assume.
create_clock -name clk -period {period_ns} [get_ports {clock}]
set_clock_uncertainty {uncertainty:.4f} [get_clocks clk]
"""
_VIVADO = """\
# vivado -mode batch -source vivado_ooc.tcl            synthesis, place and route of {top}, out of context
# Reports: utilization.rpt and timing.rpt; 'tritag rtl RUN --vendor-report FILE' reads them back.
cd [file dirname [file normalize [info script]]]
create_project -in_memory -part {part}
read_verilog {sources}
read_xdc -mode out_of_context {core}.xdc
synth_design -top {top} -part {part} -mode out_of_context -flatten_hierarchy rebuilt
opt_design
place_design
phys_opt_design
route_design
report_utilization -file utilization.rpt
report_timing_summary -delay_type max -file timing.rpt
"""


def verilog_files(delivery: Delivery) -> Files:
    """Verilog, memories, constraints and Vivado's script, below ``verilog``."""
    design, target = delivery.design, delivery.target
    origin, naming, top = delivery.origin, delivery.naming, verilog_top(delivery)
    sources = " ".join(f"{name}.v" for name in dict.fromkeys((design.name, top)))
    facts = Facts(origin["run"], origin["settings"], naming.name, naming.version, target.part, target.clock_period_ns)
    return {
        f"{design.name}.v": listing(design, delivery.graph, facts),
        **(stream_files(design) if delivery.stream else {}),
        **design.files,
        f"{design.name}.xdc": _XDC.format(
            top=design.name,
            clock="aclk" if delivery.stream else "clk",
            period_ns=target.clock_period_ns,
            mhz=delivery.clock_mhz(),
            uncertainty=target.clock_period_ns * target.clock_uncertainty_percent / 100,
        ),
        "vivado_ooc.tcl": _VIVADO.format(top=top, sources=sources, core=design.name, part=target.part),
    }


def vector_files(delivery: Delivery) -> Files:
    """Golden jets as hexadecimal words, and what stands in which column, below ``vectors``.

    ``inputs.hex`` has a line for each beat of each jet with a word for each input port; what no row uses in a beat is
    noise, on purpose. ``outputs.hex`` has a line for each jet with a word for each output, two's complement.
    """
    design = delivery.design
    words = delivery.words().reshape(-1, len(design.inputs)).tolist()
    widths = [width for _, width, _ in design.outputs]
    answers = delivery.answers().tolist()
    wanted = [[value & ((1 << width) - 1) for value, width in zip(row, widths, strict=True)] for row in answers]
    ports = {
        "top": design.name,
        "jets": delivery.jets,
        "beats": design.beats,
        "interval_cycles": design.interval_cycles,
        "latency_cycles": design.latency_cycles,
        "inputs": [{"port": port, "bits": design.widths[port]} for port in design.inputs],
        "outputs": [
            {"port": port, "bits": width, "signed": signed, "meaning": meaning}
            for (port, width, signed), meaning in zip(design.outputs, delivery.meanings(), strict=True)
        ],
        **({"word": places} if (places := delivery.word_places()) else {}),
    }
    return {
        "inputs.hex": _hex(words),
        "outputs.hex": _hex(wanted),
        "ports.json": json.dumps(ports, indent=2) + "\n",
    }


def _hex(rows: list[list[int]]) -> str:
    return "".join(" ".join(f"{word:x}" for word in row) + "\n" for row in rows)
