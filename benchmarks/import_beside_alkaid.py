"""An imported MLP beside alkaid's RTL of the same integers: stages, LUTs of the same Yosys flow.

``python -m benchmarks.import_beside_alkaid FILE.onnx --inputs GRID.yaml [--cutoffs 6,4]`` needs ``pip install
alkaid==0.8.2`` (LGPL; no dependency of tritag). It imports the file, whose layers must be linear ones and cuts, gives
alkaid the same weights, roundings and saturations, compares alkaid's outputs with the program's, and counts both with
the flow of ``tritag synth``. ``--cutoffs`` are alkaid's limits of the delay of a stage, in its own units.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tritag.errors import ConfigError, ExportError
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.feature_vectors import random_features
from tritag.export.firmware_layers import CutTo, FirmwareGraph, Linear
from tritag.export.graph import read_graph
from tritag.export.importing.importer import import_model
from tritag.export.importing.input_grid import read_grids
from tritag.export.importing.source import load_file
from tritag.export.rtl.design.design import build
from tritag.export.rtl.text.delays import DelayModel
from tritag.export.rtl.text.fpga import Figures
from tritag.export.rtl.text.module import Timing
from tritag.export.rtl.tools import synthesis
from tritag.export.rtl.tools.synthesis import summed, synthesise
from tritag.hls_projects.target import load_target
from tritag.structured import read_yaml
from tritag.terminal import print_error, print_result

_NAME = "alkaid_mlp"


def traced(graph: FirmwareGraph) -> Any:
    """The program as alkaid's combinational logic."""
    from alkaid.trace import FVArrayInput, trace

    (name,) = graph.inputs
    grid = graph.grids[name].type
    inputs = FVArrayInput(graph.shapes[name][-1])
    x = inputs.quantize(int(grid.signed), grid.integer - grid.signed, grid.fraction)
    for layer in graph.layers:
        if isinstance(layer, Linear):
            x = x @ (layer.weight * 2.0**-layer.weight_fraction) + layer.bias * 2.0**-layer.bias_fraction
        elif isinstance(layer, CutTo):
            t = layer.type
            x = x.quantize(int(t.signed), t.integer - t.signed, t.fraction, "SAT", "RND_CONV")
        else:
            raise ExportError(f"layers must be linear ones and cuts, got {type(layer).__name__} {layer.name}")
    return trace(inputs, x)


def verilog(model: Any, folder: Path) -> tuple[str, dict[str, str]]:
    """Text of alkaid's modules, and its memories by file name."""
    model.write()
    kept = [p for p in sorted((folder / "src").rglob("*.v")) if "wrapper" not in p.name]
    memories = {p.name: p.read_text() for p in folder.rglob("*.mem")}
    return "\n".join(p.read_text() for p in kept), memories


def flat_figures(text: str, files: dict[str, str]) -> Figures:
    """Figures of a module with others inside, made one, by the flow of ``tritag synth``."""
    script = synthesis._SCRIPT.replace("-top all_kernels", f"-top {_NAME}").replace("-noiopad", "-flatten -noiopad")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in {**files, "design.v": text, "run.py": script}.items():
            (folder / file).write_text(content)
        subprocess.run([sys.executable, "run.py"], cwd=folder, check=True, capture_output=True)
        modules = json.loads((folder / "netlist.json").read_text())["modules"]
    return synthesis._counted(modules[_NAME])


def main() -> int:
    """Print the figures of both."""
    try:
        from alkaid.codegen import RTLModel
    except ModuleNotFoundError:
        print_error("alkaid must be installed for this comparison; pip install alkaid==0.8.2")
        return 2
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--inputs", type=Path)
    parser.add_argument("--cutoffs", default="6,4")
    given = parser.parse_args()
    grids = read_grids(read_yaml(given.inputs, ConfigError)) if given.inputs else {}
    imported = import_model(load_file(given.file), grids)
    graph, target = read_graph(imported.model), load_target()
    (name,) = graph.inputs
    inputs = random_features(graph, 2000)
    expected = OnnxRuntimeExecutor(graph, imported.model).run(*inputs).reshape(2000, -1) * graph.output_lsb
    logic = traced(graph)
    values = inputs[0].reshape(2000, -1) * 2.0 ** -graph.grids[name].fraction
    wrong = int((logic.predict(values).reshape(expected.shape) != expected).any(axis=1).sum())
    print_result(f"alkaid: {wrong} of 2,000 inputs differ from the imported program")
    delays = DelayModel.of_clock(target.clock_period_ns, target.clock_uncertainty_percent)
    design = build(graph, Timing(delays, 1), 1)
    figures = synthesise(design)
    own = summed(design, figures)
    levels = max(f.levels for f in figures.values())
    print_result(f"tritag: {own.lut:,} LUT, {own.ff:,} FF, {levels} levels, {design.latency_cycles} cycles")
    for cutoff in map(float, given.cutoffs.split(",")):
        with tempfile.TemporaryDirectory() as folder:
            model = RTLModel(logic, folder, _NAME, latency_cutoff=cutoff, print_latency=False)
            text, memories = verilog(model, Path(folder))
            stages = len(list(Path(folder).rglob("logic*.v")))
        found = flat_figures(text, memories)
        size = f"{found.lut:,} LUT, {found.ff:,} FF, {found.levels} levels"
        print_result(f"alkaid, cutoff {cutoff:g}: {size}, {stages} stages of logic")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
