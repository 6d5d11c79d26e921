"""Integer programs as C++ for HLS: fixed loop bounds, no data-dependent exits, exact ap_int widths.

A program becomes one function. Its instructions fall into passes over the rows: a pass ends where a later value needs
a sum over all rows. Each pass is one loop with one shared body, so that ``PIPELINE II`` decides how far the hardware
is time-shared over the rows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tritag.quant.fixed import int_bits
from tritag.quant.integer.program import Node, Program
from tritag.quant.ops.op import BoundProgram


def width(node: Node) -> int:
    """Bits of the signed C++ integer that holds every value of ``node``."""
    return max(int_bits(min(node.low, -1), node.high), 2)


def op_function(bound: BoundProgram, rows: int) -> str:
    """C++ function template ``nnet::<op_type>`` of an op; arguments are inputs, outputs, tables."""
    return _FunctionWriter(bound, rows).text()


class _FunctionWriter:
    def __init__(self, bound: BoundProgram, rows: int) -> None:
        self.bound, self.program, self.rows = bound, bound.program, rows
        self.times = _times(self.program)
        self.stored = self._crossing()

    def text(self) -> str:
        program = self.program
        ports = [*program.inputs, *program.outputs]
        types = [f"class {p.name}_T" for p in ports] + [f"class {t}_T" for t in program.tables]
        arguments = [f"{p.name}_T {p.name}[{self._size(p.node)}]" for p in ports]
        arguments += [f"{name}_T {name}[{len(table)}]" for name, table in program.tables.items()]
        lines = [
            f"// {program.name}: {self.rows} rows; see docs/ops/{program.name}.md",
            f"template <{', '.join([*types, 'class CONFIG_T'])}>",
            f"void {self.bound.op_type}(",
            "    " + ",\n    ".join(arguments) + ") {",
        ]
        body = list(self._checks())
        for index in self.stored:
            node = program.nodes[index]
            body.append(f"ap_int<{width(node)}> a{index}[{self.rows}][{node.lanes}];")
            body.append(f"#pragma HLS ARRAY_PARTITION variable=a{index} complete dim=0")
        last = max(self.times)
        for time in range(-1, last + 1):
            members = [i for i, t in enumerate(self.times) if t == time]
            if time % 2:
                for index in members:
                    body += self._statement(index, False)
            elif members:
                body += self._loop(members, time // 2)
        body += self._jet_outputs()
        lines += ["    " + line for line in body] + ["}"]
        return "\n".join(lines) + "\n"

    def _checks(self) -> Iterator[str]:
        for port in self.program.inputs:
            node = self.program.nodes[port.node]
            bits = int_bits(node.low, node.high)
            yield (
                f"static_assert({port.name}_T::width <= {bits}, "
                f'"{self.program.name}.{port.name} must fit the proven interval");'
            )
        for port in self.program.outputs:
            node = self.program.nodes[port.node]
            bits = int_bits(node.low, node.high)
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
                if source.per_row and node.op != "sumr" and self.times[a] < self.times[index]:
                    found.add(a)
        return sorted(found)

    def _loop(self, members: list[int], number: int) -> Iterator[str] | list[str]:
        lines = []
        sums = [i for i, n in enumerate(self.program.nodes) if n.op == "sumr" and self.times[i] == 2 * number + 1]
        for index in sums:
            node = self.program.nodes[index]
            lines.append(f"ap_int<{width(node)}> v{index}[{node.lanes}];")
            lines += _each(node.lanes, lambda lane, i=index: f"v{i}[{lane}] = 0;")
        lines.append(f"{self.program.name}_pass{number}:")
        lines.append(f"for (int row = 0; row < {self.rows}; row++) {{")
        lines.append("    #pragma HLS PIPELINE II=CONFIG_T::row_interval")
        # Values of an earlier pass or of an input that this pass reads.
        inner: list[str] = []
        for index in members:
            inner += self._statement(index, True)
            if index in self.stored:
                node = self.program.nodes[index]
                inner += _each(node.lanes, lambda lane, i=index: f"a{i}[row][{lane}] = v{i}[{lane}];")
        for index in sums:
            node = self.program.nodes[index]
            source = self._read(node.args[0], 2 * number)
            inner += _each(node.lanes, lambda lane, i=index, s=source: f"v{i}[{lane}] += {s(lane)};")
        for port in self.program.outputs:
            node = self.program.nodes[port.node]
            if node.per_row and self.times[port.node] == 2 * number:
                inner += _each(
                    node.lanes,
                    lambda lane, p=port, n=node: (
                        f"{p.name}[row * {n.lanes} + {lane}] = tritag::value<{p.name}_T>(v{p.node}[{lane}]);"
                    ),
                )
        lines += ["    " + line for line in inner] + ["}"]
        return lines

    def _jet_outputs(self) -> list[str]:
        lines: list[str] = []
        for port in self.program.outputs:
            node = self.program.nodes[port.node]
            if not node.per_row:
                lines += _each(
                    node.lanes,
                    lambda lane, p=port: f"{p.name}[{lane}] = tritag::value<{p.name}_T>(v{p.node}[{lane}]);",
                )
        return lines

    def _read(self, index: int, time: int) -> Callable[[str], str]:
        """Expression of a value's lane, seen from an instruction at ``time``."""
        node = self.program.nodes[index]
        scalar = node.lanes == 1
        if node.op == "const":
            if scalar:
                return lambda lane: f"ap_int<{width(node)}>({node.params[0]}LL)"
            return lambda lane: f"c{index}[{lane}]"
        if node.per_row and self.times[index] < time and index in self.stored:
            return lambda lane: f"a{index}[row][{0 if scalar else lane}]"
        return lambda lane: f"v{index}[{0 if scalar else lane}]"

    def _statement(self, index: int, in_loop: bool) -> list[str]:
        node = self.program.nodes[index]
        if node.op == "sumr" or (node.op == "const" and node.lanes == 1):
            return []
        bits = width(node)
        if node.op == "const":
            values = ", ".join(f"{v}LL" for v in node.params)
            return [f"const ap_int<{bits}> c{index}[{node.lanes}] = {{{values}}};"]
        reads = [self._read(a, self.times[index]) for a in node.args]
        declare = f"ap_int<{bits}> v{index}[{node.lanes}];"
        if node.op in ("suml", "maxl"):
            return [declare, *self._reduction(index, node, reads[0])]
        if node.op == "stack":
            return [declare, *(f"v{index}[{i}] = {read('0')};" for i, read in enumerate(reads))]
        args = [self.program.nodes[a] for a in node.args]
        return [declare, *_each(node.lanes, lambda lane: f"v{index}[{lane}] = {self._expression(index, args, reads, lane)};")]

    def _reduction(self, index: int, node: Node, read: Callable[[str], str]) -> list[str]:
        lanes = self.program.nodes[node.args[0]].lanes
        start = "0" if node.op == "suml" else read("0")
        step = f"v{index}[0] += {read('lane')};"
        if node.op == "maxl":
            step = f"if ({read('lane')} > v{index}[0]) v{index}[0] = {read('lane')};"
        return [f"v{index}[0] = {start};", f"for (int lane = 0; lane < {lanes}; lane++) {{", "    #pragma HLS UNROLL", f"    {step}", "}"]

    def _expression(self, index: int, args: list[Node], reads: list[Callable[[str], str]], lane: str) -> str:
        node = self.program.nodes[index]
        bits = width(node)
        x = [read(lane) for read in reads]
        name = node.op
        if name == "input":
            port = next(p.name for p in self.program.inputs if p.node == index)
            where = lane if not node.per_row else (f"row * {node.lanes} + {lane}" if node.lanes > 1 else "row")
            return f"tritag::code({port}[{where}])"
        if name == "row":
            return "row"
        if name in ("add", "sub", "mul"):
            return f"{x[0]} {dict(add='+', sub='-', mul='*')[name]} {x[1]}"
        if name == "shl":
            return f"ap_int<{bits}>({x[0]}) << {node.params[0]}"
        if name == "shlv":
            return f"ap_int<{bits}>({x[0]}) << {x[1]}.to_int()"
        if name == "shr":
            return f"{x[0]} >> {node.params[0]}"
        if name == "rsh":
            return f"tritag::round_shift<{bits}, {node.params[0]}>({x[0]}, {node.params[0]})"
        if name == "rshv":
            return f"tritag::round_shift<{bits}, {args[1].high}>({x[0]}, {x[1]}.to_int())"
        if name == "clip":
            return f"tritag::clip<{bits}>({x[0]}, {node.params[0]}LL, {node.params[1]}LL)"
        if name in ("max", "min"):
            compare = ">" if name == "max" else "<"
            return f"{x[0]} {compare} {x[1]} ? ap_int<{bits}>({x[0]}) : ap_int<{bits}>({x[1]})"
        if name == "abs":
            return f"{x[0]} < 0 ? ap_int<{bits}>(-{x[0]}) : ap_int<{bits}>({x[0]})"
        if name in ("lt", "eq"):
            return f"{x[0]} {'<' if name == 'lt' else '=='} {x[1]} ? 1 : 0"
        if name == "select":
            return f"{x[0]} == 1 ? ap_int<{bits}>({x[1]}) : ap_int<{bits}>({x[2]})"
        if name == "lead":
            return f"tritag::leading<{bits}>({x[0]})"
        if name == "norm":
            return f"tritag::normalized<{bits}, {node.params[0]}>({x[0]})"
        if name == "lookup":
            return f"tritag::code({self.program.table_names[node.params[0]]}[{x[0]}.to_int()])"
        if name == "lane":
            return reads[0](str(node.params[0]))
        raise NotImplementedError(name)


def _each(lanes: int, statement: Callable[[str], str]) -> list[str]:
    if lanes == 1:
        return [statement("0")]
    return [f"for (int lane = 0; lane < {lanes}; lane++) {{", "    #pragma HLS UNROLL", f"    {statement('lane')}", "}"]


def _times(program: Program) -> list[int]:
    """Pass of each instruction: per-row values at even times 2p (pass p), jet values at odd times before it."""
    times: list[int] = []
    for node in program.nodes:
        earliest = max((times[a] + (1 if node.op == "sumr" else 0) for a in node.args), default=-1)
        if node.per_row:
            earliest = max(earliest, 0)
            earliest += earliest % 2
        elif earliest % 2 == 0:
            earliest += 1
        times.append(earliest)
    return times
