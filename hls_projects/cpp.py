"""Integer programs as C++ for HLS: fixed loop bounds, no data-dependent exits, exact ap_int widths.

A program becomes one function and its row functions. The instructions fall into passes over the rows: a pass ends where
a later value needs a sum over all rows. What a pass does to one row is a function of its own, which is not inlined and
has a pipeline of its own; the op's function calls it once for each row and limits its instances. A pipeline at the top
of a project unrolls every loop below it: the loop over the rows becomes calls of one shared circuit, not copies of it.
hls4ml shares its softmax over the rows of an attention in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from tritag.hls_projects.cpp_statements import LANE, Statements, each, proof, width
from tritag.quant.formats.fixed import int_bits
from tritag.quant.integer.emitter import Place
from tritag.quant.integer.passes import OVER_ROWS, pass_times
from tritag.quant.integer.program import Node, Port
from tritag.quant.ops.op import BoundProgram

_INDENT = "    "


def op_function(bound: BoundProgram, rows: int, name: str = "") -> str:
    """C++ of an op: the function template ``nnet::<name>`` (its type by default), and its row functions before it.

    Arguments are inputs, outputs, tables. ``CONFIG_T`` says how they share hardware: ``interval`` and ``row_interval``,
    the cycles between two jets and between two rows, and ``row_units``, the most instances of a row function.
    """
    return _FunctionWriter(bound, rows, name or bound.op_type).text()


@dataclass(frozen=True)
class _Argument:
    """An argument of a row function: as it is declared there, and what the op's function gives for a row."""

    declared: str
    given: str


