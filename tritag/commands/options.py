"""Arguments and options that several commands share, with their help; no command of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tritag import plugins
from tritag.arguments import complete_run

Run = Annotated[
    str | None,
    typer.Argument(
        metavar="RUN", help="Run directory, tagger name, or zoo:NAME.", show_default=False, autocompletion=complete_run
    ),
]
# How the run was named before it was an argument.
OldRun = Annotated[str | None, typer.Option("--run", hidden=True)]
Target = Annotated[str, typer.Option(help="A name in configs/targets, or a YAML file.")]
Name = Annotated[
    str | None, typer.Option("--name", help="Name of the artefact; by default the run's.", show_default=False)
]
Version = Annotated[int | None, typer.Option("--version", min=0, help="Version of the artefact.", show_default="1")]
Interface = Annotated[str, typer.Option(help="How firmware takes jets: plain (integers) or words (docs/words.md).")]
VerilogInterface = Annotated[
    str, typer.Option(help="How the design takes jets: plain (integers), words, or stream (words on AXI4-Stream).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Tagger = Annotated[str | None, typer.Argument(help="A name from --list, or a YAML file.")]
Data = Annotated[str, typer.Option(help="A data configuration, or a jet file with splits.")]
Leading = Annotated[int | None, typer.Option("--constituents", "-K", help="Leading constituents K.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Change a setting: section.key=value with section sizes, head, training, quant or quant_training; "
        "may be repeated.",
    ),
]
JetFile = Annotated[Path, typer.Argument(metavar="FILE", help="A jet file of any known kind.")]
FirstJets = Annotated[int | None, typer.Option("--n-max", min=1, help="Only the first jets.")]
# Its content is loaded while the call is read: a command has nothing to do with it.
Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin",
        metavar="FILE",
        callback=plugins.use,
        help="A Python file with taggers, layers or ops of your own; may be repeated.",
    ),
]
Device = Annotated[
    str, typer.Option(help="Where to compute: cpu, cuda or cuda:1.", envvar="TRITAG_DEVICE", show_envvar=True)
]
Deterministic = Annotated[
    bool, typer.Option("--deterministic", help="On a GPU: only operations that give the same bits every time.")
]
Split = Annotated[str | None, typer.Option(help="train, val or test.")]
Processes = Annotated[
    int | None, typer.Option(min=1, help="Processes of this machine; by default one a core.", show_default=False)
]
Scheduler = Annotated[
    str | None, typer.Option(metavar="ADDRESS", help="A Dask scheduler that runs already: tcp://host:8786.")
]
FarmYaml = Annotated[
    Path | None,
    typer.Option("--farm", metavar="FILE", help="YAML of a batch system that starts workers (docs/farm.md)."),
]
Fresh = Annotated[
    bool, typer.Option("--fresh", help="Train anew what is trained, but of other sources or jets, or damaged.")
]
Retry = Annotated[bool, typer.Option("--retry", help="Try again what failed in an earlier call.")]
