"""Which cases of a test run always, and which in ``make test-all`` only."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from pathlib import Path

import pytest
from _pytest.mark import ParameterSet


def often(names: Iterable[object], long: Collection[object]) -> list[ParameterSet]:
    """Parameters of a test: all names, of which those in ``long`` are marked so."""
    return [pytest.param(name, marks=[pytest.mark.long] * (name in long)) for name in names]


def asked(session: pytest.Session, file: str, test: str) -> set[str]:
    """Values of the parameter ``name`` with which a session runs a test of a file."""
    items = [item for item in session.items if isinstance(item, pytest.Function) and item.path == Path(file)]
    return {item.callspec.params["name"] for item in items if item.originalname == test}
