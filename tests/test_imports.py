"""The rooms import in one direction: configs, data, models, quant, export, hls_projects, report.

Leaves of ``tritag/`` may be imported by every room, the front door (steps, command line, run directory) by none. In the
front door the steps (``tritag/pipeline``) know nothing of their clients, and no command imports another one.
"""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.rooms import ROOMS

REPOSITORY = Path(__file__).resolve().parents[1]
# Rooms inside rooms, in the order in which they may import each other; a room's own files stand where "." does.
SUBROOMS: dict[str, tuple[str, ...]] = {
    "data": ("jets", "simulation", "readers", "check"),
    "models": ("layers", "jets", "nets", "figures", "training"),
    "quant": (
        "config",
        "forms",
        "formats",
        "integer",
        "requantize",
        "weights",
        "ops",
        "layers",
        "simulated",
        "recipe",
        "measure",
    ),
    "report": (
        *(
            "firmware",
            "verdict",
            "published",
            "comparison",
            "pareto",
            "drawing",
            "figures",
            "study",
            "sweep",
            "measured",
            "widths",
            "summary",
        ),
        *("working_point", "plots", "page"),
    ),
    "export/importing": (
        *("quantizers", "values", "input_grid"),
        *("source", "writer", "requantize", "context", "linear", "pointwise", "pairs", "attention", "pooling"),
        *("shapes", "inputs", "output", "importer", "runnable", "original", "stock_hls4ml"),
    ),
    "export/rtl": ("text", "circuits", "estimate", "design", "tools"),
    "tritag/pipeline": (
        *("defaults", "names", "run_files", "sources", "step_sources", "plugins", "jets_fingerprint"),
        *("fingerprint", "opened"),
        *("start", "recipes", "golden", "jets", "interfaces"),
        *("vectors", "strength", "train", "export", "exported", "import_file", "check_onnx", "cost"),
        *("old_reports", "csim"),
        *(
            "made_design",
            "rtl",
            "clocks",
            "check_network",
            "check_costs",
            "check_tagger",
            "vendor",
            "executors",
            "words",
            "verify",
            "verify_words",
            "score",
            "score_parts",
            "score_file",
            "synth",
            "package",
            "equivariance",
        ),
        *("frames", "evaluate"),
        *("report", "compare"),
        *("demo", "taggers", "data", "points", "study", "sweep", "runs", "clean_sweeps", "clean"),
    ),
    "tritag/pipeline/points": ("point", "call", "jobs", "stale", "trainings", "designs"),
    "tritag/pipeline/sweep": (
        *("objectives", "axes", "config", "place", "best"),
        *("rows", "distinct", "engine", "search", "files", "run", "emit"),
    ),
    "tritag/pipeline/study": ("config", "scheduler", "table", "run"),
}
LEAF_FILES = (
    *(
        "errors",
        "advice",
        "environment",
        "closed",
        "archive",
        "numbers_as_written",
        "structured",
        "files",
        "helper_files",
        "identifiers",
        "noise",
        "verbosity",
        "progress",
        "terminal",
    ),
    *("workers", "plugin_files", "plugins", "seals", "build_cache", "tools"),
    *("farm_file", "farm", "task", "tasks"),
    "_version",
)
LEAVES = {*(f"tritag.{name}" for name in LEAF_FILES), "tritag.__version__"}
CLIENTS = ("tritag.commands", "tritag.api", "tritag.arguments", "tritag.cli")


def _sources(room: str) -> list[Path]:
    built = REPOSITORY / "hls_projects" / "build"
    return sorted(path for path in (REPOSITORY / room).rglob("*.py") if built not in path.parents)


