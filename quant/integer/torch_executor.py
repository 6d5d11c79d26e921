"""Runs an integer program on PyTorch int64 tensors: the reference that every other executor must equal."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from tritag.quant.integer.program import Node, Program


def run(program: Program, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Execute ``program``.

    Parameters
    ----------
    inputs
        One int64 tensor per input: ``(batch, rows, lanes)`` for a per-row input, ``(batch, 1, lanes)`` for a jet input.

    Returns
    -------
    list of Tensor
        One int64 tensor per output, same layout.
    """
    values: list[Tensor | None] = []
    last_use = _last_use(program)
    tables = [torch.tensor(program.tables[name], dtype=torch.int64) for name in program.table_names]
    by_node = {port.node: tensor for port, tensor in zip(program.inputs, inputs, strict=True)}
    for index, node in enumerate(program.nodes):
        if node.op == "input":
            values.append(by_node[index])
        elif node.op == "lookup":
            (where,) = (_get(values, a) for a in node.args)
            values.append(tables[node.params[0]][where])
        else:
            values.append(_INSTRUCTIONS[node.op](node, *(_get(values, a) for a in node.args)))
        for a in node.args:
            if last_use[a] == index:
                values[a] = None
    results = []
    for port in program.outputs:
        node = program.nodes[port.node]
        value = _get(values, port.node)
        rows = max((t.shape[1] for t in inputs), default=1) if node.per_row else 1
        results.append(value.expand(inputs[0].shape[0], rows, node.lanes))
    return results


def _get(values: list[Tensor | None], index: int) -> Tensor:
    value = values[index]
    assert value is not None
    return value


def _last_use(program: Program) -> dict[int, int]:
    last = {a: i for i, node in enumerate(program.nodes) for a in node.args}
    for port in program.outputs:
        last[port.node] = len(program.nodes)
    return last


def _leading(x: Tensor) -> Tensor:
    # frexp of a float64 may round a large integer up to the next power of two; correct that exactly.
    exponent = torch.frexp(x.double()).exponent.long() - 1
    exponent = torch.where((x >> exponent.clamp(min=0)) == 0, exponent - 1, exponent)
    return exponent.clamp(min=0)


def _normalized(node: Node, x: Tensor) -> Tensor:
    surplus = _leading(x) - (node.params[0] - 1)
    return torch.where(surplus >= 0, x >> surplus.clamp(min=0), x << (-surplus).clamp(min=0))


def _round_shift(x: Tensor, bits: Tensor | int) -> Tensor:
    bits = torch.as_tensor(bits, dtype=torch.int64)
    quotient = x >> bits
    rest = x - (quotient << bits)
    half = torch.ones_like(bits) << (bits - 1).clamp(min=0)
    up = (rest > half) | ((rest == half) & ((quotient & 1) == 1))
    return torch.where(bits == 0, x, quotient + up.long())


def _aligned(node: Node, x: Tensor, exponent: Tensor) -> Tensor:
    bits = node.params[0]
    limit = torch.ones_like(exponent) << (exponent + 1)
    x = torch.maximum(torch.minimum(x, limit), -limit)
    surplus = exponent - (bits - 1)
    return _round_shift(x, surplus.clamp(min=0)) << (-surplus).clamp(min=0)


_INSTRUCTIONS: dict[str, Callable[..., Tensor]] = {
    "const": lambda n: torch.tensor(n.params, dtype=torch.int64).reshape(1, 1, -1),
    "row": lambda n: torch.arange(n.params[0], dtype=torch.int64).reshape(1, -1, 1),
    "add": lambda n, a, b: a + b,
    "sub": lambda n, a, b: a - b,
    "mul": lambda n, a, b: a * b,
    "shl": lambda n, a: a << n.params[0],
    "shr": lambda n, a: a >> n.params[0],
    "rsh": lambda n, a: _round_shift(a, n.params[0]),
    "rshv": lambda n, a, s: _round_shift(a, s),
    "shlv": lambda n, a, s: a << s,
    "clip": lambda n, a: a.clamp(*n.params),
    "max": lambda n, a, b: torch.maximum(a, b),
    "min": lambda n, a, b: torch.minimum(a, b),
    "abs": lambda n, a: a.abs(),
    "lt": lambda n, a, b: (a < b).long(),
    "eq": lambda n, a, b: (a == b).long(),
    "select": lambda n, c, a, b: torch.where(c == 1, a, b),
    "lead": lambda n, a: _leading(a),
    "norm": _normalized,
    "suml": lambda n, a: a.sum(-1, keepdim=True),
    "maxl": lambda n, a: a.amax(-1, keepdim=True),
    "align": _aligned,
    "maxr": lambda n, a: a.amax(1, keepdim=True),
    "sumr": lambda n, a: a.sum(1, keepdim=True),
    "lane": lambda n, a: a[..., n.params[0] : n.params[0] + 1],
    "stack": lambda n, *a: torch.cat(torch.broadcast_tensors(*a), dim=-1),
}
