"""AXI4-Stream around a design on words: a module that takes beats when they come and keeps answers until they go.

Inside there is no handshake: a jet's beats must follow each other in enabled cycles, and two jets must be an interval
apart. The module counts both, and stops the design's clock enable while a beat of a started jet is missing or an answer
is not taken.
"""

from __future__ import annotations

from tritag.errors import ExportError
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.design.ports import TOKEN, WORDS
from tritag.export.words import JET_BITS, TOKEN_BITS, WORD_BITS


def stream_name(design: Design) -> str:
    """Name of the module, and of its file without ``.v``."""
    return f"{design.name}_stream"


def word_ports_of(design: Design) -> list[str]:
    """The design's ports for candidates' words, in the order of their bits in ``s_axis_tdata``, the lowest first.

    Raises
    ------
    ExportError
        The design takes no words.
    """
    ports = [port for port, (source, _, _) in design.inputs.items() if source == WORDS]
    if not ports or not any(source == TOKEN for source, _, _ in design.inputs.values()):
        raise ExportError(f"AXI4-Stream is made for designs on words, but {design.name} takes none; use words")
    return ports


def stream_module(design: Design) -> str:
    """Verilog of the module around ``design``, which stands in a file of its own.

    Raises
    ------
    ExportError
        The design takes no words.
    """
    ports = word_ports_of(design)
    (token,) = (port for port, (source, _, _) in design.inputs.items() if source == TOKEN)
    places = [f"s_axis_tdata[{WORD_BITS * i} +: {WORD_BITS}]" for i in range(len(ports))]
    wires = [f".{port}({place})" for port, place in zip(ports, places, strict=True)]
    wires += [f".{token}(s_axis_tuser)"]
    low = 0
    for port, width, _ in design.outputs:
        wires.append(f".{port}(m_axis_tdata[{low} +: {width}])")
        low += width
    return _TEXT.format(
        name=stream_name(design),
        core=design.name,
        input_bits=WORD_BITS * len(ports),
        token_bits=TOKEN_BITS,
        jet_bits=JET_BITS,
        beats=design.beats,
        interval=design.interval_cycles,
        last_beat=design.beats - 1,
        most_rest=design.interval_cycles - 1,
        beat_bits=max(1, (design.beats - 1).bit_length()),
        rest_bits=max(1, (design.interval_cycles - 1).bit_length()),
        wires=",\n        ".join(wires),
    )


def stream_files(design: Design) -> dict[str, str]:
    """The module around ``design`` as a file beside its own."""
    return {f"{stream_name(design)}.v": stream_module(design)}


_TEXT = """\
// {name}: AXI4-Stream around {core}, written by tritag
// SPDX-License-Identifier: Apache-2.0
//
// s_axis: {beats} transfers a jet, tlast with the last one. tdata holds the words of the beat's slots, slot 0 lowest;
//         tuser of a jet's first transfer is what comes with the jet. Between transfers there may be any gap.
// m_axis: one transfer a jet, tlast always 1: the word of the jet.
// framing_error: tlast came with another transfer than the last one of a jet, or not with it; stays until reset.
// The next jet is taken {interval} enabled cycles after the one before. While a transfer of a started jet is missing or
// an answer is not taken, everything inside waits. s_axis_tready depends on m_axis_tready in the same cycle.
module {name} (
    input wire aclk,
    input wire aresetn,
    input wire [{input_bits}-1:0] s_axis_tdata,
    input wire [{token_bits}-1:0] s_axis_tuser,
    input wire s_axis_tvalid,
    input wire s_axis_tlast,
    output wire s_axis_tready,
    output wire [{jet_bits}-1:0] m_axis_tdata,
    output wire m_axis_tvalid,
    output wire m_axis_tlast,
    input wire m_axis_tready,
    output reg framing_error
);
    reg [{beat_bits}-1:0] beat;  // transfers of the present jet that were taken
    reg [{rest_bits}-1:0] rest;  // enabled cycles until the next jet may begin
    reg sent;  // the answer at the design's outputs was taken, while the design waits
    wire out_valid;
    wire first = beat == {beat_bits}'d0;
    wire last = beat == {beat_bits}'d{last_beat};
    wire stuck = m_axis_tvalid & ~m_axis_tready;
    wire starved = ~first & ~s_axis_tvalid;
    wire ce = ~stuck & ~starved;
    wire taken = s_axis_tvalid & s_axis_tready;
    assign s_axis_tready = aresetn & (~first | rest == {rest_bits}'d0) & ~stuck;
    assign m_axis_tvalid = aresetn & out_valid & ~sent;
    assign m_axis_tlast = 1'b1;
    always @(posedge aclk) begin
        if (!aresetn) begin
            beat <= {beat_bits}'d0;
            rest <= {rest_bits}'d0;
            sent <= 1'b0;
            framing_error <= 1'b0;
        end else begin
            if (taken) beat <= last ? {beat_bits}'d0 : beat + {beat_bits}'d1;
            if (taken & first) rest <= {rest_bits}'d{most_rest};
            else if (ce & rest != {rest_bits}'d0) rest <= rest - {rest_bits}'d1;
            sent <= ~ce & (sent | m_axis_tvalid & m_axis_tready);
            if (taken & s_axis_tlast != last) framing_error <= 1'b1;
        end
    end
    {core} core (
        .clk(aclk),
        .rst(~aresetn),
        .ce(ce | ~aresetn),
        .in_valid(taken & first),
        .out_valid(out_valid),
        {wires}
    );
endmodule
"""
