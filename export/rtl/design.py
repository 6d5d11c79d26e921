"""The top level: every layer of the firmware graph as kernels, placed one behind the other on one time axis.

All cycle counts are known while the design is written, so there is no handshake inside: one pulse per jet walks along
with it (``go``) and loads what belongs to the jet. Rows pass in beats, ``slots`` of them in each (layout.py).
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from tritag.errors import ExportError
from tritag.export.graph import Concat, CutTo, FirmwareGraph, Layer, Linear, Op, Product, Reshape, Sum
from tritag.export.rtl.arithmetic import clip, mul, narrowed, round_shift, shifted, total
from tritag.export.rtl.estimate import Cost, estimate, output_ports
from tritag.export.rtl.kernel import Kernel, Placed, Top
from tritag.export.rtl.layout import Layout, joined, spread
from tritag.export.rtl.linear import matrix
from tritag.export.rtl.module import Timing
from tritag.export.rtl.programs import Body
from tritag.export.rtl.reduce import reduced
from tritag.export.rtl.signals import Signal, constant
from tritag.quant.fixed import Grid
from tritag.quant.integer.passes import OVER_ROWS, pass_times
from tritag.quant.integer.program import Program
from tritag.quant.ops.op import BoundProgram

# Signals of an instruction's lane: one per instance for a row's value, a single one for a jet's.
Values = dict[tuple[int, int], list[Signal]]


@dataclass
class Tensor:
    """A tensor in the circuit: of rows when it has a layout, else of the whole jet.

    Attributes
    ----------
    layout : Layout, optional
        Where the rows are.
    cells : list of list of Signal
        One list of signals per slot, a row's entries in order; a jet's tensor has one list with all entries.
    """

    layout: Layout | None
    cells: list[list[Signal]]


@dataclass
class Design:
    """Generated Verilog and what is known of it.

    Attributes
    ----------
    latency_cycles : int
        From a jet's first beat at the inputs to ``out_valid``.
    interval_cycles : int
        Least number of cycles between two jets.
    beats : int
        Cycles during which a jet enters.
    inputs : dict
        Port name to (graph input, row, or -1 for a jet's value, lane) of every beat.
    """

    name: str
    modules: dict[str, str]
    top: str
    latency_cycles: int
    interval_cycles: int
    beats: int
    inputs: dict[str, tuple[str, list[int], int]]
    widths: dict[str, int]
    outputs: list[tuple[str, int, bool]]
    kernels: list[Placed] = field(default_factory=list)

    @cached_property
    def glue(self) -> Cost:
        """Estimate of the top level without the kernels."""
        return estimate(self.top, {}, {k.module: output_ports(k.text) for k in self.kernels})

    def estimate(self) -> dict[str, int]:
        """Estimated resources of all kernels and the top level."""
        parts = [(self.glue, 1), *((k.cost, k.instances) for k in self.kernels)]
        names = ("lut", "ff", "carry8", "dsp", "bram")
        return {name: sum(getattr(c, name) * n for c, n in parts) for name in names}

    @property
    def files(self) -> dict[str, str]:
        """Contents of memories, by the file name that the Verilog reads them from."""
        return {name: content for kernel in self.kernels for name, content in kernel.files.items()}

    @property
    def text(self) -> str:
        """All modules in one file."""
        return "\n".join([*self.modules.values(), self.top])


def build(graph: FirmwareGraph, timing: Timing, beats: int, name: str = "tagger") -> Design:
    """Verilog of a firmware graph.

    Parameters
    ----------
    timing
        Delay model, least cycles between jets, rule for DSPs.
    beats
        Most cycles that the rows of a jet may take to pass; 1 makes the design fully parallel.

    Raises
    ------
    ExportError
        ``beats`` exceeds the interval, or a layer has no RTL form.
    """
    if not 1 <= beats <= timing.interval:
        raise ExportError(f"beats must lie in [1, {timing.interval}] (the interval in cycles), got {beats}")
    with _deep_recursion():
        return _Builder(graph, timing, beats, name).build()


def build_op(bound: BoundProgram, rows: int, timing: Timing, beats: int, name: str = "op") -> Design:
    """Verilog of one op by itself; the design's outputs are those of the program, row by row."""
    program = bound.program
    graph = FirmwareGraph()
    for port, fraction in zip(program.inputs, bound.in_fractions, strict=True):
        node = program.nodes[port.node]
        graph.inputs.append(port.name)
        graph.grids[port.name] = Grid(node.low, node.high, fraction)
        graph.shapes[port.name] = (rows if node.per_row else 1, node.lanes)
    with _deep_recursion():
        return _Builder(graph, timing, beats, name).build_op(bound, rows)


@contextmanager
def _deep_recursion() -> Iterator[None]:
    """Room for programs whose instructions hang one on the other: they are written by recursion."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 20_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


class _Builder:
    def __init__(self, graph: FirmwareGraph, timing: Timing, beats: int, name: str) -> None:
        self.graph, self.timing, self.beats, self.name = graph, timing, beats, name
        self.top = Top(name, timing)
        self.tensors: dict[str, Tensor] = {}
        self.inputs: dict[str, tuple[str, list[int], int]] = {}
        self.gathered: dict[int, list[Signal]] = {}

    def build(self) -> Design:
        for source in self.graph.inputs:
            self.tensors[source] = self._input(source)
        layers, done = self.graph.layers, set[str]()
        for layer in layers:
            if layer.name not in done:
                chain = [layer]
                while (follower := self._only_cut(chain[-1])) is not None:
                    chain.append(follower)
                done.update(c.name for c in chain)
                self._layer(chain)
        return self._finish([self.tensors[name] for name in self.graph.outputs])

    def build_op(self, bound: BoundProgram, rows: int) -> Design:
        for source in self.graph.inputs:
            self.tensors[source] = self._input(source)
        sources = [self.tensors[source] for source in self.graph.inputs]
        return self._finish(self._program(bound.program.name, bound.program, rows, sources))

    def _only_cut(self, layer: Layer) -> CutTo | None:
        """The cut that alone reads a sum or product: it goes into the same kernel."""
        if not isinstance(layer, Linear | Sum) or layer.name in self.graph.outputs:
            return None
        readers = [x for x in self.graph.layers if layer.name in x.sources]
        return readers[0] if len(readers) == 1 and isinstance(readers[0], CutTo) else None

    def _input(self, name: str) -> Tensor:
        shape, grid = self.graph.shapes[name], self.graph.grids[name]
        rows = shape[0] if len(shape) > 1 else 1
        lanes = int(np.prod(shape)) // rows
        layout = spread(rows, self.beats) if rows > 1 else None
        cells = []
        for slot in range(layout.slots if layout else 1):
            cell = []
            for lane in range(lanes):
                port = f"in_{_identifier(name)}_s{slot}_l{lane}"
                held = [r if r is not None else -2 for r in layout.in_slot(slot)] if layout else [-1]
                self.inputs[port] = (name, held, lane)
                cell.append(self.top.input(port, grid.low, grid.high, jet=layout is None))
            cells.append(cell)
        return Tensor(layout, cells)

    # ---- layers ----

    def _layer(self, chain: list[Layer]) -> None:
        first, last = chain[0], chain[-1]
        sources = [self.tensors[s] for s in first.sources]
        match first:
            case Reshape():
                result = self._reshaped(first, sources[0])
            case Op():
                result = self._op(first, sources)
            case Product():
                result = self._product(first, sources)
            case Concat():
                result = self._concat(first, sources)
            case Linear() | Sum() | CutTo():
                result = self._row_wise(chain, sources)
            case _:
                raise ExportError(f"layer {first.name} of kind {type(first).__name__} has no RTL form")
        self.tensors[last.name] = result

    def _reshaped(self, layer: Reshape, source: Tensor) -> Tensor:
        shape = self.graph.shapes[layer.name]
        rows = shape[0]
        if source.layout is not None and rows == 1 and len(shape) > 1:
            return Tensor(None, [self._gather(source)])
        if source.layout is not None and rows % source.layout.rows:
            raise ExportError(f"{layer.name}: rows must stay whole, got {rows} rows from {source.layout.rows}")
        return source

    def _row_wise(self, chain: list[Layer], sources: list[Tensor]) -> Tensor:
        layout = self._common_layout(chain[0].name, sources)
        kernel = self._kernel(chain[0].name, layout, 1)
        x = [self._entries(kernel, source) for source in sources]
        values = x[0]
        grid = self.graph.grids[chain[0].sources[0]]
        for layer in chain:
            grid_out = self.graph.grids[layer.name]
            if isinstance(layer, Linear):
                values = self._linear(kernel, layer, values, grid)
            elif isinstance(layer, Sum):
                grids = [self.graph.grids[s] for s in layer.sources]
                lifts = [grid_out.fraction - g.fraction for g in grids]
                values = [
                    total(kernel.module, [(a, lifts[0], False), (b, lifts[1], False)]) for a, b in zip(*x, strict=True)
                ]
            elif isinstance(layer, CutTo):
                drop = grid.fraction - layer.type.fraction
                low, high = layer.type.int_min, layer.type.int_max
                values = [
                    clip(m, round_shift(m, v, drop) if drop > 0 else shifted(m, v, -drop), low, high)
                    for m, v in ((kernel.module, v) for v in values)
                ]
            grid = grid_out
        return self._tensor(kernel, layout, values)

    def _linear(self, kernel: Kernel, layer: Linear, x: list[Signal], grid: Grid) -> list[Signal]:
        n_in = layer.weight.shape[0]
        product = layer.weight_fraction + grid.fraction
        fraction = max(product, layer.bias_fraction)
        lifts = (fraction - product, fraction - layer.bias_fraction)
        grids = [self.graph.grids[layer.name]] * len(layer.bias)
        values: list[Signal] = []
        for start in range(0, len(x), n_in):
            values += matrix(kernel.module, x[start : start + n_in], layer.weight, layer.bias, lifts, grids)
        return values

    def _product(self, layer: Product, sources: list[Tensor]) -> Tensor:
        left, result = layer.equation.split("->")
        letters = left.split(",")
        sizes = {
            letter: size
            for names, source in zip(letters, layer.sources, strict=True)
            for letter, size in zip(names, self.graph.shapes[source], strict=True)
        }
        row = result[0]
        moving = [s.layout is not None and names[0] == row for s, names in zip(sources, letters, strict=True)]
        layout = self._common_layout(layer.name, [s for s, moves in zip(sources, moving, strict=True) if moves])
        kernel = self._kernel(layer.name, layout, 1)
        entries = [
            self._entries(kernel, s if moves else Tensor(None, [self._gather(s)]))
            for s, moves in zip(sources, moving, strict=True)
        ]
        m, grid = kernel.module, self.graph.grids[layer.name]
        free = [c for c in result if not (layout is not None and c == row)]
        summed = sorted((set(letters[0]) | set(letters[1])) - set(result))
        values = []
        for index in np.ndindex(*(sizes[c] for c in free)):
            terms = []
            for inner in np.ndindex(*(sizes[c] for c in summed)):
                at = dict(zip([*free, *summed], [*index, *inner], strict=True))
                at.setdefault(row, 0)
                factors = []
                for names, values_of, moves in zip(letters, entries, moving, strict=True):
                    shape = [1 if moves and c == row else sizes[c] for c in names]
                    where = [0 if moves and c == row else at[c] for c in names]
                    factors.append(values_of[int(np.ravel_multi_index(where, shape))])
                terms.append((mul(m, *factors), 0, False))
            value = total(m, terms)
            values.append(narrowed(m, value, max(value.low, grid.low), min(value.high, grid.high)))
        return self._tensor(kernel, layout, values)

    def _concat(self, layer: Concat, sources: list[Tensor]) -> Tensor:
        first, second = sources
        lanes = int(np.prod(self.graph.shapes[layer.name][1:]))
        if first.layout is not None:
            raise ExportError(f"{layer.name}: the first rows of a concatenation must be values of the jet")
        jets = first.cells[0]
        if second.layout is None:
            return Tensor(None, [[*jets, *second.cells[0]]])
        rows = len(jets) // lanes
        layout = joined(rows, second.layout, min(self.beats + rows, self.timing.interval))
        return Tensor(layout, self.top.insert(layout, rows, lanes, jets, second.cells))

    def _op(self, layer: Op, sources: list[Tensor]) -> Tensor:
        (result,) = self._program(layer.name, layer.bound.program, self.graph.rows(layer), sources)
        return result

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

    # ---- parts ----

    def _in_step(self, sources: list[Tensor], moving: list[bool], rows: int) -> list[Tensor]:
        """Sources of which a jet's tensor passes row by row too, where it meets one that does."""
        layouts = {s.layout for s, moves in zip(sources, moving, strict=True) if moves and s.layout is not None}
        if len(layouts) != 1 or (layout := layouts.pop()).rows != rows:
            return sources
        return [
            Tensor(layout, self.top.insert(layout, rows, len(s.cells[0]) // rows, s.cells[0], []))
            if moves and s.layout is None
            else s
            for s, moves in zip(sources, moving, strict=True)
        ]

    def _common_layout(self, name: str, tensors: list[Tensor]) -> Layout | None:
        layouts = {t.layout for t in tensors}
        if len(layouts) > 1:
            raise ExportError(f"{name}: its rows must come in the same order from all sources")
        return layouts.pop() if layouts else None

    def _name(self, text: str) -> str:
        return f"{self.name}_{_identifier(text)}"

    def _kernel(self, name: str, layout: Layout | None, sub: int, layer: str = "") -> Kernel:
        return Kernel(self.top, self._name(name), layer or name, layout, sub)

    def _entries(self, kernel: Kernel, tensor: Tensor) -> list[Signal]:
        """A row's entries inside a kernel (all entries of a jet's tensor)."""
        if tensor.layout is None:
            return [kernel.jet(s) for s in tensor.cells[0]]
        port = f"x{kernel.module.count}"
        kernel.module.count += 1
        return [kernel.rows(f"{port}_{i}", [cell[i] for cell in tensor.cells]) for i in range(len(tensor.cells[0]))]

    def _tensor(self, kernel: Kernel, layout: Layout | None, values: list[Signal]) -> Tensor:
        results = kernel.finish({f"y{i}": v for i, v in enumerate(values)})
        cells = [[results[f"y{i}"][slot] for i in range(len(values))] for slot in range(kernel.instances)]
        return Tensor(layout, cells)

    def _gather(self, tensor: Tensor) -> list[Signal]:
        """All entries of a tensor as values of the jet, row after row."""
        if tensor.layout is None:
            return tensor.cells[0]
        key = id(tensor)
        if key not in self.gathered:
            self.gathered[key] = [
                self.top.as_jet(signal, beat) for beat, slot in tensor.layout.places for signal in tensor.cells[slot]
            ]
        return self.gathered[key]

    def _finish(self, outputs: list[Tensor]) -> Design:
        signals = [s for tensor in outputs for s in self._gather(tensor)]
        latency, ports = self.top.finish(signals)
        self.top.module.outputs.update({name: width for name, width, _ in ports})
        return Design(
            self.name,
            {k.module: k.text for k in self.top.placed},
            self.top.text(latency),
            latency,
            self.timing.interval,
            max((t.layout.beats for t in (self.tensors[i] for i in self.graph.inputs) if t.layout), default=1),
            self.inputs,
            {port: self.top.module.inputs[port] for port in self.inputs},
            ports,
            self.top.placed,
        )


def _identifier(text: str) -> str:
    return re.sub(r"\W", "_", text)


__all__ = ["Design", "Tensor", "build", "build_op"]
