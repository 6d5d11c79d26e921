"""The constant matrices of the zoo as tritag writes them and as alkaid's solver takes them apart, in the same Verilog.

``python -m benchmarks.matrices_beside_alkaid [NAME ...] [--workers N] [--each]`` needs ``pip install alkaid==0.8.2``
(LGPL; no dependency of tritag). Every linear layer of the exported taggers is placed twice, pipelined at the target's
clock with an input every cycle: with tritag's greedy pairs of terms, and with the sums that ``cmvm_solve`` finds with
its default settings. Inputs have the types of the exported file, both are compared with the product on 200 inputs, and
both go through the flow of ``tritag synth``.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tritag import api
from tritag.export.firmware_layers import Linear
from tritag.export.graph import read_graph
from tritag.export.model_file import read_model
from tritag.export.rtl.circuits.arithmetic import narrowed, total
from tritag.export.rtl.circuits.linear import matrix
from tritag.export.rtl.text.delays import DelayModel
from tritag.export.rtl.text.fpga import Figures
from tritag.export.rtl.text.module import Module, Timing
from tritag.export.rtl.text.signals import Signal
from tritag.export.rtl.tools import synthesis
from tritag.hls_projects.target import load_target
from tritag.quant.formats.fixed import Grid
from tritag.terminal import print_error, print_result
from tritag.zoo import PREFIX, exact_names

# A shift and a sign of a signal: what an operation or an output of alkaid's reads.
_Value = tuple[Signal, int]
_CHECKED = 200


@dataclass(frozen=True)
class Matrix:
    """A linear layer: its tagger and name, and what its sums are made of."""

    tagger: str
    layer: Linear
    grid: Grid
    out: Grid

    @property
    def lifts(self) -> tuple[int, int]:
        """Shifts of products and biases to the grid of the sums."""
        product = self.layer.weight_fraction + self.grid.fraction
        fraction = max(product, self.layer.bias_fraction)
        return fraction - product, fraction - self.layer.bias_fraction


def matrices(names: list[str]) -> Iterator[Matrix]:
    """All linear layers of zoo entries."""
    for name in names:
        graph = read_graph(read_model(api.export(f"{PREFIX}{name}").run.run.path("model.qonnx.onnx")))
        for layer in graph.layers:
            if isinstance(layer, Linear):
                yield Matrix(name, layer, graph.grids[layer.sources[0]], graph.grids[layer.name])


def greedy(m: Module, x: list[Signal], given: Matrix) -> list[Signal]:
    """The sums as tritag writes them."""
    layer = given.layer
    return matrix(m, x, layer.weight, layer.bias, given.lifts, [given.out] * len(layer.bias))


def solved(m: Module, x: list[Signal], given: Matrix) -> list[Signal]:
    """The sums that alkaid's solver finds."""
    from alkaid.cmvm import cmvm_solve

    weight = given.layer.weight.astype(np.float32)
    ends = [(float(s.low), float(s.high), 1.0) for s in x]
    values: list[_Value] = [(s, 0) for s in x]
    for stage in cmvm_solve(weight, qintervals=ends):
        values = _placed(m, stage, values)
    lift, bias_lift = given.lifts
    results = []
    for (signal, shift), bias in zip(values, given.layer.bias, strict=True):
        if shift + lift < 0:
            raise ValueError(f"an output of alkaid must be an integer, got a step of 2**{shift}")
        result = total(m, [(signal, shift + lift, False)], int(bias) << bias_lift)
        low, high = max(result.low, given.out.low), min(result.high, given.out.high)
        results.append(narrowed(m, result, low, high))
    return results


def _placed(m: Module, stage: object, inputs: list[_Value]) -> list[_Value]:
    """One stage of alkaid's: (signal, shift) of each output."""
    values: list[_Value] = []
    for op in stage.ops:  # type: ignore[attr-defined]
        if op.opcode == -1:
            signal, shift = inputs[op.data[0]]
            values.append((signal, shift + stage.inp_shifts[op.data[0]]))  # type: ignore[attr-defined]
        elif op.opcode in (0, 1):
            (a, sa), (b, sb) = values[op.addr[0]], values[op.addr[1]]
            sb += op.data[0]
            least = min(sa, sb)
            values.append((total(m, [(a, sa - least, False), (b, sb - least, op.opcode == 1)]), least))
        elif op.opcode == -2:
            a, sa = values[op.addr[0]]
            values.append((total(m, [(a, 0, True)]), sa))
        else:
            raise ValueError(f"alkaid's operations must be sums, got opcode {op.opcode}")
    outputs = []
    for at, shift, minus in zip(stage.out_idxs, stage.out_shifts, stage.out_negs, strict=True):  # type: ignore[attr-defined]
        signal, own = values[at] if at >= 0 else (total(m, []), 0)
        outputs.append((total(m, [(signal, 0, True)]) if minus else signal, own + shift))
    return outputs


