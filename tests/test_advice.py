"""Advice in messages is a command that works as printed: it exists, and its options and arguments are taken."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from tests.helpers.rooms import SOURCES
from tritag import advice, cli
from tritag.run import Run
from tritag.steps import STEPS

# what a message calls a command when it does not ask for one
MENTIONS = {"tritag import"}


def parsed(command: str) -> dict[str, object]:
    """Values of the arguments and options of a command line, which is not run.

    Raises
    ------
    typer.TyperException
        No such command or option, an argument that is missing, or a value of another kind.
    """
    words = shlex.split(command)
    assert words.pop(0) == "tritag"
    found = cli.load_command(words.pop(0))
    while hasattr(found, "commands"):
        found = found.commands[words.pop(0)]
    with found.make_context(found.name, words) as context:
        return dict(context.params)


def texts(path: Path) -> Iterator[str]:
    """Texts of messages in a module: literals that are no docstrings, ``PATH`` for what is filled in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, documented) and _is_text(node.body)}
    inside = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "PATH" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs | inside:
            yield node.value


def _is_text(body: list[ast.stmt]) -> bool:
    return bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def test_every_command_in_a_message_is_one(repository: Path) -> None:
    found: dict[str, str] = {}
    for room in SOURCES:
        for path in (repository / room).rglob("*.py"):
            for text in texts(path) if path.name != "advice.py" else ():
                for quoted in re.findall(r"'(tritag [^']*)'", text):
                    found[quoted] = str(path.relative_to(repository))
    wrong = {}
    for command in found.keys() - MENTIONS:
        try:
            parsed(command.replace("...", "x"))
        except (typer.TyperException, KeyError, AssertionError) as error:
            wrong[command] = f"{found[command]}: {error!r}"
    assert not wrong, wrong
    assert len(found) >= 5


@pytest.mark.parametrize(
    "call",
    [
        {"tagger": "transformer-2k"},
        {
            "tagger": "my own/tagger.yaml", "data": "ö jets/it's.h5", "constituents": 8, "precision": "int8",
            "settings": ["training.batch_size=256", "head.classes=[a, b]"], "on_grid": False,
        },
        {"tagger": "transformer-2k", "start": "runs/a b", "body_rate": 0.1, "precision": "float"},
    ],
)  # fmt: skip
def test_the_call_that_trains_is_taken_as_it_was(call: dict[str, object]) -> None:
    with advice.command_line():
        given = parsed(advice.training(call, again=True).strip("'"))
    assert given["fresh"]
    for name, value in call.items():
        taken = given["off_grid" if name == "on_grid" else name]
        assert str(taken) == str(not value if name == "on_grid" else value), name


def test_every_step_has_a_command_that_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the runs lie under a path with blanks and quotes."""
    monkeypatch.setenv("TRITAG_RUNS", str(tmp_path / "it's my runs"))
    run = Run.create("t", {"tagger": {"n_constituents": 4}}, call={"tagger": "transformer-2k"})
    with advice.command_line():
        for step in STEPS:
            if step != "import":
                given = parsed(run.command_for(step).removeprefix("'").removesuffix("'"))
                assert step == "train" or str(run.directory) in str(given).replace("\\", ""), step
        imported = Run.create("t", {"import": {}})
        assert str(imported.path("original.onnx")) in str(parsed(imported.command_for("import")[1:-1]))
