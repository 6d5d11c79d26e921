"""What stands in the sources of a written project: its calls, the numbers of its configurations, loops and statements.

Nothing here knows the graph that the project was written from: the figures of :mod:`tritag.hls_projects.unrolled` are
those of the text that Vitis HLS gets.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path

from tritag.errors import ExportError

_CALL = re.compile(r"^ +\w*nnet::(\w+)<(.+)>\(.*\); // (\w+)$", re.MULTILINE)
_TOP = re.compile(r"^ +#pragma HLS PIPELINE II=(\d+)\s*$", re.MULTILINE)
_STRUCT = re.compile(r"^struct (\w+)[^{;]*\{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
_NUMBER = re.compile(r"^ +static const unsigned (\w+) = ([^;]+);", re.MULTILINE)
_WIDTH = re.compile(r"^typedef ap_u?(?:int|fixed)<(\d+)[^>]*> (\w+);", re.MULTILINE)
_LOOP = re.compile(r"^for \(int (row|lane) = 0; \1 < (\d+); \1\+\+\) \{$")
_STATEMENT = re.compile(r"^(?:if \((?P<condition>.+)\) )?\w+(?:\[[^\]]*\])+ (?P<sum>\+?)= (?P<value>.+);$")
# What moves bits without logic: a copy, and the integer behind a number or back.
_WIRES = re.compile(r"^(?:\w+::)?(?:code\(|value<\w+>\()?\w+(?:\[[^\]]*\])*\)?$")
_READ = re.compile(r"code\((\w+)\[.+\.to_int\(\)\]\)$")
_PRODUCT = re.compile(r"^(\S+) \* (\S+)$")
_CONSTANT = re.compile(r"^(?:ap_int<\d+>\(-?\d+LL\)|c\d+\[\w+\])$")
_ROWS = re.compile(r"^Rows::(pass\d+)\(")
_SHARED = re.compile(r"#pragma HLS ALLOCATION function instances=Rows::(pass\d+) limit=CONFIG_T::row_units")
_TABLE = re.compile(r"^(\w+)_T \1\[(\d+)\]")


@dataclass
class Statements:
    """How often a piece of text, unrolled, has what costs logic.

    Attributes
    ----------
    operations : int
        Statements that are more than a copy.
    products, scaled : int
        Products of two values, and of a value and a constant.
    reads : Counter
        Reads of each table, by its name in the function.
    """

    operations: int = 0
    products: int = 0
    scaled: int = 0
    reads: Counter[str] = field(default_factory=Counter)

    def count(self, line: str, times: int) -> None:
        """Add a line that stands in loops of that many turns."""
        found = _STATEMENT.match(line)
        if found is None or (not found["sum"] and not found["condition"] and _WIRES.match(found["value"])):
            return
        self.operations += times
        if product := _PRODUCT.match(found["value"]):
            constant = any(_CONSTANT.match(factor) for factor in product.groups())
            self.scaled += times * constant
            self.products += times * (not constant)
        if read := _READ.search(found["value"]):
            self.reads[read[1]] += times


@dataclass(frozen=True)
class OpText:
    """The text of an op's function.

    Attributes
    ----------
    beside : Statements
        What stands in the function itself, a jet.
    passes : dict
        For each row function how often it is called in a jet and what one call does.
    shared : frozenset
        Row functions that are not inlined and whose instances are limited.
    entries : dict
        Entries of each table.
    """

    beside: Statements
    passes: Mapping[str, tuple[int, Statements]]
    shared: frozenset[str]
    entries: Mapping[str, int]


@dataclass(frozen=True)
class Call:
    """A layer's call in the top function: layer, function, and the types it is given, the configuration last."""

    layer: str
    function: str
    types: tuple[str, ...]


@dataclass(frozen=True)
class ProjectText:
    """The sources of a project, taken apart.

    Attributes
    ----------
    interval_cycles : int
        Interval of the pipeline at the top.
    calls : tuple
        Layers in order.
    numbers : dict
        Integer constants of each configuration.
    widths : dict
        Bits of each type.
    ops : dict
        Functions of integer programs.
    """

    interval_cycles: int
    calls: tuple[Call, ...]
    numbers: Mapping[str, Mapping[str, int]]
    widths: Mapping[str, int]
    ops: Mapping[str, OpText]


