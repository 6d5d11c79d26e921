"""``tritag synth``: resources of the Verilog, kernel by kernel, by Yosys; the vendor's beside them where installed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tritag.terminal import print_json, print_progress


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run directory or tagger name.")],
    workers: Annotated[int, typer.Option(min=1, help="Modules to synthesise at a time.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Synthesise the Verilog of `tritag rtl` with Yosys and write synth.json.

    LUT, FF, CARRY8, DSP and BRAM are Yosys' counts; the logic levels are a proxy for timing, not a timing.
    """
    _, result = synth_run(run, workers)
    if json:
        print_json(result)
    else:
        _print(result)


def synth_run(where: str, workers: int = 1) -> tuple[Any, dict[str, Any]]:
    """Synthesise; returns the run and the content of synth.json."""
    import json
    from dataclasses import asdict

    from tritag.commands.rtl import design_of
    from tritag.commands.train import open_run
    from tritag.export.graph import read_graph
    from tritag.export.rtl.synthesis import PART, SLRS, synthesise
    from tritag.files import write_json

    run, _ = open_run(where)
    made = json.loads(run.require("rtl.json").read_text())
    graph = read_graph(run.require("model.qonnx.onnx"))
    design, _ = design_of(graph, made["target"], made["interval"], made["beats"])
    print_progress(f"{run.directory.name}: Yosys on {len(design.kernels) + 1} modules (the first time takes minutes)")
    figures, total = synthesise(design, workers)
    result = {
        "tool": "Yosys, synth_xilinx -family xcup",
        "part": PART,
        "slrs": SLRS,
        "kernels": [
            {"module": k.module, "layer": k.layer, "instances": k.instances, "estimated_lut": round(k.cost.lut)}
            | asdict(figures[k.module])
            for k in design.kernels
        ],
        "top": asdict(figures[design.name]),
        "total": asdict(total),
        "slr_shares": total.shares(),
        "vendor": None,
    }
    run.discard_from("synth")
    write_json(run.path("synth.json"), result)
    run.record_provenance("synth")
    return run, result


def _print(result: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    names = ("lut", "ff", "carry8", "dsp", "bram18", "levels")
    table = Table("kernel", "instances", *names, title="Yosys, each instance", title_justify="left")
    for kernel in result["kernels"]:
        table.add_row(kernel["module"], str(kernel["instances"]), *(f"{kernel[n]:,}" for n in names))
    table.add_section()
    table.add_row("top level", "1", *(f"{result['top'][n]:,}" for n in names))
    table.add_row("all instances", "", *(f"{result['total'][n]:,}" for n in names))
    table.add_row("share of one SLR", "", *(f"{result['slr_shares'][n]:.1%}" for n in names[:-1]), "-")
    Console().print(table)
