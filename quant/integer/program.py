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

from tritag.closed import closed
from tritag.errors import ExportError
from tritag.identifiers import is_identifier, unusable_name
from tritag.quant.integer.instructions import INSTRUCTIONS
from tritag.structured import parse_json

FORMAT_VERSION = 1
# Lanes of a value: what a damaged text may claim at most. A jet of 128 candidates has 128 * 128 pairs.
MAX_LANES = 1 << 20


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

        The intervals are those that the text claims: whoever got it from a file has to prove them again
        (:func:`tritag.quant.integer.proof.prove`).

        Raises
        ------
        ExportError
            The text is damaged, was written in another format version, or has an instruction that nobody knows or a
            name that is no identifier.
        """
        plain = parse_json(text, "an integer program", ExportError, "export the run again")
        with closed("an integer program", ExportError, "as `tritag export` wrote it", "export the run again"):
            if plain["format"] != FORMAT_VERSION:
                raise ExportError(
                    f"integer program format must be {FORMAT_VERSION}, got {plain['format']}; export the run again"
                )
            contents = tables if tables is not None else plain["tables"]
            program = cls(
                plain["name"],
                [Node(op, tuple(a), tuple(p), lo, hi, n, bool(r)) for op, a, p, lo, hi, n, r in plain["nodes"]],
                [Port(*p) for p in plain["inputs"]],
                [Port(*p) for p in plain["outputs"]],
                {name: tuple(int(v) for v in contents[name]) for name in plain["tables"]},
            )
        check_form(program)
        return program

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


def check_form(program: Program) -> None:
    """Refuse what is no program: names, operands that stand later, ports that carry something else.

    Raises
    ------
    ExportError
        What must hold, and the first place where it does not.
    """
    ports = [*program.inputs, *program.outputs]
    for what, name in (
        ("an integer program", program.name),
        *(("a port of an integer program", port.name) for port in ports),
        *(("a table of an integer program", name) for name in program.tables),
    ):
        if not is_identifier(name):
            raise ExportError(unusable_name(what, name))
    if unknown := {str(node.op) for node in program.nodes} - set(INSTRUCTIONS):
        raise ExportError(f"instructions must be among {', '.join(INSTRUCTIONS)}, got {', '.join(sorted(unknown))}")
    for index, node in enumerate(program.nodes):
        numbers = (*node.args, *node.params, node.low, node.high, node.lanes)
        if (
            any(type(number) is not int for number in numbers)
            or any(not 0 <= a < index for a in node.args)
            or not INSTRUCTIONS[node.op].fits(len(node.args), len(node.params))
            or not 1 <= node.lanes <= MAX_LANES
        ):
            raise ExportError(f"{program.name}: instruction {index} ({node.op}) needs integers and earlier operands")
    for port in ports:
        if type(port.node) is not int or not 0 <= port.node < len(program.nodes):
            raise ExportError(f"{program.name}: port {port.name} must name an instruction")
    carried = sorted(port.node for port in program.inputs)
    if carried != [index for index, node in enumerate(program.nodes) if node.op == "input"]:
        raise ExportError(f"{program.name}: every input must be a port of its own, and no other instruction")
    names = [*(port.name for port in ports), *program.tables]
    if len(set(names)) != len(names):
        raise ExportError(f"{program.name}: ports and tables must have names of their own, got {', '.join(names)}")
