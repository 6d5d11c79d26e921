"""Integer programs: straight-line arithmetic on exact integers, with a proven interval for every value.

An op (softmax, norm, frames, ...) is written once as such a program. PyTorch, ONNX, C++ and RTL each have one small
executor or emitter for the few instructions below, so a new op needs no new back-end code.

A value belongs to a *row* (a particle, a query token, ...) or to the whole jet, and has one or more *lanes* (channels,
keys, ...). Executors hold it as an array of shape ``(batch, rows, lanes)``; a jet value has one row, a scalar one lane,
and they broadcast. The interval ``[low, high]`` of each value follows from those of its arguments by exact interval
arithmetic: it is the proof that nothing wraps, and it gives the C++ and RTL widths.

``docs/integer-programs.md`` is the specification of the instructions.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from tritag.errors import ExportError
from tritag.quant.integer.instructions import INSTRUCTIONS
from tritag.structured import parse_json

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Node:
    """One instruction (docs/integer-programs.md): ``args`` are indices of earlier nodes, ``params`` are integers."""

    op: str
    args: tuple[int, ...]
    params: tuple[int, ...]
    low: int
    high: int
    lanes: int
    per_row: bool


@dataclass(frozen=True)
class Port:
    """A named input or output and the node that carries it."""

    name: str
    node: int


@dataclass
class Program:
    """A finished program: nodes in order of execution, inputs, outputs, named tables of integers."""

    name: str
    nodes: list[Node] = field(default_factory=list)
    inputs: list[Port] = field(default_factory=list)
    outputs: list[Port] = field(default_factory=list)
    tables: dict[str, tuple[int, ...]] = field(default_factory=dict)

    @property
    def table_names(self) -> list[str]:
        """Table names in the order in which ``lookup`` instructions count them."""
        return list(self.tables)

    def to_json(self, with_tables: bool = True) -> str:
        """Canonical text form; without tables it names the structure alone (tables travel as graph constants)."""
        plain = {
            "format": FORMAT_VERSION,
            "name": self.name,
            "nodes": [[n.op, list(n.args), list(n.params), n.low, n.high, n.lanes, int(n.per_row)] for n in self.nodes],
            "inputs": [[p.name, p.node] for p in self.inputs],
            "outputs": [[p.name, p.node] for p in self.outputs],
            "tables": {k: list(v) if with_tables else len(v) for k, v in self.tables.items()},
        }
        return json.dumps(plain, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, tables: dict[str, Sequence[int]] | None = None) -> Program:
        """Rebuild a program; ``tables`` supplies the contents when the text was written without them.

        Raises
        ------
        ExportError
            The text was written in another format version, or has an instruction that nobody knows.
        """
        plain = parse_json(text, "an integer program", ExportError, "export the run again")
        if plain["format"] != FORMAT_VERSION:
            raise ExportError(
                f"integer program format must be {FORMAT_VERSION}, got {plain['format']}; export the run again"
            )
        if unknown := {op for op, *_ in plain["nodes"]} - set(INSTRUCTIONS):
            raise ExportError(f"instructions must be among {', '.join(INSTRUCTIONS)}, got {', '.join(sorted(unknown))}")
        contents = tables if tables is not None else plain["tables"]
        return cls(
            plain["name"],
            [Node(op, tuple(a), tuple(p), lo, hi, n, bool(r)) for op, a, p, lo, hi, n, r in plain["nodes"]],
            [Port(*p) for p in plain["inputs"]],
            [Port(*p) for p in plain["outputs"]],
            {name: tuple(int(v) for v in contents[name]) for name in plain["tables"]},
        )

    def depends_on_input(self, index: int) -> bool:
        """Whether the value of node ``index`` follows from an input; otherwise it is constant."""
        reached, waiting = set(), [index]
        while waiting:
            index = waiting.pop()
            if self.nodes[index].op == "input":
                return True
            reached.add(index)
            waiting.extend(a for a in self.nodes[index].args if a not in reached)
        return False

    def digest(self, length: int = 8) -> str:
        """Hash of the structure (not of the table contents)."""
        return hashlib.sha256(self.to_json(with_tables=False).encode()).hexdigest()[:length]
