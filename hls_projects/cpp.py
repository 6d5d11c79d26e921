"""Integer programs as C++ for HLS: fixed loop bounds, no data-dependent exits, exact ap_int widths.

A program becomes one function. Its instructions fall into passes over the rows: a pass ends where a later value needs
a sum over all rows. Each pass is one loop with one shared body, so that ``PIPELINE II`` decides how far the hardware
is time-shared over the rows.
"""

from __future__ import annotations

from collections.abc import Iterator

from tritag.quant.formats.fixed import int_bits
from tritag.quant.integer.passes import OVER_ROWS, pass_times
from tritag.quant.integer.program import Node, Port
from tritag.quant.ops.op import BoundProgram

# Placeholder of the lane's index in statements that are repeated for every lane.
_LANE = "@"
# Instructions that end a pass over the rows.
_OPERATORS = {"add": "+", "sub": "-", "mul": "*"}


def width(node: Node) -> int:
    """Bits of the signed C++ integer that holds every value of ``node``."""
    return max(int_bits(min(node.low, -1), node.high), 2)


def op_function(bound: BoundProgram, rows: int, name: str = "") -> str:
    """C++ function template ``nnet::<name>`` of an op (its type by default); arguments are inputs, outputs, tables."""
    return _FunctionWriter(bound, rows, name or bound.op_type).text()


class _FunctionWriter:
    def __init__(self, bound: BoundProgram, rows: int, name: str) -> None:
        self.name, self.program, self.rows = name, bound.program, rows
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
                    body += self._statement(index)
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
        lines = []
        over_rows = [
            i for i, n in enumerate(self.program.nodes) if n.op in OVER_ROWS and self.times[i] == 2 * number + 1
        ]
        for index in over_rows:
            node = self.program.nodes[index]
            start = "0" if node.op == "sumr" else f"{node.low}LL"
            lines += [f"ap_int<{width(node)}> v{index}[{node.lanes}];", _proof(f"v{index}", node)]
            lines += _each(node.lanes, f"v{index}[@] = {start};")
        lines.append(f"{self.program.name}_pass{number}:")
        lines.append(f"for (int row = 0; row < {self.rows}; row++) {{")
        lines.append("    #pragma HLS PIPELINE II=CONFIG_T::row_interval")
        inner: list[str] = []
        for index in members:
            inner += self._statement(index)
            if index in self.stored:
                inner += _each(self.program.nodes[index].lanes, f"a{index}[row][@] = v{index}[@];")
        for index in over_rows:
            node = self.program.nodes[index]
            value = self._read(node.args[0], 2 * number)
            larger = f"if ({value} > v{index}[@]) v{index}[@] = {value};"
            inner += _each(node.lanes, f"v{index}[@] += {value};" if node.op == "sumr" else larger)
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

    def _read(self, index: int, time: int) -> str:
        """Expression of a value, seen from an instruction at ``time``; @ stands for the lane."""
        node = self.program.nodes[index]
        lane = "0" if node.lanes == 1 else _LANE
        if node.op == "const":
            return f"ap_int<{width(node)}>({node.params[0]}LL)" if node.lanes == 1 else f"c{index}[{lane}]"
        if node.per_row and self.times[index] < time:
            return f"a{index}[row][{lane}]"
        return f"v{index}[{lane}]"

    def _statement(self, index: int) -> list[str]:
        node = self.program.nodes[index]
        if node.op in OVER_ROWS or (node.op == "const" and node.lanes == 1):
            return []
        if node.op == "const":
            values = ", ".join(f"{v}LL" for v in node.params)
            return [f"const ap_int<{width(node)}> c{index}[{node.lanes}] = {{{values}}};"]
        declare = [f"ap_int<{width(node)}> v{index}[{node.lanes}];", _proof(f"v{index}", node)]
        reads = [self._read(a, self.times[index]) for a in node.args]
        if node.op in ("suml", "maxl"):
            lanes = self.program.nodes[node.args[0]].lanes
            first, each = reads[0].replace(_LANE, "0"), reads[0]
            if node.op == "suml":
                return [*declare, f"v{index}[0] = 0;", *_each(lanes, f"v{index}[0] += {each};")]
            return [
                *declare,
                f"v{index}[0] = {first};",
                *_each(lanes, f"if ({each} > v{index}[0]) v{index}[0] = {each};"),
            ]
        if node.op == "stack":
            return [*declare, *(f"v{index}[{i}] = {read};" for i, read in enumerate(reads))]
        return [*declare, *_each(node.lanes, f"v{index}[@] = {self._expression(index, reads)};")]

    def _expression(self, index: int, x: list[str]) -> str:
        node = self.program.nodes[index]
        args = [self.program.nodes[a] for a in node.args]
        bits, params, name = width(node), node.params, node.op
        if name == "input":
            port = next(p.name for p in self.program.inputs if p.node == index)
            return f"tritag::code({port}[{f'row * {node.lanes} + @' if node.per_row else '@'}])"
        if name == "row":
            return "row"
        if name in _OPERATORS:
            return f"{x[0]} {_OPERATORS[name]} {x[1]}"
        if name == "shl":
            return f"ap_int<{bits}>({x[0]}) << {params[0]}"
        if name == "shlv":
            return f"ap_int<{bits}>({x[0]}) << {x[1]}.to_int()"
        if name == "shr":
            return f"{x[0]} >> {params[0]}"
        if name == "rsh":
            return f"tritag::round_shift<{bits}, {params[0]}>({x[0]}, {params[0]})"
        if name == "rshv":
            return f"tritag::round_shift<{bits}, {args[1].high}>({x[0]}, {x[1]}.to_int())"
        if name == "clip":
            return f"tritag::clip<{bits}>({x[0]}, {params[0]}LL, {params[1]}LL)"
        if name in ("max", "min"):
            return f"{x[0]} {'>' if name == 'max' else '<'} {x[1]} ? ap_int<{bits}>({x[0]}) : ap_int<{bits}>({x[1]})"
        if name == "abs":
            return f"{x[0]} < 0 ? ap_int<{bits}>(-{x[0]}) : ap_int<{bits}>({x[0]})"
        if name in ("lt", "eq"):
            return f"{x[0]} {'<' if name == 'lt' else '=='} {x[1]} ? 1 : 0"
        if name == "select":
            return f"{x[0]} == 1 ? ap_int<{bits}>({x[1]}) : ap_int<{bits}>({x[2]})"
        if name == "lead":
            return f"tritag::leading<{bits}>({x[0]})"
        if name == "norm":
            return f"tritag::normalized<{bits}, {params[0]}>({x[0]})"
        if name == "align":
            return f"tritag::aligned<{bits}, {params[0]}, {max(args[1].high, 1)}>({x[0]}, {x[1]}.to_int())"
        if name == "lookup":
            return f"tritag::code({self.program.table_names[params[0]]}[{x[0]}.to_int()])"
        if name == "lane":
            return x[0].replace(_LANE, str(params[0]))
        raise NotImplementedError(f"instruction {name} has no C++ form")


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