def read_project_text(folder: Path, name: str) -> ProjectText:
    """Take the sources of the project with top function ``name`` apart.

    Raises
    ------
    ExportError
        The top function is no pipeline, or calls no layers.
    """
    firmware = folder / "firmware"
    top, parameters, defines, ops = (
        (firmware / file).read_text(encoding="utf-8")
        for file in (f"{name}.cpp", "parameters.h", "defines.h", "nnet_utils/tritag_ops.h")
    )
    pipeline, calls = _TOP.search(top), _CALL.findall(top)
    if pipeline is None or not calls:
        raise ExportError(f"{name}.cpp must have #pragma HLS PIPELINE II=... and calls of layers, but does not")
    return ProjectText(
        int(pipeline[1]),
        tuple(Call(layer, function, tuple(types.split(", "))) for function, types, layer in calls),
        {struct: _numbers(body) for struct, body in _STRUCT.findall(parameters)},
        {kind: int(width) for width, kind in _WIDTH.findall(defines)},
        _ops(ops),
    )


def _numbers(body: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for name, text in _NUMBER.findall(body):
        value = _value(ast.parse(text.replace("::", "."), mode="eval").body, found)
        if value is not None:
            found[name] = value
    return found


def _value(node: ast.expr, known: Mapping[str, int]) -> int | None:
    """An integer expression of a configuration; None where it is no integer."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "DIV_ROUNDUP":
        parts = [part for part in (_value(argument, known) for argument in node.args) if part is not None]
        return -(-parts[0] // parts[1]) if len(parts) == 2 else None
    if isinstance(node, ast.BinOp):
        left, right = _value(node.left, known), _value(node.right, known)
        if left is not None and right is not None:
            kinds = {ast.Mult: left * right, ast.Sub: left - right, ast.Div: left // max(right, 1)}
            return kinds.get(type(node.op))
    return None


def _ops(text: str) -> dict[str, OpText]:
    """Functions of the header; what is called in a row function stands in the struct before it."""
    rows: dict[str, dict[str, list[str]]] = {}
    for name, body in re.findall(r"^template <[^\n]*> struct (\w+)_rows \{\n(.*?)^\};", text, re.MULTILINE | re.DOTALL):
        functions = re.findall(r"^    static void (pass\d+)\(\n(.*?)^    \}", body, re.MULTILINE | re.DOTALL)
        rows[name] = {which: [line.strip() for line in lines.splitlines()] for which, lines in functions}
    found = {}
    for name, body in re.findall(r"^void (\w+)\(\n(.*?)^\}", text, re.MULTILINE | re.DOTALL):
        found[name] = _op([line.strip() for line in body.splitlines()], rows.get(name, {}))
    return found


def _op(lines: list[str], rows: Mapping[str, list[str]]) -> OpText:
    calls = {found[1]: times for line, times in _unrolled(lines) if (found := _ROWS.match(line))}
    if set(calls) != set(rows):
        raise ExportError(f"tritag_ops.h must call each row function once, but calls {sorted(calls)} of {sorted(rows)}")
    limited = {found[1] for line in lines if (found := _SHARED.match(line))}
    own = {which for which, text in rows.items() if "#pragma HLS INLINE off" in text}
    entries = {found[1]: int(found[2]) for line in lines if (found := _TABLE.match(line))}
    passes = {which: (calls[which], _counted(text)) for which, text in rows.items()}
    return OpText(_counted(lines), passes, frozenset(limited & own), entries)


def _counted(lines: Iterable[str]) -> Statements:
    found = Statements()
    for line, times in _unrolled(lines):
        found.count(line, times)
    return found


def _unrolled(lines: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Lines with the number of turns of the loops around them."""
    around: list[int] = []
    for line in lines:
        if loop := _LOOP.match(line):
            around.append(int(loop[2]))
        elif line == "}" and around:
            around.pop()
        else:
            yield line, prod(around)
