"""A QONNX file of somebody through every executor and its Verilog: integers, the original, LUTs.

``python -m benchmarks.import_file FILE.onnx --inputs GRID.yaml [--random 10000] [--extreme 1000] [--synth]`` imports
the file, runs random and extreme inputs through ONNX Runtime, QONNX, C-simulation, emulator and Verilog with an
interval of one cycle, compares with the original, and with ``--synth`` counts LUTs with Yosys. It ends with status 1
when an integer differs between executors.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from tritag.errors import ConfigError
from tritag.export.executors import OnnxRuntimeExecutor, QonnxExecutor
from tritag.export.feature_vectors import extreme_features, join_features, port_values, random_features
from tritag.export.graph import read_graph
from tritag.export.importing.importer import import_model
from tritag.export.importing.input_grid import read_grids
from tritag.export.importing.original import compare_with_original
from tritag.export.importing.source import load_file
from tritag.export.rtl.design.design import build
from tritag.export.rtl.text.delays import DelayModel
from tritag.export.rtl.text.module import Timing
from tritag.export.rtl.tools.simulation import Simulator, back_to_back, expect, joined, reset_script
from tritag.export.rtl.tools.synthesis import summed, synthesise
from tritag.hls_projects.csim import CsimExecutor, compile_project
from tritag.hls_projects.emulator.executor import EmulatorExecutor
from tritag.hls_projects.emulator.library import compile_emulator
from tritag.hls_projects.target import load_target
from tritag.hls_projects.verify import verify
from tritag.structured import read_yaml
from tritag.terminal import print_result


def main() -> int:
    """Print one line for each executor, for the original, and for the Verilog."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--inputs", type=Path)
    parser.add_argument("--random", type=int, default=10_000)
    parser.add_argument("--extreme", type=int, default=1000)
    parser.add_argument("--synth", action="store_true")
    given = parser.parse_args()
    original = load_file(given.file)
    grids = read_grids(read_yaml(given.inputs, ConfigError)) if given.inputs else {}
    imported = import_model(original, grids)
    graph, model, target = read_graph(imported.model), imported.model, load_target()
    inputs = join_features(random_features(graph, given.random), extreme_features(graph, given.extreme))
    reference = OnnxRuntimeExecutor(graph, model)
    csim = CsimExecutor(graph, compile_project(graph, target))
    emulator = EmulatorExecutor(graph, compile_emulator(graph))
    verdicts = verify([reference, QonnxExecutor(graph, model), csim, emulator], *inputs)
    for v in verdicts:
        print_result(f"{v.executor}: {v.differ} of {v.jets:,} inputs differ")
    outputs = reference.run(*inputs)
    print_result(f"distinct outputs: {len(np.unique(outputs.reshape(len(outputs), -1), axis=0)):,}")
    named = dict(zip(graph.inputs, inputs, strict=True))
    for found in compare_with_original(original, imported, named, outputs, graph.output_lsb):
        print_result(str(found))
    delays = DelayModel.of_clock(target.clock_period_ns, target.clock_uncertainty_percent)
    design = build(graph, Timing(delays, 1), 1)
    script = joined(reset_script(design), back_to_back(design, len(outputs)))
    answers = Simulator([design]).run(0, port_values(graph, inputs), script)
    wrong = expect(answers, outputs.reshape(len(outputs), -1))
    intervals = sorted(set(np.diff(answers.cycle).tolist()))
    print_result(
        f"Verilog: {wrong} of {len(outputs):,} inputs differ; latency {design.latency_cycles} cycles, "
        f"measured cycles between answers {intervals}"
    )
    if given.synth:
        figures = synthesise(design)
        total = summed(design, figures)
        levels = max(figure.levels for figure in figures.values())
        print_result(f"Yosys: {total.lut:,} LUT, {total.ff:,} FF, {total.dsp} DSP, {levels} levels of logic")
    return int(bool(wrong or any(v.differ for v in verdicts)))


if __name__ == "__main__":
    sys.exit(main())
