"""Simulation of a design behind AXI4-Stream: transfers with gaps in front, answers taken late behind."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tritag.errors import CheckFailed
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.design.ports import TOKEN
from tritag.export.rtl.design.stream import stream_module, stream_name, word_ports_of
from tritag.export.rtl.tools.bench import WRAPPER
from tritag.export.rtl.tools.simulation import beat_words, compiled_program
from tritag.helper_files import temporary_folder
from tritag.tools import run_tool

# How often of 256 cycles a transfer is offered, and an answer taken.
SCENARIOS = {
    "stream": (256, 256),
    "stream_gaps": (100, 256),
    "stream_back_pressure": (256, 20),
    "stream_both": (150, 90),
}
_WRONG = {
    2: "m_axis changed while an answer was not taken",
    3: "framing_error was set",
    4: "not all jets were answered for",
    5: "m_axis_tlast was not set",
}


class StreamSimulator:
    """The compiled simulation of a design on words behind AXI4-Stream.

    Raises
    ------
    ExportError
        The design takes no words.
    ToolError
        Verilator or g++ is missing or failed.
    """

    def __init__(self, design: Design) -> None:
        self.design = design
        texts = {
            "designs.v": "\n".join([design.text, stream_module(design), _wrapper(design)]),
            "bench.cpp": _bench(design),
        }
        self.program, _ = compiled_program(texts, design.files)

    def run(
        self, inputs: Mapping[str, np.ndarray], offered: int, taken: int, without_last: int = -1
    ) -> tuple[np.ndarray, np.ndarray]:
        """Cycles of the answers, and the answers, uint64 (jets, outputs).

        Parameters
        ----------
        inputs : mapping
            For each input integers (jets, rows or 1, lanes), as a :class:`.simulation.Simulator` takes them.
        offered, taken : int
            How often of 256 cycles a transfer is offered, and an answer taken.
        without_last : int
            A jet whose last transfer has no tlast.

        Raises
        ------
        CheckFailed
            The protocol is violated, or answers are missing.
        """
        with temporary_folder() as folder:
            beat_words(self.design, inputs).tofile(folder / "input.bin")
            command = [str(self.program), str(folder), str(offered), str(taken), str(without_last)]
            done = run_tool(command, self.program.parent)
            if done.returncode:
                reason = _WRONG.get(done.returncode, done.stderr)
                raise CheckFailed(f"AXI4-Stream must hold the protocol and answer for every jet, but {reason}")
            raw = np.fromfile(folder / "output.bin", dtype=np.uint64).reshape(-1, 1 + len(self.design.outputs))
        return raw[:, 0].astype(np.int64), raw[:, 1:]


def check_stream(design: Design, inputs: Mapping[str, np.ndarray], expected: np.ndarray) -> dict[str, dict[str, int]]:
    """Jets, and how many of them differ, at full rate, with gaps, with late answers, and with both.

    Raises
    ------
    CheckFailed
        The protocol is violated, answers are missing, or at full rate they are not an interval apart.
    """
    simulator, found = StreamSimulator(design), {}
    for name, rates in SCENARIOS.items():
        cycles, answers = simulator.run(inputs, *rates)
        differ = int((answers != expected.view(np.uint64)).any(axis=1).sum())
        found[name] = {"jets": len(expected), "differ": differ}
        apart = set(np.diff(cycles).tolist())
        if rates == (256, 256) and not apart <= {design.interval_cycles}:
            raise CheckFailed(f"jets must leave every {design.interval_cycles} cycles, measured {sorted(apart)}")
    return found


def _wrapper(design: Design) -> str:
    """The module with a port for each word, so that the bench needs no wide integers."""
    words = word_ports_of(design)
    outputs = [port for port, _, _ in design.outputs]
    ports = [f"input wire {name}" for name in ("aclk", "aresetn", "s_valid", "s_last", "m_ready")]
    ports += [f"input wire [{width - 1}:0] {port}" for port, width in design.widths.items()]
    ports += [f"output wire {name}" for name in ("s_ready", "m_valid", "m_last", "framing")]
    ports += [f"output wire [{width - 1}:0] {port}" for port, width, _ in design.outputs]
    wires = [f".{name}({name})" for name in ("aclk", "aresetn")]
    wires += [f".s_axis_tdata({{{', '.join(reversed(words))}}})", f".s_axis_tuser({TOKEN})"]
    wires += [f".{side}_axis_t{name}({side}_{name})" for side in "sm" for name in ("valid", "last", "ready")]
    wires += [f".m_axis_tdata({{{', '.join(reversed(outputs))}}})", ".framing_error(framing)"]
    return f"module {WRAPPER} ({', '.join(ports)});\n    {stream_name(design)} dut ({', '.join(wires)});\nendmodule\n"


def _bench(design: Design) -> str:
    drive = "".join(f" top->{port} = v[{i}];" for i, port in enumerate(design.inputs))
    observe = "".join(f" v[{i}] = top->{port};" for i, (port, _, _) in enumerate(design.outputs))
    return _BENCH.format(
        wrapper=WRAPPER,
        drive=drive,
        observe=observe,
        inputs=len(design.inputs),
        outputs=len(design.outputs),
        beats=design.beats,
        cycles=design.interval_cycles + 20 * design.beats,
        latency=design.latency_cycles,
    )


_BENCH = """\
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>
#include "V{wrapper}.h"
#include "verilated.h"

