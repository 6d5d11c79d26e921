"""The Verilog of a design as a person reads it: a header with its facts and ports, and a comment for every kernel.

Nothing in it depends on time, path or machine: the same run gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tritag.export.firmware_layers import CutTo, FirmwareGraph, Layer, Linear, Op, Product, Sum
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.design.placed import Placed
from tritag.export.rtl.design.ports import input_port
from tritag.export.words import SCORE_BITS, TOKEN_BITS, WORD_BITS, answers_in_words

# Ops whose page has another name.
PAGES = {
    "add": "combined",
    "axes_directions": "token_axes",
    "clamp": "activation",
    "edge_sum": "combined",
    "from_sums": "free_scale",
    "into_jet_frame": "jet_frame",
    "jet_pair_frames": "pair_frames",
    "jet_velocity": "jet_frame",
    "joint_norm_factor": "joint_norm",
    "joint_norm_scale": "joint_norm",
    "mask_tokens": "pools",
    "max_pool": "pools",
    "multiply": "combined",
    "relu": "activation",
    "seed_features": "seed_tokens",
    "slim_references": "slim_tokens",
    "slot_mean": "pools",
    "spurion_features": "token_features",
    "spurion_masses": "pair_masses",
    "spurion_tokens": "jet_frame",
    "sum_pool": "pools",
    "table": "activation",
    "to_codes": "free_scale",
    "token_frames": "lorentz_frames",
    "token_scalars": "pair_sum",
}
_LINT = """\
// Products are exact, so bits that a later rounding drops are computed and not read; several modules share this file.
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off DECLFILENAME */
"""


@dataclass(frozen=True)
class Facts:
    """What the header says besides the design: run and digest of its settings, name and version, part, clock in ns."""

    run: str
    digest: str
    name: str
    version: int
    part: str
    clock_period_ns: float


def listing(design: Design, graph: FirmwareGraph, facts: Facts) -> str:
    """Verilog of all modules with comments, the kernels first and the top module last."""
    layers = {layer.name: layer for layer in graph.layers}
    parts = ["\n".join(f"// {line}".rstrip() for line in _header(design, graph, facts)) + "\n", _LINT]
    parts += [f"{_comment(kernel, layers)}\n{kernel.text}" for kernel in design.kernels]
    return "\n".join([*parts, f"// Top module: the kernels on one time axis, with one pulse per jet.\n{design.top}"])


def op_page(op: str) -> str:
    """Path of the page that specifies the op with that name."""
    return f"docs/ops/{PAGES.get(op, op)}.md"


def _header(design: Design, graph: FirmwareGraph, facts: Facts) -> Iterator[str]:
    mhz = 1e3 / facts.clock_period_ns
    nanoseconds = design.latency_cycles * facts.clock_period_ns
    yield f"{design.name}: jet tagger in pipelined Verilog, written by tritag"
    yield "SPDX-License-Identifier: Apache-2.0"
    yield ""
    yield f"run       {facts.run}, settings {facts.digest}"
    yield f"name      {facts.name}, version {facts.version}"
    yield f"part      {facts.part}"
    yield f"clock     {facts.clock_period_ns} ns = {mhz:.1f} MHz, assumed"
    yield f"latency   {design.latency_cycles} enabled cycles from in_valid to out_valid, {nanoseconds:.1f} ns"
    yield f"interval  {design.interval_cycles} enabled cycles between two jets, or more; not checked in hardware"
    yield f"beats     {design.beats} cycles, from in_valid on, in which the rows of a jet enter"
    yield ""
    yield f"{'port':<24} {'bits':>4} {'sign':<8} {'LSB':<12} {'unit':<5} meaning"
    for name, meaning in _CONTROL:
        yield f"{name:<24} {1:>4} {'':<8} {'':<12} {'':<5} {meaning}"
    for port, (source, rows, lane) in design.inputs.items():
        known = input_port(graph, source, 0, lane)
        sign = "signed" if known.low < 0 else "unsigned"
        reach = f", in [{known.used[0]}, {known.used[1]}]" if known.used else ""
        row = f"{port:<24} {design.widths[port]:>4} {sign:<8} {known.lsb:<12} {known.unit:<5} "
        yield f"{row}{known.meaning}{reach}{_when(rows)}"
    if answers_in_words(graph):
        yield from _jet_ports(design, graph)
        return
    grid = graph.grids[graph.outputs[0]]
    for (port, width, signed), name in zip(design.outputs, graph.output_names, strict=True):
        lsb = f"2^{-grid.fraction}" if grid.fraction else "1"
        yield f"{port:<24} {width:>4} {'signed' if signed else 'unsigned':<8} {lsb:<12} {'1':<5} {name}"


def _jet_ports(design: Design, graph: FirmwareGraph) -> Iterator[str]:
    for i, (port, width, _) in enumerate(design.outputs):
        bits = f"bits {WORD_BITS * (i + 1) - 1}:{WORD_BITS * i} of the jet's word"
        yield f"{port:<24} {width:>4} {'unsigned':<8} {'':<12} {'':<5} {bits}"
    yield ""
    yield f"the jet's word: {TOKEN_BITS - 1}:0 token"
    for i, name in enumerate(graph.output_names):
        place = TOKEN_BITS + SCORE_BITS * i
        yield f"    {place + SCORE_BITS - 1}:{place} probability of {name}, unsigned, LSB 2^-7; all other bits are 0"


_CONTROL = (
    ("clk", "clock"),
    ("rst", "synchronous reset: jets that are inside are lost"),
    ("ce", "clock enable: 0 stops everything"),
    ("in_valid", "the first beat of a jet is at the inputs"),
    ("out_valid", "the answer is at the outputs"),
)


def _when(rows: list[int]) -> str:
    """Which rows pass a port, beat by beat."""
    if rows == [-1]:
        return ", at the first beat"
    return "; rows by beat: " + " ".join("-" if row < 0 else str(row) for row in rows)


def _comment(kernel: Placed, layers: dict[str, Layer]) -> str:
    times = "1 instance" if kernel.instances == 1 else f"{kernel.instances} instances"
    lines = [
        f"layer {kernel.layer}: {_kind(layers.get(kernel.layer))}",
        f"{times}, works in cycles {kernel.first_stage} to {kernel.last_stage} of a jet",
        *(f"memory {file}" for file in kernel.files),
    ]
    return "\n".join(f"// {line}" for line in lines)


def _kind(layer: Layer | None) -> str:
    match layer:
        case Op():
            name = layer.bound.program.name
            return f"op {name}, specified in {op_page(name)}"
        case Linear():
            return f"linear, {layer.weight.shape[0]} to {layer.weight.shape[1]}, and its rounding where one follows"
        case Sum():
            return "sum of two tensors, and its rounding where one follows"
        case Product():
            return f"products summed, {layer.equation}"
        case CutTo():
            return f"rounding half to even and saturation to {layer.type}"
    return "part of the design"


__all__ = ["PAGES", "Facts", "listing", "op_page"]
