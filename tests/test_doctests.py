"""Examples in docstrings are run: what a docstring shows is what happens."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.helpers.rooms import ROOMS

ROOT = Path(__file__).resolve().parents[1]
# Modules of which a reader expects examples.
EXPECTED = {"tritag.quant.formats.fixed", "tritag.quant.integer.tracer", "tritag.data.jets.trigger_grid"}


def modules_with_examples() -> list[str]:
    """Names of the modules whose source holds an example.

    pytest's own ``--doctest-modules`` cannot be used: it imports a file by its path, and the folder ``models/`` would
    become another module than ``tritag.models``.
    """
    found = []
    for folder in (*ROOMS, "tritag"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            inside = path.relative_to(ROOT)
            if inside.parts[:2] != ("hls_projects", "build") and ">>> " in path.read_text(encoding="utf-8"):
                name = ".".join(inside.with_suffix("").parts).removesuffix(".__init__")
                found.append(name if folder == "tritag" else f"tritag.{name}")
    return found


def test_examples_are_where_they_are_expected():
    assert set(modules_with_examples()) >= EXPECTED


@pytest.mark.parametrize("name", modules_with_examples())
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.attempted > 0, f"{name} holds '>>>' in no docstring that can be reached"
    assert result.failed == 0, f"{result.failed} of {result.attempted} examples of {name} give something else"
