"""The subcommands of ``tritag``, one file each, imported only when called.

A module here offers either ``command``, a function with typer-annotated parameters whose docstring is its help, or
``app``, a :class:`typer.Typer` with subcommands of its own. :data:`COMMANDS` is what ``tritag --help`` lists.
"""

from __future__ import annotations

# name -> (module, one-line help), in the order of a user's work
COMMANDS: dict[str, tuple[str, str]] = {
    "demo": (
        "tritag.commands.demo",
        "The whole way with a small tagger, from jets to firmware and report.",
    ),
    "data": ("tritag.commands.data", "Make, convert and inspect jet files."),
    "train": ("tritag.commands.train", "Train a tagger into a new run directory."),
    "study": ("tritag.commands.study", "Train many taggers and seeds, and write their table."),
    "sweep": ("tritag.commands.sweep", "Choose a tagger and its design: a grid or a search, and its Pareto front."),
    "cost": ("tritag.commands.cost", "MACs, bit operations and energy of a tagger, by formula or as exported."),
    "evaluate": ("tritag.commands.evaluate", "Measure a tagger: AUC, background rejection and its error."),
    "export": ("tritag.commands.export", "Write the tagger as QONNX with golden integer vectors."),
    "import": ("tritag.commands.import_file", "Turn anybody's QONNX file into a run for the steps below."),
    "check": ("tritag.commands.check", "Say in seconds what would become of a file, and what is refused."),
    "csim": ("tritag.commands.csim", "Write the hls4ml project, compile it, run the C-simulation."),
    "verify": ("tritag.commands.verify", "Check that every executor gives the same integers."),
    "equivariance": ("tritag.commands.equivariance", "Measure how much boosts and rotations change the scores."),
    "frames": ("tritag.commands.frames", "Measure the errors of the Lorentz block at several widths."),
    "score": ("tritag.commands.score", "Score the jets of a file, in constant memory."),
    "rtl": ("tritag.commands.rtl", "Write pipelined Verilog, simulate it, measure latency and II in cycles."),
    "synth": ("tritag.commands.synth", "Count the Verilog's LUTs, FFs, DSPs and memories with Yosys."),
    "package": ("tritag.commands.package", "Write everything for the firmware engineer into one archive."),
    "report": ("tritag.commands.report", "Write the HTML report of a run."),
    "compare": ("tritag.commands.compare", "Print runs in firmware beside each other and published taggers."),
    "runs": ("tritag.commands.runs", "List the runs, and what each of them has."),
    "clean": ("tritag.commands.clean", "Say what may be removed, and remove it when asked to."),
    "completion": ("tritag.commands.completion", "Print what lets a shell complete commands and names of runs."),
}
