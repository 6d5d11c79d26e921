"""Ports of the AXI4-Stream around a package's Verilog, and how they stand in two bus interfaces."""

from __future__ import annotations

from tritag.export.rtl.design.stream import stream_name, word_ports_of
from tritag.export.words import JET_BITS, TOKEN_BITS, WORD_BITS
from tritag.hls_projects.package.delivery import Delivery

# Bus interface to its mode, and to the logical names of its signals; a port is called <bus>_<signal in small letters>.
STREAMS = {
    "s_axis": ("slave", ("TDATA", "TUSER", "TVALID", "TLAST", "TREADY")),
    "m_axis": ("master", ("TDATA", "TVALID", "TLAST", "TREADY")),
}


def verilog_top(delivery: Delivery) -> str:
    """The module that a firmware engineer takes: AXI4-Stream where the package has it, else the design."""
    return stream_name(delivery.design) if delivery.stream else delivery.design.name


def stream_ports(delivery: Delivery) -> list[tuple[str, str, int, str]]:
    """Name, direction, bits and meaning of every port of the AXI4-Stream module, in its order."""
    design = delivery.design
    transfers = f"{design.beats} transfer{'s' * (design.beats != 1)}"
    words = len(word_ports_of(design))
    return [
        ("aclk", "in", 1, "clock"),
        ("aresetn", "in", 1, "reset, active low and synchronous, needed once"),
        ("s_axis_tdata", "in", WORD_BITS * words, f"{transfers} a jet: words of {words} slots, slot 0 lowest"),
        ("s_axis_tuser", "in", TOKEN_BITS, "with a jet's first transfer: what comes with the jet"),
        ("s_axis_tvalid", "in", 1, "there may be any gap between transfers"),
        ("s_axis_tlast", "in", 1, "with a jet's last transfer"),
        ("s_axis_tready", "out", 1, "depends on m_axis_tready in the same cycle"),
        ("m_axis_tdata", "out", JET_BITS, "one transfer a jet: the jet's word"),
        ("m_axis_tvalid", "out", 1, "an answer is there"),
        ("m_axis_tlast", "out", 1, "always 1"),
        ("m_axis_tready", "in", 1, "an answer is taken"),
        ("framing_error", "out", 1, "s_axis_tlast came at another transfer than a jet's last; stays until reset"),
    ]


def stream_text(delivery: Delivery) -> str:
    """Markdown about the AXI4-Stream module; empty where the package has none."""
    if not delivery.stream:
        return ""
    rows = [f"| `{name}` | {side} | {bits} | {meaning} |" for name, side, bits, meaning in stream_ports(delivery)]
    name, core = verilog_top(delivery), delivery.design.name
    table = "\n".join(["| port | direction | bits | meaning |", "|---|---|---|---|", *rows])
    return (
        f"\n## AXI4-Stream\n\n`verilog/{name}.v` is the module `{name}`: AXI4-Stream around `{core}`. It is the\n"
        f"top of `component.xml` and of `vivado_ooc.tcl`; `vectors/` and `cocotb/` drive `{core}` inside it.\n"
        f"\n{table}\n"
    )
