"""The C++ bench of a simulation: generated, and driven cycle by cycle by a script that Python writes.

Files in the folder of a run: ``input.bin`` (uint64, one word per port and beat and jet), ``script.bin`` (int32 triples:
reset, clock enable, jet that starts or -1), ``output.bin`` (uint64: cycle, then the outputs, for every ``out_valid``).
"""

from __future__ import annotations

from collections.abc import Sequence

from tritag.export.rtl.design.design import Design

WRAPPER = "tritag_bench"


def wrapper(designs: Sequence[Design]) -> str:
    """Verilog module that holds all designs beside each other, ports prefixed by the design's name."""
    ports = ["input wire clk", "input wire rst", "input wire ce"]
    body = []
    for d in designs:
        wires = [f".{name}({name})" for name in ("clk", "rst", "ce")]
        sized = [("input", "in_valid", 1), *(("input", n, w) for n, w in d.widths.items())]
        sized += [("output", "out_valid", 1), *(("output", n, w) for n, w, _ in d.outputs)]
        for direction, port, width in sized:
            ports.append(f"{direction} wire [{width - 1}:0] {d.name}_{port}")
            wires.append(f".{port}({d.name}_{port})")
        body.append(f"    {d.name} {d.name}_i ({', '.join(wires)});")
    return f"module {WRAPPER} (\n    " + ",\n    ".join(ports) + "\n);\n" + "\n".join(body) + "\nendmodule\n"


def bench(designs: Sequence[Design]) -> str:
    """C++ program ``simulate DESIGN_NUMBER FOLDER``."""
    lines = [_HEAD]
    for number, d in enumerate(designs):
        lines.append(f"static void drive{number}(const uint64_t *v) {{")
        lines += [f"    top->{d.name}_{port} = v[{i}];" for i, port in enumerate(d.inputs)]
        lines.append("}")
        lines.append(f"static void observe{number}(uint64_t *v) {{")
        lines += [f"    v[{i}] = top->{d.name}_{port};" for i, (port, _, _) in enumerate(d.outputs)]
        lines.append("}")
    lines.append("static const Design designs[] = {")
    for number, d in enumerate(designs):
        valid = f"&drive{number}, &observe{number}, {len(d.inputs)}, {len(d.outputs)}, {d.beats}"
        ports = ", ".join(f"[] {{ return &top->{d.name}_{port}; }}" for port in ("in_valid", "out_valid"))
        lines.append(f"    {{{valid}, {ports}}},")
    lines.append("};")
    masks = [", ".join(f"0x{(1 << w) - 1:x}ull" for w in d.widths.values()) or "0" for d in designs]
    lines += [f"static const uint64_t masks{i}[] = {{{m}}};" for i, m in enumerate(masks)]
    lines.append(f"static const uint64_t *masks[] = {{{', '.join(f'masks{i}' for i in range(len(designs)))}}};")
    return "\n".join(lines) + _MAIN.replace("@WRAPPER@", WRAPPER)


_HEAD = f"""#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>
#include "V{WRAPPER}.h"
#include "verilated.h"

static V{WRAPPER} *top;

struct Design {{
    void (*drive)(const uint64_t *);
    void (*observe)(uint64_t *);
    int inputs, outputs, beats;
    CData *(*in_valid)(), *(*out_valid)();
}};

template <class T> static std::vector<T> read_all(const std::string &path) {{
    std::ifstream file(path, std::ios::binary);
    std::vector<char> raw((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const T *first = reinterpret_cast<const T *>(raw.data());
    return std::vector<T>(first, first + raw.size() / sizeof(T));
}}
"""

_MAIN = """
int main(int argc, char **argv) {
    const int number = std::atoi(argv[1]);
    const std::string folder = argv[2];
    const Design &d = designs[number];
    // Every register begins with a random value: no design may rely on what stands in one before it is written.
    Verilated::randReset(2);
    Verilated::randSeed(2026);
    top = new V@WRAPPER@;
    CData *const in_valid = d.in_valid(), *const out_valid = d.out_valid();
    const auto input = read_all<uint64_t>(folder + "/input.bin");
    const auto script = read_all<int32_t>(folder + "/script.bin");
    std::ofstream output(folder + "/output.bin", std::ios::binary);
    std::vector<uint64_t> idle(d.inputs + 1), given(d.outputs + 1);
    uint64_t noise = 88172645463325252ull;
    int64_t jet = -1;
    int beat = 0;
    for (uint64_t cycle = 0; cycle < script.size() / 3; cycle++) {
        const int32_t *now = &script[3 * cycle];
        top->rst = now[0];
        top->ce = now[1];
        const bool starts = now[1] && now[2] >= 0;
        if (starts) { jet = now[2]; beat = 0; }
        // While the clock is stopped, in_valid must not matter either.
        *in_valid = now[1] ? starts : (cycle * 0x9e3779b97f4a7c15ull) >> 63;
        if (jet >= 0 && now[1]) {
            d.drive(&input[(jet * d.beats + beat) * d.inputs]);
        } else {  // what stands at the inputs between jets, and while the clock is stopped, must not matter
            for (int i = 0; i < d.inputs; i++) {
                noise ^= noise << 13; noise ^= noise >> 7; noise ^= noise << 17;
                idle[i] = noise & masks[number][i];
            }
            d.drive(idle.data());
        }
        top->clk = 0;
        top->eval();
        if (*out_valid && now[1] && !now[0]) {
            given[0] = cycle;
            d.observe(&given[1]);
            output.write(reinterpret_cast<const char *>(given.data()), given.size() * sizeof(uint64_t));
        }
        top->clk = 1;
        top->eval();
        if (now[1] && jet >= 0 && ++beat == d.beats) jet = -1;
        if (now[0]) jet = -1;
    }
    return 0;
}
"""
