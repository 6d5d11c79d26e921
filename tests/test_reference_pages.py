"""The pages of the Python reference: what every class and function on them says of its values, and of its errors."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import pydoc
import re
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PAGES = Path(__file__).resolve().parents[1] / "docs" / "reference"
NAMED = sorted(
    {
        name
        for page in PAGES.glob("*.md")
        for name in re.findall(r"^\.\. auto(?:class|function):: ([\w.]+)$", page.read_text(encoding="utf-8"), re.M)
    }
)


def described(text: str, section: str) -> dict[str, str]:
    """Names of a numpydoc section, each with its type."""
    found = re.search(rf"^{section}\n-+\n(.*?)(?=^\w[^\n]*\n-+\n|\Z)", text + "\n", re.MULTILINE | re.DOTALL)
    lines = re.findall(r"^([\w, *]+?)(?: : (.*))?$", found[1], re.MULTILINE) if found else []
    return {name.strip(" *"): kind for names, kind in lines for name in names.split(",")}


def public_functions(kind: Any) -> Iterator[tuple[str, Any]]:
    """A function itself, or what a class shows of its own: methods, and properties by their getter."""
    if not inspect.isclass(kind):
        yield kind.__name__, kind
        return
    for name, member in vars(kind).items():
        function = inspect.unwrap(getattr(member, "fget", None) or getattr(member, "__func__", member))
        function = getattr(function, "func", function)  # a cached property
        if not name.startswith("_") and inspect.isfunction(function):
            yield f"{kind.__name__}.{name}", function


def raises(function: Any) -> bool:
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    return any(isinstance(node, ast.Raise) and node.exc is not None for node in ast.walk(tree))


@pytest.mark.parametrize("name", NAMED)
def test_what_is_on_the_page_is_described(name: str) -> None:
    """Fields and parameters by name and type, and that an error is raised where the source raises one."""
    kind, missing = pydoc.locate(name), []
    text = inspect.getdoc(kind) or ""
    if dataclasses.is_dataclass(kind):
        listed = described(text, "Attributes") | described(text, "Parameters")
        missing += [f.name for f in dataclasses.fields(kind) if not f.name.startswith("_") and not listed.get(f.name)]
    else:
        listed = described(text, "Parameters")
        parameters = inspect.signature(kind).parameters  # type: ignore[arg-type]
        missing += [parameter for parameter in parameters if not listed.get(parameter)]
    for where, function in public_functions(kind):
        said = inspect.getdoc(function) or ""
        missing += [] if len(said) > 10 else [f"{where}: what it is for"]
        # of a class whose methods raise alike, its own text says so
        missing += [f"{where}: Raises"] if raises(function) and "Raises\n---" not in said + text else []
    assert missing == []