def module_of(name: str, given: Matrix, write: Callable[[Module, list[Signal], Matrix], list[Signal]]) -> Module:
    """A module of the sums alone."""
    target = load_target()
    delays = DelayModel.of_clock(target.clock_period_ns, target.clock_uncertainty_percent)
    m = Module(name, Timing(delays, 1), jet=False)
    kind = given.grid.type
    x = [m.import_row(f"x{i}", kind.int_min, kind.int_max, 0, 0.0) for i in range(given.layer.weight.shape[0])]
    for i, signal in enumerate(write(m, x, given)):
        m.export(f"y{i}", signal)
    return m


def adders(m: Module) -> int:
    """Sums and differences in the text."""
    return sum(" + " in line or " - " in line for line in m.lines)


def exact(given: Matrix) -> bool:
    """Whether alkaid's sums are the product on random inputs."""
    from alkaid.cmvm import cmvm_solve

    kind, rng = given.grid.type, np.random.default_rng(1)
    x = rng.integers(kind.int_min, kind.int_max, (_CHECKED, given.layer.weight.shape[0]), endpoint=True)
    ends = [(float(kind.int_min), float(kind.int_max), 1.0)] * x.shape[1]
    first, second = cmvm_solve(given.layer.weight.astype(np.float32), qintervals=ends)
    made = np.array([second(first(row, quantize=False), quantize=False) for row in x.astype(np.float64)])
    return bool(np.array_equal(made.astype(np.int64), x @ given.layer.weight))


def figures_of(modules: list[Module], workers: int) -> list[Figures]:
    """Yosys' counts; what it counted before comes from the cache."""
    jobs = [synthesis.Job.of(m.name, m.text(), m.files) for m in modules]
    waiting = list({job.entry: job for job in jobs if job.known() is None}.values())
    synthesis.run_jobs(waiting, workers)
    return [job.figures() for job in jobs]


def main() -> int:
    """Print a line for each tagger, or each matrix, and the sum."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--each", action="store_true")
    given = parser.parse_args()
    try:
        import alkaid  # noqa: F401
    except ModuleNotFoundError:
        print_error("alkaid must be installed for this comparison; pip install alkaid==0.8.2")
        return 2
    found = list(matrices(given.names or exact_names()))
    wrong = [f"{m.tagger} {m.layer.name}" for m in found if not exact(m)]
    print_result(f"alkaid: {len(wrong)} of {len(found)} matrices give another product on {_CHECKED} inputs {wrong}")
    ours = [module_of("kernel_ours", m, greedy) for m in found]
    theirs = [module_of("kernel_theirs", m, solved) for m in found]
    counted = figures_of([*ours, *theirs], given.workers)
    rows = [
        (m, (adders(a), fa.lut, fa.ff, a.last_stage), (adders(b), fb.lut, fb.ff, b.last_stage))
        for m, a, b, fa, fb in zip(found, ours, theirs, counted[: len(ours)], counted[len(ours) :], strict=True)
    ]
    print_result(
        "| | matrices | adders | LUT | FF | stages, summed | alkaid: adders | LUT | FF | stages, summed | LUT |"
    )
    print_result("|---|---|---|---|---|---|---|---|---|---|---|")
    groups = [(f"{m.tagger} {m.layer.name}", [r]) for r in rows for m in [r[0]]] if given.each else []
    groups += [(f"`{n}`", [r for r in rows if r[0].tagger == n]) for n in dict.fromkeys(m.tagger for m in found)]
    for what, some in [*groups, ("all", rows)]:
        a, b = (np.sum([r[i] for r in some], axis=0) for i in (1, 2))
        cells = [what, len(some), *a, *b, f"{100 * (b[1] / max(a[1], 1) - 1):+.1f} %"]
        print_result("| " + " | ".join(f"{c:,}" if isinstance(c, int | np.integer) else c for c in cells) + " |")
    return int(bool(wrong))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        import os

        os.environ["TRITAG_RUNS"] = str(Path(folder) / "runs")
        sys.exit(main())
