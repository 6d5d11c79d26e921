"""The command that makes a step of a run again, with the options that the step was called with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from tritag import advice
from tritag.errors import ConfigError, RunError
from tritag.structured import read_json_if_there, read_yaml

# The grids of an imported program's inputs, as ``tritag import --inputs`` takes them.
INPUTS_FILE = "inputs.yaml"


def step_command(step: str, directory: Path, name: str, imported: Mapping[str, object] | None) -> str:
    """The command, in quotes, that runs a step other than the training on the run in ``directory``.

    What ``rtl.json`` and ``csim.json`` say of design and name is asked for again; an unreadable file says nothing.

    Parameters
    ----------
    step : str
        A name of :data:`tritag.steps.STEPS`.
    name : str
        Name of the run, which that of an imported one was given with.
    imported : mapping, optional
        What a run that was made of a file keeps of its import; None of a trained run.
    """
    if imported is not None and step in ("import", "export"):
        return _import_command(directory, name, imported.get("inputs"))
    if step == "cost":
        return advice.command("cost", "--run", directory)
    return advice.command(step, directory, *made_options(directory, step))


def _import_command(directory: Path, name: str, grids: object) -> str:
    """The command that imports a run's original again; where the run lacks its inputs' grids, with words for them."""
    words, inputs = ["import", directory / "original.onnx"], directory / INPUTS_FILE
    if not grids:
        return advice.command(*words, "--name", name)
    with suppress(ConfigError):
        if read_yaml(inputs) == grids:
            return advice.command(*words, "--inputs", inputs, "--name", name)
    return f"{advice.command(*words, '--name', name)} and the same --inputs as before"


def made_options(directory: Path, step: str) -> list[str]:
    """Options, as words of a command line, with which ``step`` makes again what it made; none where nothing is there.

    The beats of a design are always among them: whether they were asked for or chosen is written nowhere, and either
    way they give the design again.
    """
    made: object = None
    if step in _OPTIONS:
        with suppress(RunError):
            made = read_json_if_there(directory / f"{step}.json")
    if not isinstance(made, dict):
        return []
    options = _OPTIONS[step](made)
    defaults = _defaults(directory.name, made)
    return [
        word
        for option, value in options.items()
        if value is not None and value != defaults.get(option)
        for word in (f"--{option}", str(value))
    ]


def _of_project(made: Mapping[str, object]) -> dict[str, object]:
    """What ``csim.json`` says; interface and name stand in the files of those versions that wrote them."""
    return {option: made.get(option) for option in ("target", "interface", "name", "version")}


def _of_design(made: Mapping[str, object]) -> dict[str, object]:
    """What ``rtl.json`` says; an earlier version wrote only the beats that the design has, not the most allowed."""
    return {
        "target": made.get("target"),
        "interval": made.get("interval"),
        "beats": made.get("most_beats", made.get("beats")),
        "dsp-bits": made.get("dsp_bits"),
        **{option: made.get(option) for option in ("interface", "name", "version")},
    }


_OPTIONS: dict[str, Callable[[Mapping[str, object]], dict[str, object]]] = {"csim": _of_project, "rtl": _of_design}


def _defaults(directory_name: str, made: Mapping[str, object]) -> dict[str, object]:
    """Values that need not be asked for: those of the commands, the target's interval, and the run's name."""
    from tritag.export.naming import Naming
    from tritag.export.rtl.text.module import Timing
    from tritag.hls_projects.target import DEFAULT_TARGET

    naming, target = Naming.of_run(directory_name), made.get("target_settings")
    return {
        "target": DEFAULT_TARGET,
        "interval": target.get("interval_cycles") if isinstance(target, dict) else None,
        "dsp-bits": Timing.dsp_bits,
        "interface": "plain",
        "name": naming.name,
        "version": naming.version,
    }
