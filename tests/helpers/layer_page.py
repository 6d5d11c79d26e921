"""Write docs/layers.md: every kind of layer that has a quantized form, from the registry.

``python -m tests.helpers.layer_page`` writes the page; tests/test_layer_page.py compares it.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import tritag.models.layers
import tritag.quant.layers
from tritag.quant.layers.factory import quantized_form

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "layers.md"
_OPS, _PARTS = "tritag.quant.ops.", ("tritag.quant.layers.", "tritag.quant.weights.")
# What the factory and fixed-point tensors are asked for, and the layer of the firmware graph that comes of it.
_WORDS = {
    "weighted": "linear",
    "cut": "cut",
    "residual_cut": "cut",
    "plus": "sum",
    "transpose": "transpose",
    "reshape": "reshape",
    "flatten": "reshape",
    "concat": "concat",
    "cat": "concat",
    "product_grid": "product",
}
_HEAD = """# Layers

What a network can ask its factory for, `layers(Kind, ...)`, with the form that each kind has in firmware. Every kind
here is trained in floats and quantized, exported, and runs with the same integers in ONNX Runtime, QONNX, the
C-simulation, the native emulator and Verilog: the firmware graph has a closed set of layers, each of which every back
end has. What a kind costs depends on sizes and widths; `tritag check` prints it for your network, module by module.

*Made of* are the layers of the firmware graph and the ops, whose pages hold program, intervals and error; a dash stands
where the arithmetic is in the op of the layer behind it. `free_scale` is there with the precision `int8-asymmetric`
only.

This page is written by `python -m tests.helpers.layer_page`, and `tests/test_layer_page.py` compares it.

"""


def kinds() -> list[type]:
    """Every class of ``models/layers`` with a quantized form, by module and name."""
    for package in (tritag.models.layers, tritag.quant.layers):
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{package.__name__}.{module.name}")
    found = []
    for module in pkgutil.iter_modules(tritag.models.layers.__path__):
        content = vars(importlib.import_module(f"tritag.models.layers.{module.name}"))
        found += [
            value
            for value in content.values()
            if isinstance(value, type)
            and value.__module__ == f"tritag.models.layers.{module.name}"
            and quantized_form(value) is not None
        ]
    return sorted(found, key=lambda kind: (kind.__module__, kind.__name__))


def made_of(form: Callable[..., Any]) -> tuple[set[str], set[str]]:
    """Layers of the firmware graph, and pages of ops, that the code of a quantized form names."""
    words, ops, seen, waiting = set[str](), set[str](), set[int](), [form]
    while waiting:
        thing = waiting.pop()
        if id(thing) in seen:
            continue
        seen.add(id(thing))
        for name, value in _named(thing):
            if name in _WORDS:
                words.add(_WORDS[name])
            module = getattr(value, "__module__", None) or ""
            if module.startswith(_OPS):
                ops.add(module.removeprefix(_OPS))
            elif module.startswith(_PARTS) and isinstance(value, type | types.FunctionType):
                waiting.append(value)
    return words, ops - {"modules", "op"}


def _named(thing: Any) -> Iterator[tuple[str, Any]]:
    """Names in the code of a function, or of a class's functions, and what they stand for where that is known."""
    functions = (
        [f for f in vars(thing).values() if isinstance(f, types.FunctionType)] if isinstance(thing, type) else [thing]
    )
    for function in functions:
        codes = [function.__code__]
        names: list[str] = []
        for code in codes:
            names += code.co_names
            codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
        known = {name: function.__globals__[name] for name in names if name in function.__globals__}
        for name in names:
            owners = [value for value in known.values() if isinstance(value, types.ModuleType)]
            found = [getattr(owner, name) for owner in owners if hasattr(owner, name) and name not in known]
            yield from ((name, value) for value in (found or [known.get(name)]))


def _summary(kind: type) -> str:
    text = " ".join((inspect.getdoc(kind) or "").split("\n\n")[0].split())
    return re.sub(r"``(.*?)``", r"`\1`", re.sub(r":\w+:`~?([^`]*)`", r"`\1`", text)).replace("|", "\\|")


def page() -> str:
    """The page's text."""
    rows = ["| kind | module | what it does | made of |", "|---|---|---|---|"]
    for kind in kinds():
        words, ops = made_of(quantized_form(kind))  # type: ignore[arg-type]
        links = [
            f"[{name}](ops/{name}.md)" if (PAGE.parent / "ops" / f"{name}.md").is_file() else name
            for name in sorted(ops)
        ]
        module = kind.__module__.rpartition(".")[2]
        rows.append(
            f"| `{kind.__name__}` | [{module}](../models/layers/{module}.py) | {_summary(kind)} | "
            f"{', '.join([*sorted(words), *links]) or '-'} |"
        )
    return _HEAD + "\n".join(rows) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
