"""The estimate of LUTs and registers on modules of which the answer can be counted by hand."""

from __future__ import annotations

import pytest

from tritag.errors import ExportError
from tritag.export.rtl.estimate.bits import TABLE_LUTS, Bits, count_luts
from tritag.export.rtl.estimate.resources import Cost, estimate, output_ports


def _module(*lines: str, inputs: str = "input wire [7:0] a,\ninput wire [7:0] b", width: int = 8) -> str:
    body = "\n".join(lines)
    ports = ["input wire clk", "input wire ce", inputs, f"output wire [{width - 1}:0] y"]
    return "module m (\n" + ",\n".join(ports) + f"\n);\n{body}\nendmodule\n"


def _row(length: int) -> list[str]:
    """Registers in a row behind ``a``."""
    lines, last = [], "a"
    for i in range(length):
        lines += [f"reg [7:0] r{i};", f"always @(posedge clk) if (ce) r{i} <= {last};"]
        last = f"r{i}"
    return [*lines, f"assign y = {last};"]


CASES = {
    "a sum: one LUT a bit": (["assign y = a + b;"], Cost(lut=8, carry8=1)),
    "low bits pass": (["wire [7:0] c = {b[3:0], 4'd0};", "assign y = a + c;"], Cost(lut=4, carry8=1)),
    "a known term: inverters": (["assign y = a + 8'd3;"], Cost(lut=2, carry8=1)),
    "wires cost nothing": (["assign y = {{4{a[7]}}, a[7:4]};"], Cost()),
    "AND in front of a sum": (["wire [7:0] c = b[0] ? a : 8'd0;", "assign y = b + c;"], Cost(lut=8, carry8=1)),
    "four to one: six inputs": (
        ["assign y = a[0] ? (a[1] ? b[3:0] : b[4:1]) : (a[1] ? b[5:2] : b[6:3]);"],
        Cost(lut=4),
    ),
    "bits of one LUT": (["assign y = a[0] & ~a[1] & (a[2] | b[0]);"], Cost(lut=1)),
    "OR of 16 bits": (["assign y = |{a, b};"], Cost(lut=3)),
    "comparison with a known value": (["assign y = $signed(a) < $signed(8'd5);"], Cost(lut=2)),
    "two registers": (_row(2), Cost(ff=16)),
    "a row of registers": (_row(3), Cost(lut=8)),
    "a long row of registers": (_row(33), Cost(lut=16)),
    "nobody reads it": (["wire [7:0] c = a - b;", "assign y = a;"], Cost()),
    "a DSP with its register": (
        ["reg [15:0] p;", "always @(posedge clk) if (ce) p <= $signed(a) * $signed({1'd0, b});", "assign y = p;"],
        Cost(dsp=1),
    ),
    "an accumulator": (
        ["reg [7:0] s;", "always @(posedge clk) if (ce) s <= (b[0] ? 8'd0 : s) + a;", "assign y = s;"],
        Cost(lut=8, ff=8, carry8=1),
    ),
    "a maximum over beats": (
        [
            "reg [7:0] s;",
            "always @(posedge clk) if (ce) if (b[0] | ($unsigned(a) > $unsigned(s))) s <= a;",
            "assign y = s;",
        ],
        Cost(lut=7, ff=8, carry8=1),
    ),
    "known bits in base two": (["assign y = {8{1'b1}} & {a[7:1], 1'b0};"], Cost()),
    "one LUT for each known bound": (["assign y = {a[3:0] >= 4'd9, a[3:0] >= 4'd3};"], Cost(lut=2)),
    "a layer of full adders": (["assign y = (a ^ b) | (a & {b[6:0], 1'b1});"], Cost(lut=8)),
}


@pytest.mark.parametrize("name", CASES)
def test_counted_by_hand(name: str) -> None:
    lines, expected = CASES[name]
    assert estimate(_module(*lines), {}) == expected


def test_tables() -> None:
    lines = ['initial $readmemh("t.hex", rom1);', "assign y = rom1[a];"]
    identity = "".join(f"{i:02x}\n" for i in range(256))
    logic = _module('(* rom_style = "logic" *) reg [7:0] rom1 [0:255];', *lines)
    assert estimate(logic, {"t.hex": identity}) == Cost()
    block = logic.replace('"logic"', '"block"').replace("[0:255]", "[0:4095]")
    assert estimate(block, {"t.hex": identity * 16}) == Cost(bram=2)
    bits = Bits()
    address = bits.leaves(8)
    contents = sum((i * i % 37 & 1) << i for i in range(256))
    made = bits.table(address, contents)
    live = [i for i in range(len(bits.fanins)) if bits.fanins[i]]
    assert count_luts(bits, [made], live) == 4 * TABLE_LUTS + 1


def test_shared_logic_is_computed_again_where_it_fits() -> None:
    bits = Bits()
    a = bits.leaves(6)
    shared = bits.all_of(a[:2])
    readers = [bits.any_of((shared, other)) for other in a[2:]]
    live = [i for i in range(len(bits.fanins)) if bits.fanins[i]]
    assert count_luts(bits, readers, live) == 4
    assert count_luts(bits, [*readers, shared], live) == 5


def test_modules_inside_are_not_counted() -> None:
    inner = _module("assign y = a + b;")
    lines = ["wire [7:0] z;", "m m_i0 (.clk(clk), .ce(ce), .a(a), .b(a[0] ? b : 8'd3), .y(z));", "assign y = z;"]
    assert estimate(_module(*lines), {}, {"m": output_ports(inner)}) == Cost(lut=8)


def test_integers_by_beat() -> None:
    choices = [f"8'd{i}: n1 = 2'd{i % 3};" for i in range(4)]
    lines = ["reg [1:0] n1;", "always @* case (a)", *choices, "default: n1 = 2'd0;", "endcase", "assign y = n1;"]
    assert estimate(_module(*lines, width=2), {}).lut == 2


@pytest.mark.parametrize("line", ["assign y = a << 1;", "always @(negedge clk) y <= a;"])
def test_unknown_forms_are_refused(line: str) -> None:
    with pytest.raises(ExportError, match="the estimate must know every form of Verilog that is written, got"):
        estimate(_module(line), {})