def _module_name(path: Path) -> str:
    parts = path.relative_to(REPOSITORY).with_suffix("").parts
    parts = parts if parts[0] == "tritag" else ("tritag", *parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything of tritag that ``path`` imports, anywhere in it."""
    package = _module_name(path) if path.name == "__init__.py" else _module_name(path).rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            found = [f"{origin}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from ((node.lineno, name) for name in found if name.split(".")[0] == "tritag")


def _is_allowed(name: str, room: str) -> bool:
    parts = name.split(".")
    if len(parts) == 1 or parts[1] in ROOMS[: ROOMS.index(room) + 1]:
        return True
    return ".".join(parts[:2]) in LEAVES


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_the_rooms_before_it(room):
    sources = _sources(room)
    assert sources, f"{room} holds no Python file"
    wrong = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for path in sources
        for line, name in _imports(path)
        if not _is_allowed(name, room)
    ]
    assert not wrong, "\n".join([f"{room} may import {', '.join(ROOMS[: ROOMS.index(room)])} and the leaves:", *wrong])


@pytest.mark.parametrize("room", SUBROOMS)
def test_rooms_inside_a_room_import_in_one_direction(room):
    """``SUBROOMS`` names every file and folder of the room, and none imports one that stands behind it."""
    order = SUBROOMS[room]
    found = {path.relative_to(REPOSITORY / room).parts[0].removesuffix(".py") for path in _sources(room)}
    assert found - {"__init__"} == set(order), "every file and folder of the room must have its place in SUBROOMS"
    prefix = f"{_module_name(REPOSITORY / room / '__init__.py')}."
    wrong = []
    for path in _sources(room):
        own = path.relative_to(REPOSITORY / room).parts[0].removesuffix(".py")
        for line, name in _imports(path):
            other = name.removeprefix(prefix).split(".")[0]
            if name.startswith(prefix) and other in order and order.index(other) > order.index(own):
                wrong.append(f"{path.relative_to(REPOSITORY)}:{line} imports {name}")
    assert not wrong, "\n".join([f"{room} must import in the order {', '.join(order)}:", *wrong])


def test_no_circle_of_imports_at_the_top_of_files():
    """Inside functions a late import may close a circle; at the top of files none does."""
    folders = (*ROOMS, "tritag/pipeline", "tritag/commands")
    graph = {_module_name(path): set(_imports_at_top(path)) for folder in folders for path in _sources(folder)}
    edges = {
        module: {
            m
            for m in graph
            if m != module and any(f == m or f.startswith(f"{m}.") for f in found) and not module.startswith(f"{m}.")
        }
        for module, found in graph.items()
    }
    order = graphlib.TopologicalSorter(edges)
    order.prepare()  # raises CycleError and names the circle


def _imports_at_top(path: Path) -> list[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    lines = {node.lineno for node in tree.body}
    return [name for line, name in _imports(path) if line in lines]


def test_the_leaves_import_only_leaves():
    wrong = [
        f"{leaf} imports {name}"
        for leaf in LEAF_FILES
        for _, name in _imports(REPOSITORY / "tritag" / f"{leaf}.py")
        if ".".join(name.split(".")[:2]) not in LEAVES
    ]
    assert not wrong


def test_the_steps_know_nothing_of_their_clients():
    wrong = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for path in _sources("tritag/pipeline")
        for line, name in _imports(path)
        if name.startswith(CLIENTS)
    ]
    assert not wrong


def test_no_command_imports_another_command():
    """What several commands share are types in ``options``; what they do stands in ``tritag/pipeline``."""
    wrong = [
        f"{path.relative_to(REPOSITORY)}:{line} imports {name}"
        for path in _sources("tritag/commands")
        for line, name in _imports(path)
        if name.startswith("tritag.commands") and not name.startswith("tritag.commands.options.")
    ]
    assert not wrong
    tree = ast.parse((REPOSITORY / "tritag/commands/options.py").read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)], "options.py holds data alone"


def test_the_steps_are_typed():
    """No annotation in ``tritag/pipeline`` is ``Any``."""
    wrong = []
    for path in _sources("tritag/pipeline"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Name | ast.Attribute) and getattr(node, "id", getattr(node, "attr", "")) == "Any":
                wrong.append(f"{path.relative_to(REPOSITORY)}:{node.lineno}")
    assert not wrong


def test_no_source_uses_a_bare_room_name():
    """``import models`` at the repository's root gives a second module object of the same code."""
    wrong = []
    for folder in (*ROOMS, "tritag", "tests", "firmware_tests", "benchmarks"):
        for path in _sources(folder):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and not node.level:
                    names = [node.module or ""]
                wrong += [f"{path}:{name}" for name in names if name.split(".")[0] in ROOMS]
    assert not wrong


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("import tritag.quant.formats.fixed", ["tritag.quant.formats.fixed"]),
        ("from tritag import cli", ["tritag.cli"]),
        ("from tritag.run import Run", ["tritag.run.Run"]),
        ("from . import fixed", ["tritag.quant.ops.fixed"]),
        ("from ..fixed import FixedType", ["tritag.quant.fixed.FixedType"]),
        ("def f():\n    from ...export import x", ["tritag.export.x"]),
        ("import tritagger, numpy", []),
    ],
)
def test_the_reader_of_imports_finds_every_kind(tmp_path, monkeypatch, source, expected):
    path = tmp_path / "quant" / "ops" / "x.py"
    path.parent.mkdir(parents=True)
    path.write_text(source)
    monkeypatch.setitem(globals(), "REPOSITORY", tmp_path)
    assert [name for _, name in _imports(path)] == expected
