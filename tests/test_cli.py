"""The command line: exit status, error lines, suggestions, and a start without heavy imports."""

from __future__ import annotations

import ast
import errno
import os
import signal
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import pytest
import typer

from tritag import __version__, cli
from tritag.commands import COMMANDS
from tritag.errors import CheckFailed, ConfigError, ToolError

MODULES = {path.stem for path in Path(cli.__file__).with_name("commands").glob("*.py")} - {"__init__", "options"}


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """Put a function in the place of ``tritag train``."""

    def install(function: Callable[..., None]) -> None:
        module = types.ModuleType("fake_train")
        module.command = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "fake_train", module)
        monkeypatch.setitem(COMMANDS, "train", ("fake_train", "Train."))

    return install


def _raise(error: BaseException) -> Callable[[], None]:
    def train() -> None:
        """Train."""
        raise error

    return train


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (ConfigError("width must be >= 1, got -2"), 2, "error: width must be >= 1, got -2"),
        (ToolError("g++ must be on PATH [see log]"), 2, "error: g++ must be on PATH [see log]"),
        (CheckFailed("3 of 64 integers differ"), 1, "error: 3 of 64 integers differ"),
        (KeyboardInterrupt(), 130, "error: interrupted; files that were complete are kept"),
        (
            OSError(errno.ENOSPC, "No space left on device", "x.npz"),
            2,
            "error: No space left on device: x.npz; free space or check permissions",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_an_error_is_one_line_and_a_status(command, capsys, error, status, line):
    command(_raise(error))
    assert cli.run(["train"]) == status
    printed = capsys.readouterr()
    assert printed.err.strip() == line
    assert printed.out == ""


def test_a_long_message_is_not_wrapped_when_it_is_piped(command, capsys):
    command(_raise(ConfigError("x" * 70 + " must not be " + "y" * 200)))
    assert cli.run(["train"]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1


def test_a_fault_of_tritag_keeps_its_traceback(command, capsys):
    command(_raise(ZeroDivisionError("integer division")))
    assert cli.run(["train"]) == 3
    printed = capsys.readouterr().err
    assert "Traceback" in printed
    assert "please report it" in printed


def test_success_and_an_explicit_exit_status(command):
    command(lambda: None)
    assert cli.run(["train"]) == 0

    def failed() -> None:
        raise typer.Exit(1)

    command(failed)
    assert cli.run(["train"]) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], r"No such command 'trian'. Did you mean 'train'?"),
        (["train", "--sede", "3"], "No such option: --sede; did you mean '--seed'?"),
        (["train", "--seed", "three"], "Invalid value for '--seed'"),
        (["train", "--seed"], "--seed"),
        (["train", "--width", "0"], "Invalid value for '--width'"),
        (["train", "more"], "unexpected extra argument"),
        (["--vresion"], "No such option: --vresion; did you mean '--version'?"),
    ],
)
def test_a_wrong_call_names_the_nearest_and_exits_with_2(command, capsys, arguments, message):
    def train(seed: int = 1, width: Annotated[int, typer.Option(min=1)] = 8) -> None:
        """Train."""

    command(train)
    assert cli.run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("error: ")
    assert message in printed.err
    assert "--help'" in printed.err
    assert "Traceback" not in printed.err


def test_a_group_is_found_by_its_app(monkeypatch, capsys):
    app = typer.Typer()

    @app.command()
    def make() -> None:
        """Make jets."""

    module = types.ModuleType("fake_data")
    module.app = app  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "fake_data", module)
    monkeypatch.setitem(COMMANDS, "data", ("fake_data", "Data."))
    assert cli.run(["data", "make"]) == 0
    assert cli.run(["data", "mkae"]) == 2
    assert "Did you mean 'make'?" in capsys.readouterr().err


def test_help_lists_every_command(capsys):
    assert cli.run(["--help"]) == 0
    printed = capsys.readouterr().out
    for name in COMMANDS:
        assert name in printed


