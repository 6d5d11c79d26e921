"""A second reading of docs/integer-programs.md: integer programs on Python's unbounded integers, one value at a time.

Shares no code with the executors of the package, and checks on the way that no value leaves its proven interval.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np

from tritag.quant.integer.program import Node, Program

# One jet's value: rows of lanes.
Value = list[list[int]]


def _halved(value: int, bits: int) -> int:
    # Python rounds fractions half to even.
    return round(Fraction(value, 2**bits))


def _leading(value: int) -> int:
    position = 0
    while 2 ** (position + 1) <= value:
        position += 1
    return position


def _normalized(value: int, bits: int) -> int:
    return int(value * Fraction(2) ** (bits - 1 - _leading(value)))


def _aligned(value: int, exponent: int, bits: int) -> int:
    limit = 2 ** (exponent + 1)
    return round(min(max(value, -limit), limit) * Fraction(2) ** (bits - 1 - exponent))


_ELEMENTWISE: dict[str, Callable[..., int]] = {
    "add": lambda p, a, b: a + b,
    "sub": lambda p, a, b: a - b,
    "mul": lambda p, a, b: a * b,
    "shl": lambda p, a: a * 2 ** p[0],
    "shr": lambda p, a: a // 2 ** p[0],
    "rsh": lambda p, a: _halved(a, p[0]),
    "rshv": lambda p, a, s: _halved(a, s),
    "shlv": lambda p, a, s: a * 2**s,
    "clip": lambda p, a: p[0] if a < p[0] else p[1] if a > p[1] else a,
    "max": lambda p, a, b: a if a > b else b,
    "min": lambda p, a, b: a if a < b else b,
    "abs": lambda p, a: -a if a < 0 else a,
    "lt": lambda p, a, b: 1 if a < b else 0,
    "eq": lambda p, a, b: 1 if a == b else 0,
    "select": lambda p, c, a, b: a if c == 1 else b,
    "lead": lambda p, a: _leading(a),
    "norm": lambda p, a: _normalized(a, p[0]),
    "align": lambda p, a, e: _aligned(a, e, p[0]),
}


def interpret(program: Program, inputs: Sequence[Value], rows: int) -> list[Value]:
    """Values of all instructions for one jet; ``rows`` rows for a per-row value, one for a jet value.

    Raises
    ------
    AssertionError
        A value lies outside the interval that the program claims for it.
    """
    supplied = {port.node: value for port, value in zip(program.inputs, inputs, strict=True)}
    values: list[Value] = []
    for index, node in enumerate(program.nodes):
        n_rows = rows if node.per_row else 1
        if node.op == "input":
            value = supplied[index]
        else:
            args = [values[a] for a in node.args]
            value = [_row(program, node, args, row, rows) for row in range(n_rows)]
        assert len(value) == n_rows, f"{node.op} {index}: {len(value)} rows, not {n_rows}"
        for lanes in value:
            assert len(lanes) == node.lanes, f"{node.op} {index}: {len(lanes)} lanes, not {node.lanes}"
            for v in lanes:
                assert node.low <= v <= node.high, f"{node.op} {index}: {v} left [{node.low}, {node.high}]"
        values.append(value)
    return values


def _row(program: Program, node: Node, args: list[Value], row: int, rows: int) -> list[int]:
    """Lanes of one row of an instruction's value."""
    if node.op == "const":
        return list(node.params)
    if node.op == "row":
        assert node.params == (rows,)
        return [row]
    if node.op == "sumr":
        assert node.params == (rows,)
        (rows_of,) = args
        return [sum(lanes[lane] for lanes in rows_of) for lane in range(node.lanes)]
    if node.op == "maxr":
        (rows_of,) = args
        return [sorted(lanes[lane] for lanes in rows_of)[-1] for lane in range(node.lanes)]
    # A jet value has one row, which belongs to every row.
    at = [value[row if len(value) > 1 else 0] for value in args]
    if node.op == "suml":
        return [sum(at[0])]
    if node.op == "maxl":
        return [sorted(at[0])[-1]]
    if node.op == "lane":
        return [at[0][node.params[0]]]
    if node.op == "stack":
        return [v for lanes in at for v in lanes]
    if node.op == "lookup":
        table = list(program.tables.values())[node.params[0]]
        assert all(0 <= v < len(table) for v in at[0])
        return [table[v] for v in at[0]]
    function = _ELEMENTWISE[node.op]
    return [function(node.params, *(v[lane if len(v) > 1 else 0] for v in at)) for lane in range(node.lanes)]


def interpret_all(program: Program, inputs: Sequence[np.ndarray], rows: int) -> list[np.ndarray]:
    """Values of all instructions, int64 (jets, rows or 1, lanes), of inputs in the same layout."""
    jets = len(inputs[0])
    per_jet = [interpret(program, [x[jet].tolist() for x in inputs], rows) for jet in range(jets)]
    return [np.array([values[i] for values in per_jet], dtype=np.int64) for i in range(len(program.nodes))]
