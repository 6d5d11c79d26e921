"""Habits of the house that a linter does not know: sizes of files and functions, and docstrings that say something."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.rooms import SOURCES

ROOT = Path(__file__).resolve().parents[1]
LONGEST_FILE, LONGEST_FUNCTION = 300, 60
# A docstring of fewer words names nothing that the function's name does not name already.
FEWEST_WORDS = 3
# Sends the reader elsewhere instead of saying what the thing is for.
ELSEWHERE = re.compile(r"(see :\w+:|see class|the same\.|hand on\.)", re.IGNORECASE)
Documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def sources() -> list[Path]:
    """Every source file of the package."""
    built = ROOT / "hls_projects" / "build"
    return sorted(path for room in SOURCES for path in (ROOT / room).rglob("*.py") if built not in path.parents)


def nodes(path: Path) -> Iterator[Documented]:
    """The module itself, its classes and its functions, inner ones included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Documented):
            yield node


def place(path: Path, node: Documented) -> str:
    """Where a reader finds ``node``."""
    name = path.relative_to(ROOT)
    return f"{name}:1" if isinstance(node, ast.Module) else f"{name}:{node.lineno} {node.name}"


def docstring_lines(node: Documented) -> int:
    """Lines of a docstring: parameters, units and errors of a public function may take as many as they need."""
    first = node.body[0] if ast.get_docstring(node) is not None else None
    return 0 if first is None or first.end_lineno is None else first.end_lineno - first.lineno + 1


def says_nothing(docstring: str) -> bool:
    """Whether a docstring only sends the reader elsewhere, or has too few words to say anything."""
    return bool(ELSEWHERE.match(docstring)) or len(docstring.split()) < FEWEST_WORDS


def test_no_file_is_too_long():
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in sources()}
    long = [f"{path.relative_to(ROOT)}: {n} lines" for path, n in lengths.items() if n > LONGEST_FILE]
    assert not long, "\n".join([f"a file must have at most {LONGEST_FILE} lines; split these by idea:", *long])


def test_no_function_is_too_long():
    long = []
    for path in sources():
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.end_lineno is not None:
                lines = node.end_lineno - node.lineno + 1 - docstring_lines(node)
                long += [f"{place(path, node)}: {lines} lines"] if lines > LONGEST_FUNCTION else []
    assert not long, "\n".join([f"a function must have at most {LONGEST_FUNCTION} lines without its docstring:", *long])


def test_every_docstring_says_something():
    empty = [
        f"{place(path, node)}: {docstring!r}"
        for path in sources()
        for node in nodes(path)
        if (docstring := ast.get_docstring(node)) is not None and says_nothing(docstring)
    ]
    assert not empty, "\n".join(["a docstring must say what the thing is for, or not be there:", *empty])


@pytest.mark.parametrize(
    ("docstring", "expected"),
    [
        ("See :class:`Layers`.", True),
        ("See :meth:`Layers.head`; the outputs share a grid.", True),
        ("See class.", True),
        ("The same.", True),
        ("GELU.", True),
        ("Number of rows.", False),
        ("The same map as a plain layer.", False),
        ("Seen jets, by class.", False),
    ],
)
def test_what_says_nothing(docstring, expected):
    assert says_nothing(docstring) == expected
