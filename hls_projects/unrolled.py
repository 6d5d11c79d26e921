"""What the pragmas of a written project ask for, counted in its text: known without the tool, not synthesised.

A pipeline at the top of a project unrolls every loop below it (Vitis HLS User Guide, UG1399, "Function Pipelining").
Where a row function is not inlined and its instances are limited, its calls share circuits; everything else stands as
often as it is executed. Whether Vitis HLS keeps the interval with these circuits only its synthesis says.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from tritag.errors import ExportError
from tritag.files import JsonObject
from tritag.hls_projects.project_text import Call, OpText, ProjectText, read_project_text

LABEL = "known without the tool; not synthesised"
# Reads that one copy of a table answers in a cycle: its memory has two ports.
_PORTS = 2
# hls4ml's functions that only move values.
_MOVES = ("concatenate2d", "transpose")


@dataclass(frozen=True)
class LayerReading:
    """A layer in the text of a project.

    Attributes
    ----------
    layer, function : str
        Names of the layer and of its C++ function.
    loops : str
        Bounds of the loops that the pipeline at the top unrolls.
    operations, kept : int
        Operations in a jet, which is what stands there when every loop is unrolled, and those that are left where the
        rows share row functions.
    products, scaled : int
        Multiplications in a jet: of two values, and of a value and a constant that is not zero.
    multipliers : int
        Multipliers of two values that the text allows: those of the circuits that are left, or hls4ml's own limit.
    table_reads, table_copies, table_bits : int
        Reads of tables in a jet; the least number of two-port copies that answer them in the interval; the bits of
        these copies.
    """

    layer: str
    function: str
    loops: str
    operations: int = 0
    kept: int = 0
    products: int = 0
    scaled: int = 0
    multipliers: int = 0
    table_reads: int = 0
    table_copies: int = 0
    table_bits: int = 0


@dataclass(frozen=True)
class ProjectReading:
    """All layers of a project, and the interval of the pipeline at its top in cycles."""

    interval_cycles: int
    layers: tuple[LayerReading, ...]

    def total(self, figure: str) -> int:
        """Sum of a figure over the layers."""
        return sum(getattr(layer, figure) for layer in self.layers)

    def as_dict(self) -> JsonObject:
        """Dictionary for JSON, with the sums and the label."""
        figures = [name for name, value in asdict(LayerReading("", "", "")).items() if isinstance(value, int)]
        return {
            "label": LABEL,
            "interval_cycles": self.interval_cycles,
            "total": {name: self.total(name) for name in figures},
            "layers": [asdict(layer) for layer in self.layers],
        }

    def __str__(self) -> str:
        """One line for the terminal."""
        return (
            f"HLS project ({LABEL}): PIPELINE II={self.interval_cycles} unrolls {self.total('operations'):,} "
            f"operations, {self.total('kept'):,} where rows share circuits; a jet has {self.total('products'):,} "
            f"products of two values ({self.total('multipliers'):,} multipliers allowed) and "
            f"{self.total('scaled'):,} by constants, and reads {self.total('table_reads'):,} entries of tables "
            f"({self.total('table_copies'):,} copies at least, "
            f"{self.total('table_bits') / 1024:,.0f} kbit)"
        )


def read_project(folder: Path, name: str) -> ProjectReading:
    """Count in the sources of the project in ``folder`` with the top function ``name``.

    Raises
    ------
    ExportError
        The sources have a function that is not known here, or not the form that is.
    """
    text = read_project_text(folder, name)
    return ProjectReading(text.interval_cycles, tuple(_layer(text, call) for call in text.calls))


def _layer(text: ProjectText, call: Call) -> LayerReading:
    numbers = text.numbers.get(call.types[-1])
    if call.function in text.ops and numbers is not None:
        return _op(text, call, text.ops[call.function], numbers)
    if call.function in _MOVES:
        return LayerReading(call.layer, call.function, "moves values")
    kernel = _KERNELS.get(call.function)
    if kernel is None or numbers is None:
        raise ExportError(
            f"the reader of projects must know every function that they call, but does not know {call.function!r} of "
            f"layer {call.layer!r}; its cost belongs into _KERNELS of {__name__}"
        )
    return kernel(text, call, numbers)


def _op(text: ProjectText, call: Call, op: OpText, numbers: Mapping[str, int]) -> LayerReading:
    """An integer program: what stands beside its row functions, and those as often as the text leaves them."""
    beside = op.beside
    operations, kept = beside.operations, beside.operations
    products, scaled, multipliers = beside.products, beside.scaled, beside.products
    reads = sum(beside.reads.values())
    copies = {table: _copies(n, text.interval_cycles) for table, n in beside.reads.items()}
    for which, (calls, row) in op.passes.items():
        shared = which in op.shared
        circuits = min(numbers["row_units"], calls) if shared else calls
        operations, kept = operations + calls * row.operations, kept + circuits * row.operations
        products, scaled = products + calls * row.products, scaled + calls * row.scaled
        multipliers += circuits * row.products
        reads += calls * sum(row.reads.values())
        for table, n in row.reads.items():
            needed = (
                circuits * _copies(n, numbers["row_interval"]) if shared else _copies(calls * n, text.interval_cycles)
            )
            copies[table] = copies.get(table, 0) + needed
    first = len(call.types) - 1 - len(op.entries)
    widths = dict(zip(op.entries, (text.widths[kind] for kind in call.types[first:-1]), strict=True))
    bits = sum(n * op.entries[table] * widths[table] for table, n in copies.items())
    rows = " + ".join(f"{calls} rows" for calls, _ in op.passes.values()) or "none over rows"
    figures = (operations, kept, products, scaled, multipliers, reads, sum(copies.values()), bits)
    return LayerReading(call.layer, call.function, rows, *figures)


def _copies(reads: int, interval_cycles: int) -> int:
    """Copies of a table that a circuit reads so often in an interval."""
    return -(-reads // (_PORTS * interval_cycles))


def _dense(text: ProjectText, call: Call, numbers: Mapping[str, int]) -> LayerReading:
    """hls4ml's EinsumDense: a dense kernel for each row, all rows unrolled."""
    dense = text.numbers[f"{call.types[-1]}_dense"]
    rows = numbers["n_free_data"] * numbers["n_inplace"]
    loops = f"{rows} rows x {dense['n_in']} x {dense['n_out']}"
    macs = rows * (dense["n_in"] * dense["n_out"] - dense["n_zeros"])
    return LayerReading(call.layer, call.function, loops, 2 * macs, 2 * macs, scaled=macs)


def _einsum(text: ProjectText, call: Call, numbers: Mapping[str, int]) -> LayerReading:
    """hls4ml's Einsum: all products unrolled, multipliers limited."""
    sizes = [numbers[name] for name in ("n_inplace", "n_free0", "n_free1", "n_contract")]
    inplace, free0, free1, contract = sizes
    macs = inplace * free0 * free1 * contract
    loops = " x ".join(map(str, sizes))
    return LayerReading(call.layer, call.function, loops, 2 * macs, 2 * macs, macs, 0, numbers["multiplier_limit"])


def _each(size: str) -> Callable[[ProjectText, Call, Mapping[str, int]], LayerReading]:
    """One operation for each of the elements that the configuration counts under that name."""

    def read(text: ProjectText, call: Call, numbers: Mapping[str, int]) -> LayerReading:
        n = numbers[size]
        return LayerReading(call.layer, call.function, str(n), n, n)

    return read


_KERNELS: dict[str, Callable[[ProjectText, Call, Mapping[str, int]], LayerReading]] = {
    "einsum_dense": _dense,
    "einsum": _einsum,
    "linear": _each("n_in"),
    "add": _each("n_elem"),
}
