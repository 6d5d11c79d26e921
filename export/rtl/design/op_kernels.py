"""An op as kernels: one of rows for every pass of its program, one of the jet between passes, and reductions."""

from __future__ import annotations

from dataclasses import dataclass

from tritag.export.rtl.design.layout import Layout
from tritag.export.rtl.design.pieces import Draft, Tensor, common_layout
from tritag.export.rtl.design.programs import Body
from tritag.export.rtl.design.reduce import first_of_rows, reduced
from tritag.export.rtl.text.signals import Signal, constant
from tritag.quant.integer.passes import OVER_ROWS, pass_times
from tritag.quant.integer.program import Program

# Signals of an instruction's lane: one per instance for a row's value, a single one for a jet's.
Values = dict[tuple[int, int], list[Signal]]


def place_program(draft: Draft, name: str, program: Program, rows: int, sources: list[Tensor]) -> list[Tensor]:
    """Place an integer program of ``rows`` rows and give its outputs, ``sources`` being those of its inputs in order.

    Raises
    ------
    ExportError
        The rows of the inputs do not come in the same order.
    """
    moving = [program.nodes[p.node].per_row for p in program.inputs]
    sources = draft.in_step(sources, moving, rows)
    layout = common_layout(name, [s for s, moves in zip(sources, moving, strict=True) if moves])
    sub = rows // layout.rows if layout else 1
    instances = layout.slots * sub if layout else 1
    times = pass_times(program)
    values: Values = {}
    for port, source in zip(program.inputs, sources, strict=True):
        lanes = program.nodes[port.node].lanes
        for lane in range(lanes):
            if source.layout is None:
                values[port.node, lane] = [source.cells[0][lane]]
            else:
                values[port.node, lane] = [source.cells[i // sub][(i % sub) * lanes + lane] for i in range(instances)]
    wanted = {p.node for p in program.outputs}
    firsts = first_rows(program)
    for index, (node, time) in enumerate(zip(program.nodes, times, strict=True)):
        read = (firsts[index],) if index in firsts else node.args
        wanted.update(a for a in read if times[a] != time or node.op in OVER_ROWS)
    passes = _Passes(draft, name, program, times, layout, sub, values, firsts)
    for time in sorted(set(times)):
        passes.sums(time)
        here = [i for i, t in enumerate(times) if t == time and i in wanted]
        passes.run(time, here)
    results = []
    for output in program.outputs:
        all_lanes = range(program.nodes[output.node].lanes)
        if not program.nodes[output.node].per_row or layout is None:
            results.append(Tensor(None, [[values[output.node, lane][0] for lane in all_lanes]]))
            continue
        slots = range(layout.slots)
        cells = [[values[output.node, n][s * sub + k] for k in range(sub) for n in all_lanes] for s in slots]
        results.append(Tensor(layout, cells))
    return results


def first_rows(program: Program) -> dict[int, int]:
    """Sums over the rows of which all but the first are zero, and the instruction whose first row each of them is."""

    def constant_of(index: int) -> int | None:
        node = program.nodes[index]
        return node.low if node.op == "const" and node.low == node.high else None

    found = {}
    for index, node in enumerate(program.nodes):
        chosen = program.nodes[node.args[0]] if node.op == "sumr" else node
        if node.op != "sumr" or chosen.op != "select" or constant_of(chosen.args[2]) != 0:
            continue
        condition, value = (program.nodes[a] for a in chosen.args[:2])
        if condition.op != "eq" or not value.per_row or value.lanes != node.lanes:
            continue
        row, number = condition.args
        if program.nodes[row].op == "row" and constant_of(number) == 0:
            found[index] = chosen.args[1]
    return found


@dataclass
class _Passes:
    """The kernels of one program while they are placed, pass by pass.

    Attributes
    ----------
    owner : str
        Name of the op.
    times : list of int
        Time of every instruction: even in a pass over the rows, odd between two.
    layout : Layout, optional
        Where the rows are.
    sub : int
        Rows of the program in one row of the layout.
    values : dict
        Signals of every instruction's lane so far.
    firsts : dict
        Sums that are nothing but the first row of another instruction, and that instruction.
    """

    draft: Draft
    owner: str
    program: Program
    times: list[int]
    layout: Layout | None
    sub: int
    values: Values
    firsts: dict[int, int]

    def sums(self, time: int) -> None:
        """Place the reductions over the rows whose result belongs to ``time``."""
        program, layout = self.program, self.layout
        for index, node in enumerate(program.nodes):
            if node.op in OVER_ROWS and self.times[index] == time:
                for lane in range(node.lanes):
                    x = self.values[self.firsts.get(index, node.args[0]), lane]
                    self.values[index, lane] = [x[0] if layout is None else self._over(layout, index, lane, x)]

    def _over(self, layout: Layout, index: int, lane: int, x: list[Signal]) -> Signal:
        """Reduce a lane over the rows; a wire where that is its first row."""
        node, top = self.program.nodes[index], self.draft.top
        name = self.draft.name_of(f"{self.owner}_{node.op}{index}_{lane}")
        if index in self.firsts:
            return first_of_rows(top, name, layout, self.sub, x, node.low, node.high)
        return reduced(top, name, self.owner, node.op, layout, self.sub, x, node.low, node.high)

    def run(self, time: int, here: list[int]) -> None:
        """Place the instructions ``here`` of a pass: over the rows at even times, of the jet at odd ones."""
        program, times, values = self.program, self.times, self.values
        layout = self.layout if time % 2 == 0 else None
        here = [i for i in here if program.nodes[i].op not in (*OVER_ROWS, "input")]
        if not here:
            return
        kernel = self.draft.kernel(f"{self.owner}_t{time + 1}", layout, self.sub, self.owner)
        imported: dict[tuple[int, int], Signal] = {}

        def outside(index: int, lane: int) -> Signal | None:
            node = program.nodes[index]
            if node.op == "row":
                return kernel.row_number() if layout is not None else constant(0)
            if (index, lane) in imported:
                return imported[index, lane]
            if times[index] == time and node.op not in (*OVER_ROWS, "input"):
                return None
            if node.op == "const":
                return constant(node.params[lane])
            given = values[index, lane]
            by_row = layout is not None and len(given) == kernel.instances and node.per_row
            imported[index, lane] = kernel.rows(f"x{index}_{lane}", given) if by_row else kernel.jet(given[0])
            return imported[index, lane]

        later = any(t > time for t in times)
        body = Body(kernel.module, program, outside)
        ports = {(i, lane): body.value(i, lane) for i in here for lane in range(program.nodes[i].lanes)}
        results = kernel.finish({f"y{i}_{lane}": signal for (i, lane), signal in ports.items()}, together=not later)
        for i, lane in ports:
            values[i, lane] = results[f"y{i}_{lane}"]


__all__ = ["place_program"]
