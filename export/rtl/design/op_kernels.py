"""An op as kernels: one of rows for every pass of its program, one of the jet between passes, and reductions."""

from __future__ import annotations

from tritag.export.rtl.design.layout import Layout
from tritag.export.rtl.design.pieces import Parts, Tensor
from tritag.export.rtl.design.programs import Body
from tritag.export.rtl.design.reduce import reduced
from tritag.export.rtl.text.signals import Signal, constant
from tritag.quant.integer.passes import OVER_ROWS, pass_times
from tritag.quant.integer.program import Program

# Signals of an instruction's lane: one per instance for a row's value, a single one for a jet's.
Values = dict[tuple[int, int], list[Signal]]


class OpKernels(Parts):
    """The part of the builder that turns integer programs into kernels."""

    def _program(self, name: str, program: Program, rows: int, sources: list[Tensor]) -> list[Tensor]:
        moving = [program.nodes[p.node].per_row for p in program.inputs]
        sources = self._in_step(sources, moving, rows)
        layout = self._common_layout(name, [s for s, moves in zip(sources, moving, strict=True) if moves])
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
                    values[port.node, lane] = [
                        source.cells[i // sub][(i % sub) * lanes + lane] for i in range(instances)
                    ]
        wanted = {p.node for p in program.outputs}
        for node, time in zip(program.nodes, times, strict=True):
            wanted.update(a for a in node.args if times[a] != time or node.op in OVER_ROWS)
        for time in sorted(set(times)):
            self._sums(name, program, time, times, layout, sub, values)
            here = [i for i, t in enumerate(times) if t == time and i in wanted]
            self._pass(name, program, time, times, here, layout if time % 2 == 0 else None, sub, values)
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

    def _sums(
        self, owner: str, program: Program, time: int, times: list[int], layout: Layout | None, sub: int, values: Values
    ) -> None:
        for index, node in enumerate(program.nodes):
            if node.op in OVER_ROWS and times[index] == time:
                for lane in range(node.lanes):
                    x = values[node.args[0], lane]
                    if layout is None:
                        values[index, lane] = [x[0]]
                    else:
                        name = self._name(f"{owner}_{node.op}{index}_{lane}")
                        values[index, lane] = [
                            reduced(self.top, name, owner, node.op, layout, sub, x, node.low, node.high)
                        ]

    def _pass(
        self,
        owner: str,
        program: Program,
        time: int,
        times: list[int],
        here: list[int],
        layout: Layout | None,
        sub: int,
        values: Values,
    ) -> None:
        here = [i for i in here if program.nodes[i].op not in (*OVER_ROWS, "input")]
        if not here:
            return
        kernel = self._kernel(f"{owner}_t{time + 1}", layout, sub, owner)
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


__all__ = ["OpKernels"]
