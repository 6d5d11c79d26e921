"""Reference pages from the code: commands with their options, layers with their forms, files of a run."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import tritag.models.layers
import tritag.quant.layers  # registers the quantized forms
from tritag.cli import load_command
from tritag.commands import COMMANDS
from tritag.quant.layers.factory import quantized_form
from tritag.steps import STEPS


def commands() -> str:
    """A section for each command: usage, what it does, a table of its arguments and options."""
    parts = []
    for name, (_, line) in COMMANDS.items():
        command = load_command(name)
        if children := getattr(command, "commands", None):
            parts.append(f"## tritag {name}\n\n{line}\n")
            parts += [_command(f"{name} {child}", found, "###") for child, found in children.items()]
        else:
            parts.append(_command(name, command, "##"))
    return "\n".join(parts)


def _command(name: str, command: Any, heading: str) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    usage = " ".join(["tritag", name, *command.collect_usage_pieces(context)])
    rows = [
        record for p in command.params if (record := p.get_help_record(context)) and not getattr(p, "hidden", False)
    ]
    table = [f"| `{_cell(what)}` | {_cell(text)} |" for what, text in rows]
    head = ["| argument or option | meaning |", "|---|---|"] if table else []
    text = inspect.cleandoc(command.help or "")
    return "\n".join([f"{heading} tritag {name}", "", "```text", usage, "```", "", text, "", *head, *table, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def steps() -> str:
    """A table of the steps of a run, the files that each writes, and what it builds on."""
    rows = [
        f"| `tritag {name}` | {', '.join(f'`{file}`' for file in step.files)} | {', '.join(step.after) or 'nothing'} |"
        for name, step in STEPS.items()
    ]
    return "\n".join(["| step | files | built on |", "|---|---|---|", *rows, ""])


def layers() -> str:
    """Every kind of layer with a quantized form, by the module that holds it."""
    parts = []
    for module, kinds in _kinds():
        title = (sys.modules[module].__doc__ or module).partition("\n")[0].rstrip(".")
        parts += [f"## {title}", "", "```{eval-rst}"]
        for kind in kinds:
            parts += [f".. autoclass:: {module}.{kind}", "   :members: forward", ""]
        parts += ["```", ""]
    return "\n".join(parts)


def _kinds() -> Iterator[tuple[str, list[str]]]:
    for found in pkgutil.iter_modules(tritag.models.layers.__path__, "tritag.models.layers."):
        module = importlib.import_module(found.name)
        kinds = [name for name, kind in vars(module).items() if kind in _own(module) and quantized_form(kind)]
        if kinds:
            yield found.name, kinds


def _own(module: ModuleType) -> list[Any]:
    return [
        kind for kind in vars(module).values() if getattr(kind, "__module__", "") == module.__name__ and callable(kind)
    ]