class _FunctionWriter(Statements):
    """Writes one op."""

    def __init__(self, bound: BoundProgram, rows: int, name: str) -> None:
        super().__init__(bound.program)
        self.name, self.rows = name, rows
        self.times = pass_times(self.program)
        self.stored = self._crossing()
        self.in_row = False

    def text(self) -> str:
        program = self.program
        types = [f"{p.name}_T" for p in (*program.inputs, *program.outputs)] + [f"{t}_T" for t in program.tables]
        template = f"template <{', '.join([*(f'class {t}' for t in types), 'class CONFIG_T'])}>"
        arguments = [f"{p.name}_T {p.name}[{self._size(p.node)}]" for p in (*program.inputs, *program.outputs)]
        passes = [time for time in range(0, max(self.times) + 1, 2) if self._members(time)]
        lines = [f"// {program.name}: {self.rows} rows; specified in docs/ops/"]
        if passes:
            lines += [f"{template} struct {self.name}_rows {{"]
            lines += [_INDENT + line for time in passes for line in self._row_function(time)] + ["};", ""]
        lines += [template, f"void {self.name}(", *_listed([*arguments, *self._tables()], ") {")]
        lines += [_INDENT + line for line in self._body(passes, ", ".join([*types, "CONFIG_T"]))] + ["}"]
        return "\n".join(lines) + "\n"

    def _body(self, passes: list[int], types: str) -> Iterator[str]:
        yield "#pragma HLS PIPELINE II=CONFIG_T::interval"
        if passes:
            yield f"typedef {self.name}_rows<{types}> Rows;"
        for time in passes:
            yield f"#pragma HLS ALLOCATION function instances=Rows::pass{time // 2} limit=CONFIG_T::row_units"
        yield from self._checks()
        for index in self.stored:
            node = self.program.nodes[index]
            yield f"ap_int<{width(node)}> a{index}[{self.rows}][{node.lanes}];"
            yield proof(f"a{index}", node)
            yield f"#pragma HLS ARRAY_PARTITION variable=a{index} complete dim=0"
        for time in range(-1, max(self.times) + 1):
            if time in passes:
                yield from self._loop(time)
            elif time % 2:
                for index in self._members(time):
                    if self.program.nodes[index].op not in OVER_ROWS:
                        yield from self.emit(index).lines
        for port in self.program.outputs:
            if not self.program.nodes[port.node].per_row:
                yield from self._write(port)

    def _members(self, time: int) -> list[int]:
        return [i for i, t in enumerate(self.times) if t == time]

    def _tables(self) -> list[str]:
        return [f"{name}_T {name}[{len(table)}]" for name, table in self.program.tables.items()]

    def _checks(self) -> Iterator[str]:
        for ports, sign, must in ((self.program.inputs, "<=", "fit"), (self.program.outputs, ">=", "hold")):
            for port in ports:
                node = self.program.nodes[port.node]
                bits = max(int_bits(node.low, node.high), 1)
                yield (
                    f"static_assert({port.name}_T::width {sign} {bits}, "
                    f'"{self.program.name}.{port.name} must {must} the proven interval");'
                )

    def _size(self, index: int) -> int:
        node = self.program.nodes[index]
        return node.lanes * (self.rows if node.per_row else 1)

    def _crossing(self) -> list[int]:
        """Per-row values that a later pass reads: they are kept in arrays."""
        return sorted(
            {a for i, node in enumerate(self.program.nodes) if node.op not in OVER_ROWS for a in self._earlier(i, node)}
        )

    def _earlier(self, index: int, node: Node) -> list[int]:
        """Per-row operands of an instruction that stem from an earlier pass."""
        return [a for a in node.args if self.program.nodes[a].per_row and self.times[a] < self.times[index]]

    def _over_rows(self, time: int) -> list[int]:
        """Instructions over the rows that the pass at ``time`` ends with."""
        return [i for i in self._members(time + 1) if self.program.nodes[i].op in OVER_ROWS]

    def _results(self, time: int) -> list[int]:
        """Values of the pass that are read behind it."""
        read = {a for i in self._over_rows(time) for a in self.program.nodes[i].args if self.program.nodes[a].per_row}
        return [i for i in self._members(time) if i in read or i in self.stored]

    def _ports(self, ports: tuple[Port, ...] | list[Port], time: int) -> list[Port]:
        return [p for p in ports if self.program.nodes[p.node].per_row and self.times[p.node] == time]

    def _constants(self, time: int) -> list[int]:
        """Constants of several lanes that the pass reads."""
        nodes = self.program.nodes
        read = {a for i in self._members(time) for a in nodes[i].args if nodes[a].op == "const" and nodes[a].lanes > 1}
        return sorted(read)

    def _arguments(self, time: int) -> list[_Argument]:
        """What goes into the row function of the pass at ``time`` and what comes out of it."""
        nodes, members = self.program.nodes, self._members(time)
        found = [_Argument("int row", "row")] if any(nodes[i].op == "row" for i in members) else []
        for port in self._ports(self.program.inputs, time):
            found.append(_Argument(f"{port.name}_T {port.name}[{nodes[port.node].lanes}]", f"{port.name}_row"))
        kept = sorted({a for i in members for a in self._earlier(i, nodes[i])})
        found += [_Argument(f"ap_int<{width(nodes[a])}> a{a}[{nodes[a].lanes}]", f"a{a}[row]") for a in kept]
        for a in sorted({a for i in members for a in nodes[i].args if not nodes[a].per_row}):
            if nodes[a].op != "const":
                found.append(_Argument(f"ap_int<{width(nodes[a])}> v{a}[{nodes[a].lanes}]", f"v{a}"))
        found += [_Argument(f"ap_int<{width(nodes[i])}> r{i}[{nodes[i].lanes}]", f"r{i}") for i in self._results(time)]
        for port in self._ports(self.program.outputs, time):
            found.append(_Argument(f"{port.name}_T {port.name}[{nodes[port.node].lanes}]", f"{port.name}_row"))
        read = {self.program.table_names[nodes[i].params[0]] for i in members if nodes[i].op == "lookup"}
        return found + [
            _Argument(f"{name}_T {name}[{len(table)}]", name)
            for name, table in self.program.tables.items()
            if name in read
        ]

    def _row_function(self, time: int) -> list[str]:
        self.in_row = True
        nodes = self.program.nodes
        lines = [f"static void pass{time // 2}("]
        lines += _listed([a.declared for a in self._arguments(time)], ") {")
        body = ["#pragma HLS INLINE off", "#pragma HLS PIPELINE II=CONFIG_T::row_interval"]
        for index in [*self._constants(time), *self._members(time)]:
            body += self.emit(index).lines
        for index in self._results(time):
            body += each(nodes[index].lanes, f"r{index}[@] = v{index}[@];")
        for port in self._ports(self.program.outputs, time):
            body += self._write(port)
        self.in_row = False
        return [*lines, *(_INDENT + line for line in body), "}"]

    def _loop(self, time: int) -> Iterator[str]:
        """The calls of a row function, and what is collected from them."""
        nodes = self.program.nodes
        collected = [self.emit(index) for index in self._over_rows(time)]
        for code in collected:
            yield from code.start
        yield f"{self.program.name}_pass{time // 2}:"
        yield f"for (int row = 0; row < {self.rows}; row++) {{"
        inner = ["#pragma HLS UNROLL"]
        results, inputs, outputs = self._results(time), self.program.inputs, self.program.outputs
        for port in self._ports([*inputs, *outputs], time):
            inner += _partitioned(f"{port.name}_T", f"{port.name}_row", nodes[port.node].lanes)
        for index in results:
            inner += _partitioned(f"ap_int<{width(nodes[index])}>", f"r{index}", nodes[index].lanes)
        for port in self._ports(inputs, time):
            lanes = nodes[port.node].lanes
            inner += each(lanes, f"{port.name}_row[@] = {port.name}[row * {lanes} + @];")
        inner.append(f"Rows::pass{time // 2}({', '.join(a.given for a in self._arguments(time))});")
        for index in results:
            if index in self.stored:
                inner += each(nodes[index].lanes, f"a{index}[row][@] = r{index}[@];")
        for code in collected:
            inner += code.lines
        for port in self._ports(outputs, time):
            lanes = nodes[port.node].lanes
            inner += each(lanes, f"{port.name}[row * {lanes} + @] = {port.name}_row[@];")
        yield from (_INDENT + line for line in inner)
        yield "}"

    def _write(self, port: Port) -> list[str]:
        lanes = self.program.nodes[port.node].lanes
        return each(lanes, f"{port.name}[@] = tritag::value<{port.name}_T>(v{port.node}[@]);")

    def operand(self, index: int, at: Place) -> str:
        """Give the C++ expression that reads the operand in a row function, in a loop over rows or outside of both."""
        node = self.program.nodes[index]
        lane = "0" if node.lanes == 1 else LANE
        if node.op == "const":
            return f"ap_int<{width(node)}>({node.params[0]}LL)" if node.lanes == 1 else f"c{index}[{lane}]"
        if not node.per_row:
            return f"v{index}[{lane}]"
        if not self.in_row:
            return f"r{index}[{lane}]"
        return f"{'a' if self.times[index] < self.times[at.index] else 'v'}{index}[{lane}]"


def _listed(arguments: list[str], end: str) -> list[str]:
    """Arguments, a line each; ``end`` follows the last."""
    return [f"{_INDENT}{argument}," for argument in arguments[:-1]] + [f"{_INDENT}{arguments[-1]}{end}"]


def _partitioned(kind: str, name: str, lanes: int) -> list[str]:
    return [f"{kind} {name}[{lanes}];", f"#pragma HLS ARRAY_PARTITION variable={name} complete dim=0"]


__all__ = ["op_function", "width"]
