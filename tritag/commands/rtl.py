"""``tritag rtl``: the tagger as pipelined Verilog, simulated with Verilator against the exported file."""

from __future__ import annotations

import dataclasses
import shutil
from typing import Annotated, Any

import typer

from tritag.terminal import print_json, print_progress, print_result

_JETS = 1000


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run directory or tagger name.")],
    target: Annotated[str, typer.Option(help="A name in configs/targets, or a YAML file.")] = "vu13p-360mhz",
    interval: Annotated[
        int | None, typer.Option(min=1, help="Cycles between two jets; by default the target's.")
    ] = None,
    beats: Annotated[
        int | None,
        typer.Option(
            min=1, help="Most cycles in which a jet's rows pass; by default as few as one SLR holds (estimate)."
        ),
    ] = None,
    dsp_bits: Annotated[
        int | None,
        typer.Option(min=1, help="Products of so many partial bits (width times width) and more go into DSPs."),
    ] = None,
    jets: Annotated[
        int, typer.Option(min=0, help="Jets to simulate, besides the crafted ones; 0: only write and schedule.")
    ] = _JETS,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write Verilog of an exported run, simulate it bit by bit, and measure latency and II in cycles.

    Exit status 1 when an integer differs from the exported file's, or a measured cycle count from the schedule.
    """
    from tritag.export.rtl.tools.check import require_right

    opened, result = rtl_run(run, target, interval, beats, jets, dsp_bits)
    if json:
        print_json(result)
    else:
        print_result(str(opened.path("rtl")))
    require_right(result)


def rtl_run(
    where: str,
    target_name: str,
    interval: int | None = None,
    beats: int | None = None,
    jets: int = _JETS,
    dsp_bits: int | None = None,
) -> tuple[Any, dict[str, Any]]:
    """Write and simulate; returns the run and the content of rtl.json. No jets: schedule and estimate alone."""
    import numpy as np
    import onnx

    from tritag.commands.train import coded_jets, open_run
    from tritag.data.jets.crafted import crafted_codes
    from tritag.export.executors import OnnxRuntimeExecutor
    from tritag.export.graph import read_graph
    from tritag.export.rtl.tools.check import check_design, not_simulated
    from tritag.export.rtl.tools.simulation import verilator_root
    from tritag.files import write_json
    from tritag.report.firmware import simulated_jets

    run, recipe = open_run(where)
    if jets:
        verilator_root()
    model = onnx.load(run.require("model.qonnx.onnx"))
    graph = read_graph(model)
    design, settings = design_of(graph, target_name, interval, beats, dsp_bits)
    if not jets:
        _write_verilog(run, design)
        result = settings | not_simulated(design)
        write_json(run.path("rtl.json"), result)
        run.record_provenance("rtl")
        print_progress(f"{run.directory.name}: Verilog of {len(design.kernels)} kernels, not simulated")
        return run, result
    batch = coded_jets(recipe, "val", n_max=jets)
    crafted, crafted_count = crafted_codes(recipe.tagger.n_constituents)
    codes = np.concatenate([batch.codes.numpy().astype(np.int64), crafted])
    count = np.concatenate([batch.count.numpy().reshape(-1).astype(np.int64), crafted_count])
    _write_verilog(run, design)
    print_progress(
        f"{run.directory.name}: Verilog of {len(design.kernels)} kernels; simulating {len(count):,} jets "
        "(compiling the simulation takes minutes the first time)"
    )
    expected = OnnxRuntimeExecutor(graph, model).run(codes, count).reshape(len(count), -1)
    result = settings | check_design(design, {"codes": codes, "count": count[:, None, None]}, expected)
    write_json(run.path("rtl.json"), result)
    run.record_provenance("rtl")
    differ, simulated = simulated_jets(result)
    print_progress(
        f"{run.directory.name}: {differ} of {simulated:,} simulated jets differ; latency "
        f"{result['latency_cycles']} cycles = {result['latency_ns']:.0f} ns at the assumed "
        f"{1e3 / result['clock_period_ns']:.0f} MHz, II {result['interval_cycles']} cycles"
    )
    return run, result


def _write_verilog(run: Any, design: Any) -> None:
    """Write the design and its memories; what an earlier one left goes."""
    from tritag.files import write_text

    run.discard_from("rtl")
    folder = run.path("rtl")
    shutil.rmtree(folder, ignore_errors=True)
    for name, content in {**design.files, "tagger.v": design.text}.items():
        write_text(folder / name, content)


def design_of(
    graph: Any,
    target_name: str,
    interval: int | None = None,
    beats: int | None = None,
    dsp_bits: int | None = None,
) -> tuple[Any, dict[str, Any]]:
    """Design of a firmware graph for a target, and the settings that decide it."""
    from tritag.export.rtl.design.search import choose_design
    from tritag.export.rtl.text.delays import DelayModel
    from tritag.export.rtl.text.fpga import assumptions
    from tritag.export.rtl.text.module import Timing
    from tritag.hls_projects.target import load_target

    target = load_target(target_name)
    delays = DelayModel.of_clock(target.clock_period_ns, target.clock_uncertainty_percent)
    timing = Timing(delays, interval or target.interval_cycles)
    if dsp_bits is not None:
        timing = dataclasses.replace(timing, dsp_bits=dsp_bits)
    design, beats = choose_design(graph, timing, beats, target.fpga)
    settings = {
        "target": target_name,
        "part": target.part,
        "assumptions": assumptions(target.part),
        "clock_period_ns": target.clock_period_ns,
        "interval": timing.interval,
        "beats": beats,
        "dsp_bits": timing.dsp_bits,
        "estimate": design.estimate(),
        "kernels": [
            {"module": k.module, "layer": k.layer, "instances": k.instances, "stages": [k.first_stage, k.last_stage]}
            | {name: round(getattr(k.cost, name)) for name in ("lut", "ff", "dsp", "bram")}
            for k in design.kernels
        ],
        "latency_ns": design.latency_cycles * target.clock_period_ns,
    }
    return design, settings
