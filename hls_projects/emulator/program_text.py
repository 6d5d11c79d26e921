"""An integer program as a C++ function on vectors of jets.

Every value is a vector with one element a jet: of 32 bits where its proven interval fits, else of 64. Instructions run
in the passes over the rows that firmware has (:func:`tritag.quant.integer.passes.pass_times`); within a row, those with
equally many lanes share a loop over the lanes, in which their values stay in registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tritag.hls_projects.emulator.expressions import ELEMENTS, Expressions, literal, vector_type
from tritag.quant.integer.passes import OVER_ROWS, pass_times
from tritag.quant.integer.program import Program
from tritag.quant.ops.op import BoundProgram


@dataclass
class ProgramText:
    """Text of one op's function.

    Attributes
    ----------
    name : str
        Its name; a C identifier.
    rows : int
        Rows of its per-row values.
    scratch_words : int
        Memory of the values that a later pass reads, in 32-bit words for each jet (known after :meth:`text`).
    """

    bound: BoundProgram
    rows: int
    name: str
    scratch_words: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.program: Program = self.bound.program
        self.times = pass_times(self.program)
        self.readers: dict[int, list[int]] = {}
        for index, node in enumerate(self.program.nodes):
            for a in node.args:
                self.readers.setdefault(a, []).append(index)
        self.outputs = {port.node: port.name for port in self.program.outputs}
        self.expressions = Expressions(self.program)

    def text(self) -> str:
        """The function ``void name(inputs, outputs, scratch)``; tensors are (rows, lanes) of v32."""
        self._place_crossing()
        arguments = [f"const v32 *__restrict {name}" for name in self.expressions.inputs.values()]
        arguments += [f"v32 *__restrict {name}" for name in self.outputs.values()]
        lines = [f"void {self.name}({', '.join(arguments)}, int32 *scratch) {{"]
        body = [*self._tables(), *self._constants(), *self._crossing_arrays()]
        for time in range(-1, max(self.times) + 1):
            members = [i for i, t in enumerate(self.times) if t == time and self._is_computed(i)]
            if time % 2:
                body += [*self._declare(members), *self._groups(members)]
            else:
                body += self._pass(members, time)
        body += self._rest_of_outputs()
        return "\n".join([*lines, *("    " + line for line in body), "}", ""])

    # what stands before the passes

    def _is_computed(self, index: int) -> bool:
        return self.program.nodes[index].op not in OVER_ROWS and not self.expressions.is_free(index)

    def _tables(self) -> Iterator[str]:
        for number, table in enumerate(self.program.tables.values()):
            entries = ", ".join(literal(v) for v in table)
            kind = "int16" if min(table) >= -(2**15) and max(table) < 2**15 else ELEMENTS[vector_type(*table)]
            yield f"static const {kind} table{number}[{len(table)}] = {{{entries}}};"

    def _constants(self) -> Iterator[str]:
        for index, node in enumerate(self.program.nodes):
            if node.op == "const" and node.lanes > 1:
                entries = ", ".join(literal(v) for v in node.params)
                yield f"static const {ELEMENTS[self.expressions.type(index)]} c{index}[{node.lanes}] = {{{entries}}};"

    def _place_crossing(self) -> None:
        """Give per-row values that a later pass reads their place in the scratch memory."""
        offset = 0
        for index, node in enumerate(self.program.nodes):
            later = any(self.times[r] > self.times[index] for r in self._true_readers(index))
            if node.per_row and self._is_computed(index) and later:
                self.expressions.crossing[index] = offset
                offset += self.rows * node.lanes * (1 if self.expressions.type(index) == "v32" else 2)
        self.scratch_words = offset

    def _true_readers(self, index: int) -> list[int]:
        """Instructions that read the value row by row; a sum over rows is made in the pass of the value itself."""
        return [r for r in self.readers.get(index, []) if self.program.nodes[r].op not in OVER_ROWS]

    def _crossing_arrays(self) -> Iterator[str]:
        for index, offset in self.expressions.crossing.items():
            kind, lanes = self.expressions.type(index), self.program.nodes[index].lanes
            yield f"{kind} (*a{index})[{lanes}] = ({kind} (*)[{lanes}])(scratch + {offset}L * B);"

    # passes over the rows

    def _pass(self, members: list[int], time: int) -> list[str]:
        sums = [i for i, n in enumerate(self.program.nodes) if n.op in OVER_ROWS and self.times[i] == time + 1]
        if not members and not sums:
            return []
        lines = [*self._declare(sums)]
        for index in sums:
            node = self.program.nodes[index]
            start = f"all<{self.expressions.type(index)}>({0 if node.op == 'sumr' else literal(node.low)})"
            lines += self._over_lanes(node.lanes, [f"s{index}[{{lane}}] = {start};"])
        lines.append(f"for (long row = 0; row < {self.rows}; row++) {{")
        inner = [*self._declare(members), *self._groups(members)]
        self.expressions.inside = set()
        for index in sums:
            node = self.program.nodes[index]
            (total,) = self.expressions.emit(index)
            inner += self._over_lanes(node.lanes, [f"s{index}[{{lane}}] = {total};"])
        return [*lines, *("    " + line for line in inner), "}"]

    def _rest_of_outputs(self) -> list[str]:
        """Outputs that no instruction of a pass wrote: sums over rows, and inputs that are handed through."""
        lines: list[str] = []
        self.expressions.inside = set()
        for index, name in self.outputs.items():
            node = self.program.nodes[index]
            if self._is_computed(index):
                continue
            row = f"row * {node.lanes} + " if node.per_row else ""
            copy = f"{name}[{row}{{lane}}] = to<v32>({self.expressions.read(index)});"
            loop = self._over_lanes(node.lanes, [copy])
            if node.per_row:
                loop = [f"for (long row = 0; row < {self.rows}; row++) {{", *("    " + line for line in loop), "}"]
            lines += loop
        return lines

    def _declare(self, members: Sequence[int]) -> list[str]:
        lines = []
        for index in members:
            if index not in self.expressions.crossing:
                lines.append(f"{self.expressions.type(index)} s{index}[{self.program.nodes[index].lanes}];")
        return lines

    def _groups(self, members: list[int]) -> list[str]:
        """Instructions of one pass, those with equally many lanes together as far as their order allows."""
        lines: list[str] = []
        waiting = list(members)
        while waiting:
            lanes = self._loop_lanes(waiting[0])
            group: list[int] = []
            blocked: set[int] = set()
            for index in waiting:
                if self._loop_lanes(index) != lanes or any(a in blocked for a in self.program.nodes[index].args):
                    blocked.add(index)
                else:
                    group.append(index)
            waiting = [i for i in waiting if i in blocked]
            lines += self._group(group, lanes)
        return lines

    def _loop_lanes(self, index: int) -> int:
        """Lanes of the loop in which an instruction stands: a stack is written lane by lane."""
        node = self.program.nodes[index]
        return 1 if node.op == "stack" else node.lanes

    def _group(self, group: list[int], lanes: int) -> list[str]:
        inside = {i for i in group if self.program.nodes[i].op != "stack"}
        self.expressions.inside = inside
        statements: list[str] = []
        for index in group:
            results = self.expressions.emit(index)
            if self.program.nodes[index].op == "stack":
                for lane, result in enumerate(results):
                    statements += self._stores(index, str(lane), result, always=True)
                continue
            statements.append(f"const {self.expressions.type(index)} t{index} = {results[0]};")
            read_outside = any(r not in group for r in self.readers.get(index, []))
            statements += self._stores(index, "{lane}", f"t{index}", always=read_outside)
        return self._over_lanes(lanes, statements)

    def _stores(self, index: int, lane: str, value: str, always: bool) -> list[str]:
        node = self.program.nodes[index]
        lines = []
        if index in self.expressions.crossing:
            lines.append(f"a{index}[row][{lane}] = to<{self.expressions.type(index)}>({value});")
        elif always:
            lines.append(f"s{index}[{lane}] = to<{self.expressions.type(index)}>({value});")
        if index in self.outputs:
            row = f"row * {node.lanes} + " if node.per_row else ""
            lines.append(f"{self.outputs[index]}[{row}{lane}] = to<v32>({value});")
        return lines

    @staticmethod
    def _over_lanes(lanes: int, statements: list[str]) -> list[str]:
        if lanes == 1:
            return [s.replace("{lane}", "0") for s in statements]
        inner = ["    " + s.replace("{lane}", "lane") for s in statements]
        return [f"for (long lane = 0; lane < {lanes}; lane++) {{", *inner, "}"]