def test_no_arguments_print_the_help(capsys):
    assert cli.run([]) == 2
    assert "Usage" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["export", "csim", "verify", "evaluate", "report", "rtl", "synth", "equivariance"])
def test_the_run_is_an_argument_and_the_older_option_is_hidden(capsys, name):
    assert cli.run([name, "--help"]) == 0
    printed = capsys.readouterr().out
    assert "RUN" in printed
    assert "--run" not in printed
    assert cli.run([name]) == 2
    assert "name a run: RUN is its directory" in capsys.readouterr().err
    assert cli.run([name, "one", "--run", "other"]) == 2
    assert "name one run, got 'one' and --run 'other'; leave --run out" in capsys.readouterr().err


# A wrong name in each place where a command takes one.
WRONG_NAMES = {
    "train": (["nope"], ["transformer-2k", "--data", "nope"], ["transformer-2k", "--precision", "nope"], []),
    "data": (["make", "nope"], ["check", "nope.h5"], ["info", "nope.h5"], ["convert", "nope.h5", "out.h5"]),
    "import": (["nope.onnx"],),
    "check": (["nope.onnx"],),
    "study": (["nope"],),
    "cost": (["nope"], ["--run", "nope"]),
    "score": (["nope", "--jets", "nope.h5", "--out", "out.h5"],),
    "compare": (["nope"],),
    "demo": (["--nope"],),
    "frames": (["--nope"],),
}
HEAVY = ("torch", "brevitas", "hls4ml", "onnx", "onnxruntime", "qonnx", "pyarrow", "uproot", "matplotlib")


def test_a_wrong_name_is_answered_before_heavy_imports(tmp_path):
    """One process takes a wrong name for every command: what no command has imported, none had to wait for."""
    called = [[name, *rest] for name in COMMANDS for rest in WRONG_NAMES.get(name, (["nope"],))]
    code = (
        "import sys; from tritag.cli import run\n"
        f"for arguments in {called!r}:\n"
        f"    before = {{m for m in {HEAVY!r} if m in sys.modules}}\n"
        "    status = run(arguments)\n"
        f"    print('RESULT', *arguments, status, *(m for m in {HEAVY!r} if m in sys.modules and m not in before))\n"
    )
    environment = {**os.environ, "TRITAG_RUNS": str(tmp_path / "runs"), "TRITAG_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path, env=environment
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    assert lines == [" ".join(["RESULT", *arguments, "2"]) for arguments in called], done.stderr


def test_version(capsys):
    assert cli.run(["--version"]) == 0
    assert capsys.readouterr().out.strip() == f"tritag {__version__}"


def test_every_command_has_a_module_and_every_module_a_command():
    assert {module.removeprefix("tritag.commands.") for module, _ in COMMANDS.values()} == MODULES


@pytest.mark.parametrize("name", sorted(MODULES))
def test_a_module_offers_command_or_app(name):
    tree = ast.parse((Path(cli.__file__).with_name("commands") / f"{name}.py").read_text())
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    assigned = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    assert "app" in assigned or ast.get_docstring(functions["command"]), "app, or command with a docstring (its help)"


def test_the_start_imports_nothing_heavy():
    code = (
        "import sys; from tritag.cli import run; run(['--help']); "
        "print([m for m in ('torch', 'numpy', 'onnx', 'brevitas', 'hls4ml', 'h5py') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_control_c_ends_in_one_line(tmp_path):
    code = (
        "import signal, sys, types, time; from tritag.commands import COMMANDS; from tritag import cli\n"
        # a shell without job control starts its background jobs, and with them these tests, deaf to Control-C
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "def train():\n    print('up', flush=True); time.sleep(60)\n"
        "sys.modules['fake'] = types.SimpleNamespace(command=train)\n"
        "COMMANDS['train'] = ('fake', 'Train.')\n"
        "sys.exit(cli.run(['train']))"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    os.kill(process.pid, signal.SIGINT)
    _, printed = process.communicate(timeout=30)
    assert process.returncode == 130
    assert printed == "error: interrupted; files that were complete are kept\n"
