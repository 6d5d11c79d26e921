"""``tritag synth``: resources of the Verilog, kernel by kernel, by Yosys; the vendor's beside them where installed."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from tritag.terminal import print_json, print_progress

_NAMES = ("lut", "ff", "carry8", "dsp", "bram18")


def command(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Run directory or tagger name.")],
    workers: Annotated[int, typer.Option(min=1, help="Processes of Yosys at a time.")] = 1,
    only: Annotated[
        str | None, typer.Option(help="Only kernels with this in their names; synth.json is not written.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Synthesise the Verilog of `tritag rtl` with Yosys and write synth.json.

    LUT, FF, CARRY8, DSP and BRAM are Yosys' counts; logic levels and periods are estimates, not a timing. Finished
    kernels are kept: interrupted, the same command goes on; called again, it is done at once.
    """
    _, result = synth_run(run, workers, only)
    if json:
        print_json(result)
    else:
        _print(result)


def synth_run(where: str, workers: int = 1, only: str | None = None) -> tuple[Any, dict[str, Any]]:
    """Synthesise; returns the run and the content of synth.json."""
    import json

    from tritag.commands.rtl import design_of
    from tritag.commands.train import open_run
    from tritag.errors import ConfigError
    from tritag.export.graph import read_graph
    from tritag.export.rtl.tools.synthesis import check_tools, synthesise
    from tritag.files import write_json

    run, _ = open_run(where)
    made = json.loads(run.require("rtl.json").read_text())
    check_tools()
    graph = read_graph(run.require("model.qonnx.onnx"))
    design, _ = design_of(graph, made["target"], made["interval"], made["beats"], made.get("dsp_bits"))
    chosen = [k for k in design.kernels if only is None or only in k.module]
    if not chosen:
        raise ConfigError(f"--only must be part of a kernel's name, got {only!r}; rtl.json lists them under kernels")
    with _progress(run.directory.name) as progress:
        figures = synthesise(design, chosen, top=only is None, workers=workers, progress=progress)
    if only is not None:
        return run, {"kernels": _kernels(chosen, figures)}
    result = _result(design, figures, made["target"])
    run.discard_from("synth")
    result["vendor"] = _vendor(run, design, made["target"])
    write_json(run.path("synth.json"), result)
    run.record_provenance("synth")
    return run, result


def _kernels(kernels: Any, figures: Any) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [
        {"module": k.module, "layer": k.layer, "instances": k.instances, "estimated_lut": k.cost.lut}
        | asdict(figures[k.module])
        for k in kernels
    ]


def _result(design: Any, figures: Any, target_name: str) -> dict[str, Any]:
    from dataclasses import asdict

    from tritag.export.rtl.text.clock import clock_estimate
    from tritag.export.rtl.text.delays import DelayModel
    from tritag.export.rtl.text.fpga import assumptions
    from tritag.export.rtl.tools.synthesis import summed
    from tritag.hls_projects.target import load_target

    target = load_target(target_name)
    delays = DelayModel.of_clock(target.clock_period_ns, target.clock_uncertainty_percent)
    total, part = summed(design, figures), target.fpga
    counts = asdict(total)
    return {
        "tool": "Yosys, synth_xilinx -family xcup",
        "part": target.part,
        "assumptions": assumptions(target.part),
        "holds": part and asdict(part.holds),
        "kernels": _kernels(design.kernels, figures),
        "top": asdict(figures[design.name]),
        "total": counts,
        "part_shares": part and part.shares(counts),
        "slr_shares": part and part.shares(counts, slr=True),
        "clock_estimate": clock_estimate(total, delays, target.clock_period_ns),
    }


def _vendor(run: Any, design: Any, target_name: str) -> dict[str, Any] | None:
    from tritag.export.rtl.tools.vivado import vendor_figures, vivado
    from tritag.hls_projects.target import load_target

    if vivado() is None:
        print_progress("vivado is not on PATH: no vendor figures of the Verilog")
        return None
    target = load_target(target_name)
    folder = run.require("rtl")
    return vendor_figures(folder, design.name, target.part, target.clock_period_ns, run.log_file("synth"))


def _progress(name: str) -> Any:
    """Bar with the time left on a terminal, else a line for each run of Yosys."""
    import time
    from contextlib import contextmanager

    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    @contextmanager
    def bar() -> Any:
        console, began = Console(stderr=True), time.monotonic()
        columns = (TextColumn("Yosys: {task.fields[modules]} modules"), BarColumn(), TimeRemainingColumn())
        with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as shown:
            task = shown.add_task(name, total=1.0, modules="")

            def tell(done: int, total: int, share: float) -> None:
                shown.update(task, completed=share, modules=f"{done} of {total}")
                if not console.is_terminal:
                    left_s = (time.monotonic() - began) * (1 / share - 1) if share else 0.0
                    rest = f", about {left_s / 60:.0f} min left" if share else ""
                    print_progress(f"{name}: Yosys is through with {done} of {total} modules{rest}")

            yield tell

    return bar()


def _print(result: dict[str, Any]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Column, Table

    kernels = Column("kernel", min_width=18, overflow="fold")
    table = Table(kernels, "copies", "estimate", *_NAMES, "levels", box=SIMPLE, padding=(0, 1, 0, 0), pad_edge=False)
    table.title, table.title_justify = "LUTs estimated, and Yosys' counts of each copy", "left"
    for kernel in result["kernels"]:
        figures = (f"{kernel[n]:,}" for n in (*_NAMES, "levels"))
        table.add_row(kernel["module"], str(kernel["instances"]), f"{kernel['estimated_lut']:,}", *figures)
    if "total" in result:
        table.add_section()
        table.add_row("top level", "1", "", *(f"{result['top'][n]:,}" for n in (*_NAMES, "levels")))
        table.add_row("all copies", "", "", *(f"{result['total'][n]:,}" for n in (*_NAMES, "levels")))
        for title, shares in (("the part", result["part_shares"]), ("one SLR", result["slr_shares"])):
            if shares:
                table.add_row(f"share of {title}", "", "", *(f"{shares[n]:.1%}" for n in _NAMES), "-")
        if vendor := result["vendor"]:
            table.add_row("Vivado, whole design", "", "", *(f"{vendor[n]:,}" for n in _NAMES), "-")
    Console().print(table)
    for sentence in result.get("assumptions", []):
        print_progress(f"assumption: {sentence}")
    if clock := result.get("clock_estimate"):
        Console(highlight=False, soft_wrap=True).print(
            f"period (estimates): {clock['levels_ns']:.2f} ns from {clock['levels']} levels, "
            f"{clock['size_ns']:.2f} ± {clock['size_error_ns']:.2f} ns from the size; "
            f"target {clock['target_ns']:.2f} ns, slack {clock['slack_ns']:+.2f} ns"
        )