static V{wrapper} *top;
static void drive(const uint64_t *v) {{{drive} }}
static void observe(uint64_t *v) {{{observe} }}

int main(int, char **argv) {{
    const std::string folder = argv[1];
    const int offered = std::atoi(argv[2]), taken = std::atoi(argv[3]), without_last = std::atoi(argv[4]);
    Verilated::randReset(2);
    Verilated::randSeed(2026);
    top = new V{wrapper};
    std::ifstream file(folder + "/input.bin", std::ios::binary);
    std::vector<char> raw((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const uint64_t *input = reinterpret_cast<const uint64_t *>(raw.data());
    const long transfers = raw.size() / 8 / {inputs}, jets = transfers / {beats};
    std::ofstream output(folder + "/output.bin", std::ios::binary);
    uint64_t noise = 88172645463325252ull, idle[{inputs}], given[1 + {outputs}], held[1 + {outputs}];
    auto random = [&] {{ noise ^= noise << 13; noise ^= noise >> 7; noise ^= noise << 17; return noise; }};
    long next = 0, answers = 0;
    bool valid = false, waiting = false, framing = false;
    const long most = 100 + 40 * (jets + 4) * ({cycles}L + {latency} / (jets + 1));
    for (long cycle = 0; cycle < most && answers < jets; cycle++) {{
        const bool reset = cycle < 2;
        top->aresetn = !reset;
        // What is offered stays until it is taken.
        if (!valid) valid = !reset && next < transfers && (random() & 255) < (uint64_t)offered;
        top->s_valid = valid;
        if (valid) {{
            drive(&input[next * {inputs}]);
            top->s_last = next % {beats} == {beats} - 1 && next / {beats} != without_last;
        }} else {{
            for (auto &word : idle) word = random() >> 10;
            drive(idle);
            top->s_last = random() & 1;
        }}
        top->m_ready = (random() & 255) < (uint64_t)taken;
        top->aclk = 0;
        top->eval();
        if (!reset) {{
            observe(&given[1]);
            if (waiting) {{
                if (!top->m_valid) return 2;
                for (int i = 1; i <= {outputs}; i++) if (given[i] != held[i]) return 2;
            }}
            waiting = top->m_valid && !top->m_ready;
            for (int i = 1; i <= {outputs}; i++) held[i] = given[i];
            if (top->m_valid && top->m_ready) {{
                if (!top->m_last) return 5;
                given[0] = cycle;
                output.write(reinterpret_cast<const char *>(given), sizeof given);
                answers++;
            }}
            framing |= top->framing;
            if (valid && top->s_ready) {{ valid = false; next++; }}
        }}
        top->aclk = 1;
        top->eval();
    }}
    return framing ? 3 : answers < jets ? 4 : 0;
}}
"""
