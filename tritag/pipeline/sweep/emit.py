"""A sweep as the input of other workflow tools, which start one job for each point."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from tritag import plugins
from tritag.errors import ConfigError, unknown_name
from tritag.pipeline.sweep.config import grid, load_sweep
from tritag.pipeline.sweep.place import folder_of
from tritag.pipeline.sweep.run import require_independent

KINDS = ("snakemake", "condor")


def emitted(name: str, kind: str) -> str:
    """Text of a Snakefile, or of an HTCondor submit description, for a grid.

    Jobs run ``tritag sweep NAME --point N`` in the folder of the call with its TRITAG_RUNS and TRITAG_CACHE, which all
    machines must share, and with the plug-ins of the call; ``tritag sweep NAME`` then finds all done and writes the
    table. Files that say what is done are named like the sweep's folder, by its settings: those of an edited sweep are
    others.

    Raises
    ------
    ConfigError
        Another kind, or a sweep that is not done point by point.
    """
    if kind not in KINDS:
        raise ConfigError(unknown_name("kind of workflow", kind, KINDS))
    config = load_sweep(name)
    require_independent(name, config.search, config.halving is not None)
    n_points, folder = len(grid(config)), folder_of(name, config).name
    return _snakemake(name, folder, n_points) if kind == "snakemake" else _condor(name, folder, n_points)


def _words(name: str) -> list[str]:
    """The sweep and the plug-ins of this call, as arguments of the command."""
    return ["sweep", name, *(word for path in plugins.used_paths() for word in ("--plugin", str(path.resolve())))]


def _tritag(name: str) -> str:
    return shlex.join([_program(), *_words(name)])


def _program() -> str:
    """The command of this environment."""
    beside = Path(sys.executable).with_name("tritag")
    return str(beside) if beside.is_file() else "tritag"


def _snakemake(name: str, folder: str, n_points: int) -> str:
    call = _tritag(name).replace("{", "{{").replace("}", "}}")  # as Snakemake's shell reads it
    read = f"\n    input: {name!r}" if Path(name).is_file() else ""
    return f'''# Points of the sweep {folder}: snakemake --cores 2, or with an executor of your site.
# They are those of {name} when this was written: write it again after a change.
rule all:
    input: "{folder}.table"

rule point:{read}
    output: touch("{folder}.points/{{number}}.done")
    threads: 1
    shell: {f"{call} --point {{wildcards.number}}"!r}

rule table:
    input: expand("{folder}.points/{{number}}.done", number=range({n_points}))
    output: touch("{folder}.table")
    shell: {call!r}
'''


def _condor(name: str, folder: str, n_points: int) -> str:
    here = Path.cwd()
    words = " ".join("'" + word.replace("'", "''").replace('"', '""') + "'" for word in _words(name)[1:])
    after = shlex.join(["tritag", *_words(name)])
    return f"""# Points of the sweep {folder}: condor_submit FILE; when all have ended: {after}
# They are those of {name} when this was written: write it again after a change.
universe       = vanilla
executable     = {_program()}
arguments      = "sweep {words} --point $(Process)"
initialdir     = {here}
getenv         = TRITAG_RUNS, TRITAG_CACHE, TRITAG_DEVICE, PATH
request_cpus   = 1
request_memory = 2 GB
max_retries    = 2
log            = {folder}.log
output         = {folder}.$(Process).out
error          = {folder}.$(Process).err
queue {n_points}
"""
