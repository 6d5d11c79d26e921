"""``tritag csim``: the hls4ml project, its C-simulation, and the vendor's synthesis where it is installed."""

from __future__ import annotations

import shutil
from typing import Annotated, Any

import typer

from tritag.terminal import print_json, print_progress, print_result

# Jets of the project's own test bench: each costs minutes of co-simulation.
_TESTBENCH_JETS = 20


def command(
    run: Annotated[str, typer.Option(help="Run directory or tagger name.")],
    target: Annotated[str, typer.Option(help="A name in configs/targets, or a YAML file.")] = "vu13p-360mhz",
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write and compile the hls4ml project of an exported run; check it against the golden vectors."""
    opened, result = csim_run(run, target)
    if json:
        print_json(result)
    else:
        print_result(str(opened.path("hls")))


def csim_run(where: str, target_name: str) -> tuple[Any, dict[str, Any]]:
    """Compile and check; returns the run and the content of csim.json.

    Raises
    ------
    CheckFailed
        The C-simulation gives other integers than the golden vectors.
    """
    import numpy as np

    from tritag.commands.train import open_run
    from tritag.export.graph import read_graph
    from tritag.files import write_json
    from tritag.hls_projects.csim import CsimExecutor, compile_project
    from tritag.hls_projects.project import write_testbench
    from tritag.hls_projects.target import load_target
    from tritag.hls_projects.vendor import synthesise, vendor_tool
    from tritag.hls_projects.verify import compare, require_equal

    run, _ = open_run(where)
    graph = read_graph(run.require("model.qonnx.onnx"))
    with np.load(run.require("vectors.npz")) as vectors:
        codes, count, expected = vectors["codes"], vectors["count"], vectors["logit"]
    target = load_target(target_name)
    run.discard_from("csim")
    project = compile_project(graph, target, log=run.log_file("csim"))
    verdict = compare(CsimExecutor.name, expected, CsimExecutor(graph, project).run(codes, count))
    shutil.copytree(project.folder, run.path("hls"), ignore=shutil.ignore_patterns("*.so", "complete.json"))
    (output,) = graph.outputs
    some = slice(0, _TESTBENCH_JETS)
    write_testbench(run.path("hls"), codes[some], count[some], expected[some] * graph.grids[output].type.lsb)
    state = "from the cache, " if project.cached else ""
    print_progress(
        f"{run.directory.name}: C-simulation ({state}compiled in {project.compile_s:.0f} s), "
        f"{verdict.differ} of {verdict.jets} golden vectors differ"
    )
    result = {
        "target": target_name,
        "golden": verdict.as_dict(),
        "compile_s": project.compile_s,
        "project": "hls",
        "vendor": None,
    }
    if vendor_tool() is None:
        print_progress("vitis-run is not on PATH: no vendor synthesis, no vendor latency or resources")
    else:
        result["vendor"] = synthesise(run.path("hls"), run.log_file("csim"))
    write_json(run.path("csim.json"), result)
    run.record_provenance("csim")
    require_equal([compare("pytorch", expected, expected), verdict])
    return run, result
