"""Integer programs as C++ for HLS: fixed loop bounds, no data-dependent exits, exact ap_int widths.

A program becomes one function. Its instructions fall into passes over the rows: a pass ends where a later value needs
a sum over all rows. Each pass is one loop with one shared body, so that ``PIPELINE II`` decides how far the hardware
is time-shared over the rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tritag.quant.formats.fixed import int_bits
from tritag.quant.integer.emitter import Emitter, Place
from tritag.quant.integer.passes import OVER_ROWS, pass_times
from tritag.quant.integer.program import Node, Port
from tritag.quant.ops.op import BoundProgram

# Placeholder of the lane's index in statements that are repeated for every lane.
_LANE = "@"


def width(node: Node) -> int:
    """Bits of the signed C++ integer that holds every value of ``node``."""
    return max(int_bits(min(node.low, -1), node.high), 2)


def op_function(bound: BoundProgram, rows: int, name: str = "") -> str:
    """C++ function template ``nnet::<name>`` of an op (its type by default); arguments are inputs, outputs, tables."""
    return _FunctionWriter(bound, rows, name or bound.op_type).text()


@dataclass(frozen=True)
class _Code:
    """Lines of an instruction; ``start`` stands before the loop over the rows, where there is one."""

    lines: list[str]
    start: tuple[str, ...] = ()


class _FunctionWriter(Emitter[str, _Code]):
    """Gives the statements of an instruction; an operand is the expression that reads it, @ stands for the lane."""

    def __init__(self, bound: BoundProgram, rows: int, name: str) -> None:
        super().__init__(bound.program)
        self.name, self.rows = name, rows
        self.times = pass_times(self.program)
        self.stored = self._crossing()

    def text(self) -> str:
        program = self.program
        ports = [*program.inputs, *program.outputs]
        types = [f"class {p.name}_T" for p in ports] + [f"class {t}_T" for t in program.tables]
        arguments = [f"{p.name}_T {p.name}[{self._size(p.node)}]" for p in ports]
        arguments += [f"{name}_T {name}[{len(table)}]" for name, table in program.tables.items()]
        lines = [
            f"// {program.name}: {self.rows} rows; specified in docs/ops/",
            f"template <{', '.join([*types, 'class CONFIG_T'])}>",
            f"void {self.name}(",
            "    " + ",\n    ".join(arguments) + ") {",
        ]
        body = list(self._checks())
        for index in self.stored:
            node = program.nodes[index]
            body.append(f"ap_int<{width(node)}> a{index}[{self.rows}][{node.lanes}];")
            body.append(_proof(f"a{index}", node))
            body.append(f"#pragma HLS ARRAY_PARTITION variable=a{index} complete dim=0")
        last = max(self.times)
        for time in range(-1, last + 1):
            members = [i for i, t in enumerate(self.times) if t == time]
            if time % 2:
                for index in members:
                    if program.nodes[index].op not in OVER_ROWS:
                        body += self.emit(index).lines
            elif members:
                body += self._loop(members, time // 2)
        body += self._jet_outputs()
        lines += ["    " + line for line in body] + ["}"]
        return "\n".join(lines) + "\n"

    def _checks(self) -> Iterator[str]:
        for port in self.program.inputs:
            node = self.program.nodes[port.node]
            bits = max(int_bits(node.low, node.high), 1)
            yield (
                f"static_assert({port.name}_T::width <= {bits}, "
                f'"{self.program.name}.{port.name} must fit the proven interval");'
            )
        for port in self.program.outputs:
            node = self.program.nodes[port.node]
            bits = max(int_bits(node.low, node.high), 1)
            yield (
                f"static_assert({port.name}_T::width >= {bits}, "
                f'"{self.program.name}.{port.name} must hold the proven interval");'
            )

    def _size(self, index: int) -> int:
        node = self.program.nodes[index]
        return node.lanes * (self.rows if node.per_row else 1)

    def _crossing(self) -> list[int]:
        """Per-row values that a later pass reads: they are kept in arrays."""
        found = set()
        for index, node in enumerate(self.program.nodes):
            for a in node.args:
                source = self.program.nodes[a]
                if source.per_row and node.op not in OVER_ROWS and self.times[a] < self.times[index]:
                    found.add(a)
        return sorted(found)

    def _loop(self, members: list[int], number: int) -> list[str]:
        lines: list[str] = []
        over_rows = [
            i for i, n in enumerate(self.program.nodes) if n.op in OVER_ROWS and self.times[i] == 2 * number + 1
        ]
        collected = [self.emit(index) for index in over_rows]
        for code in collected:
            lines += code.start
        lines.append(f"{self.program.name}_pass{number}:")
        lines.append(f"for (int row = 0; row < {self.rows}; row++) {{")
        lines.append("    #pragma HLS PIPELINE II=CONFIG_T::row_interval")
        inner: list[str] = []
        for index in members:
            inner += self.emit(index).lines
            if index in self.stored:
                inner += _each(self.program.nodes[index].lanes, f"a{index}[row][@] = v{index}[@];")
        for code in collected:
            inner += code.lines
        for port in self.program.outputs:
            node = self.program.nodes[port.node]
            if node.per_row and self.times[port.node] == 2 * number:
                inner += self._write(port, f"row * {node.lanes} + @")
        lines += ["    " + line for line in inner] + ["}"]
        return lines

    def _jet_outputs(self) -> list[str]:
        ports = [p for p in self.program.outputs if not self.program.nodes[p.node].per_row]
        return [line for port in ports for line in self._write(port, "@")]

    def _write(self, port: Port, where: str) -> list[str]:
        lanes = self.program.nodes[port.node].lanes
        return _each(lanes, f"{port.name}[{where}] = tritag::value<{port.name}_T>(v{port.node}[@]);")

    def operand(self, index: int, at: Place) -> str:
        """Give the C++ expression that reads the operand in this instruction's loop or between the loops."""
        # An instruction over the rows reads inside the loop of the pass that it ends.
        time = self.times[at.index] - (1 if at.node.op in OVER_ROWS else 0)
        node = self.program.nodes[index]
        lane = "0" if node.lanes == 1 else _LANE
        if node.op == "const":
            return f"ap_int<{width(node)}>({node.params[0]}LL)" if node.lanes == 1 else f"c{index}[{lane}]"
        if node.per_row and self.times[index] < time:
            return f"a{index}[row][{lane}]"
        return f"v{index}[{lane}]"

    def _declared(self, at: Place) -> list[str]:
        return [f"ap_int<{width(at.node)}> v{at.index}[{at.node.lanes}];", _proof(f"v{at.index}", at.node)]

    def _lanes(self, at: Place, expression: str) -> _Code:
        """The value of every lane is one expression."""
        return _Code([*self._declared(at), *_each(at.node.lanes, f"v{at.index}[@] = {expression};")])

    def input(self, at: Place) -> _Code:
        port = next(p.name for p in self.program.inputs if p.node == at.index)
        return self._lanes(at, f"tritag::code({port}[{f'row * {at.node.lanes} + @' if at.node.per_row else '@'}])")

    def const(self, at: Place, *values: int) -> _Code:
        if len(values) == 1:  # a literal, where it is read
            return _Code([])
        entries = ", ".join(f"{v}LL" for v in values)
        return _Code([f"const ap_int<{width(at.node)}> c{at.index}[{len(values)}] = {{{entries}}};"])

    def row(self, at: Place, rows: int) -> _Code:
        return self._lanes(at, "row")

    def add(self, at: Place, a: str, b: str) -> _Code:
        return self._lanes(at, f"{a} + {b}")

    def sub(self, at: Place, a: str, b: str) -> _Code:
        return self._lanes(at, f"{a} - {b}")

    def mul(self, at: Place, a: str, b: str) -> _Code:
        return self._lanes(at, f"{a} * {b}")

    def shl(self, at: Place, x: str, bits: int) -> _Code:
        return self._lanes(at, f"{_cast(at, x)} << {bits}")

    def shr(self, at: Place, x: str, bits: int) -> _Code:
        return self._lanes(at, f"{x} >> {bits}")

    def rsh(self, at: Place, x: str, bits: int) -> _Code:
        return self._lanes(at, f"tritag::round_shift<{width(at.node)}, {bits}>({x}, {bits})")

    def rshv(self, at: Place, x: str, bits: str) -> _Code:
        largest = at.args[1].high
        return self._lanes(at, f"tritag::round_shift<{width(at.node)}, {largest}>({x}, {bits}.to_int())")

    def shlv(self, at: Place, x: str, bits: str) -> _Code:
        return self._lanes(at, f"{_cast(at, x)} << {bits}.to_int()")

    def clip(self, at: Place, x: str, low: int, high: int) -> _Code:
        return self._lanes(at, f"tritag::clip<{width(at.node)}>({x}, {low}LL, {high}LL)")

    def max(self, at: Place, a: str, b: str) -> _Code:
        return self._lanes(at, f"{a} > {b} ? {_cast(at, a)} : {_cast(at, b)}")

    def min(self, at: Place, a: str, b: str) -> _Code:
        return self._lanes(at, f"{a} < {b} ? {_cast(at, a)} : {_cast(at, b)}")

    def abs(self, at: Place, x: str) -> _Code:
        return self._lanes(at, f"{x} < 0 ? {_cast(at, f'-{x}')} : {_cast(at, x)}")

    def lt(self, at: Place, a: str, b: str) -> _Code:
        return self._lanes(at, f"{a} < {b} ? 1 : 0")

    def eq(self, at: Place, a: str, b: str) -> _Code:
        return self._lanes(at, f"{a} == {b} ? 1 : 0")

    def select(self, at: Place, condition: str, then: str, otherwise: str) -> _Code:
        return self._lanes(at, f"{condition} == 1 ? {_cast(at, then)} : {_cast(at, otherwise)}")

    def lead(self, at: Place, x: str) -> _Code:
        return self._lanes(at, f"tritag::leading<{width(at.node)}>({x})")

    def norm(self, at: Place, x: str, bits: int) -> _Code:
        return self._lanes(at, f"tritag::normalized<{width(at.node)}, {bits}>({x})")

    def align(self, at: Place, x: str, exponent: str, bits: int) -> _Code:
        largest = max(at.args[1].high, 1)
        return self._lanes(at, f"tritag::aligned<{width(at.node)}, {bits}, {largest}>({x}, {exponent}.to_int())")

    def lookup(self, at: Place, x: str, table: int) -> _Code:
        return self._lanes(at, f"tritag::code({self.program.table_names[table]}[{x}.to_int()])")

    def suml(self, at: Place, x: str) -> _Code:
        add = _each(at.args[0].lanes, f"v{at.index}[0] += {x};")
        return _Code([*self._declared(at), f"v{at.index}[0] = 0;", *add])

    def maxl(self, at: Place, x: str) -> _Code:
        compare = _each(at.args[0].lanes, f"if ({x} > v{at.index}[0]) v{at.index}[0] = {x};")
        return _Code([*self._declared(at), f"v{at.index}[0] = {x.replace(_LANE, '0')};", *compare])

    def sumr(self, at: Place, x: str, rows: int) -> _Code:
        return self._over_rows(at, "0", f"v{at.index}[@] += {x};")

    def maxr(self, at: Place, x: str) -> _Code:
        return self._over_rows(at, f"{at.node.low}LL", f"if ({x} > v{at.index}[@]) v{at.index}[@] = {x};")

    def _over_rows(self, at: Place, first: str, each_row: str) -> _Code:
        start = (*self._declared(at), *_each(at.node.lanes, f"v{at.index}[@] = {first};"))
        return _Code(_each(at.node.lanes, each_row), start)

    def lane(self, at: Place, x: str, index: int) -> _Code:
        return self._lanes(at, x.replace(_LANE, str(index)))

    def stack(self, at: Place, *parts: str) -> _Code:
        return _Code([*self._declared(at), *(f"v{at.index}[{i}] = {part};" for i, part in enumerate(parts))])


def _cast(at: Place, expression: str) -> str:
    """An expression in the width of the result."""
    return f"ap_int<{width(at.node)}>({expression})"


def _proof(name: str, node: Node) -> str:
    """Assertion that the type of a variable holds the proven interval of its value."""
    ends = f"{node.low}LL, {node.high}LL"
    return f'static_assert(tritag::holds<decltype({name})>({ends}), "{name} must hold its proven interval");'


def _each(lanes: int, statement: str) -> list[str]:
    """The statement for every lane: @ becomes the lane's index."""
    if lanes == 1:
        return [statement.replace(_LANE, "0")]
    return [
        f"for (int lane = 0; lane < {lanes}; lane++) {{",
        "    #pragma HLS UNROLL",
        f"    {statement.replace(_LANE, 'lane')}",
        "}",
    ]
