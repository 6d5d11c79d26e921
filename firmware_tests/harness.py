"""One op through every executor: PyTorch, ONNX Runtime, QONNX, C++.

A :class:`Case` is a bound program with inputs. The C++ of many cases is compiled into one library, once: libraries
are cached by the digest of their sources under the environment variable TRITAG_CACHE (else ``cache``).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import hls4ml
import numpy as np
import torch
from onnx import ModelProto, TensorProto, helper, numpy_helper

from tritag.errors import ToolError
from tritag.export.executors import register_ops
from tritag.export.functions import OPSET, op_function
from tritag.export.qonnx_file import IR_VERSION, session
from tritag.hls_projects import cpp
from tritag.hls_projects.csim import cache_root
from tritag.hls_projects.hls4ml_extension import INTEGER_HEADER
from tritag.quant.formats.fixed import FixedType, int_bits
from tritag.quant.integer.plan import Plan
from tritag.quant.integer.program import Port
from tritag.quant.integer.torch_executor import run
from tritag.quant.ops.op import ONNX_DOMAIN, BoundProgram
from tritag.tools import compiler

AP_TYPES = Path(hls4ml.__file__).parent / "templates" / "vivado" / "ap_types"
FLAGS = ("-std=c++14", "-O0", "-fPIC", "-w")
UNITS = 2

Arrays = list[np.ndarray]


@dataclass(frozen=True)
class Case:
    """A program and its inputs, int64 (jets, rows or 1, lanes); ``name`` is a C identifier."""

    name: str
    bound: BoundProgram
    rows: int
    inputs: tuple[np.ndarray, ...]

    @property
    def jets(self) -> int:
        """Number of jets."""
        return len(self.inputs[0])

    def thinned(self, most: int) -> Case:
        """The same case with evenly chosen jets, so that at most about ``most`` integers are computed."""
        nodes = self.bound.program.nodes
        work = self.jets * sum(node.lanes * (self.rows if node.per_row else 1) for node in nodes)
        step = -(-work // most)
        return replace(self, inputs=tuple(x[::step] for x in self.inputs))

    def shape(self, port: Port) -> tuple[int, int, int]:
        """Shape of an input or output."""
        node = self.bound.program.nodes[port.node]
        return self.jets, self.rows if node.per_row else 1, node.lanes

    def port_type(self, port: Port, fraction: int) -> FixedType:
        """Narrowest type of an input or output: what hls4ml gives it."""
        node = self.bound.program.nodes[port.node]
        return FixedType.covering(node.low, node.high, fraction)


def run_torch(case: Case) -> Arrays:
    """Outputs as networks in PyTorch compute them: by a plan, which is made anew."""
    planned = Plan.of(case.bound.program, torch.device("cpu")).run([torch.from_numpy(x) for x in case.inputs])
    return [x.long().numpy() for x in planned]


def run_reference(case: Case) -> Arrays:
    """Outputs of the reference, on int64 alone."""
    return [x.numpy() for x in run(case.bound.program, [torch.from_numpy(x) for x in case.inputs])]


def one_node_model(case: Case) -> ModelProto:
    """ONNX file of one op: float32 inputs on their grids, tables as constants, the body as a model-local function."""
    program = case.bound.program

    def info(port: Port) -> object:
        return helper.make_tensor_value_info(port.name, TensorProto.FLOAT, case.shape(port))

    tables = [numpy_helper.from_array(np.array(t, dtype=np.int64), name) for name, t in program.tables.items()]
    node = helper.make_node(
        case.bound.op_type,
        [p.name for p in program.inputs] + program.table_names,
        [p.name for p in program.outputs],
        name="op",
        domain=ONNX_DOMAIN,
    )
    graph = helper.make_graph([node], "op", [*map(info, program.inputs)], [*map(info, program.outputs)], tables)
    return helper.make_model(
        graph,
        functions=[op_function(case.bound)],
        opset_imports=[helper.make_opsetid("", OPSET), helper.make_opsetid(ONNX_DOMAIN, 1)],
        ir_version=IR_VERSION,
    )


def _feeds(case: Case) -> dict[str, np.ndarray]:
    ports = zip(case.bound.program.inputs, case.inputs, case.bound.in_fractions, strict=True)
    return {port.name: (x * 2.0**-fraction).astype(np.float32) for port, x, fraction in ports}


def _integers(case: Case, values: Sequence[np.ndarray]) -> Arrays:
    """Integers of real outputs; a value off its grid is kept as the fraction it is, and so differs from any integer."""
    scaled = [np.asarray(v, dtype=np.float64) * 2.0**f for v, f in zip(values, case.bound.out_fractions, strict=True)]
    return [x.astype(np.int64) if np.array_equal(x, np.rint(x)) else x for x in scaled]


def run_onnxruntime(case: Case, model: ModelProto | None = None) -> Arrays:
    """Outputs of plain ONNX Runtime."""
    return _integers(case, session(model or one_node_model(case)).run(None, _feeds(case)))


def run_qonnx(case: Case, model: ModelProto | None = None) -> Arrays:
    """Outputs of QONNX, which executes the body with ONNX's reference evaluator."""
    from qonnx.core.modelwrapper import ModelWrapper
    from qonnx.core.onnx_exec import execute_onnx

    model = model or one_node_model(case)
    register_ops(model)
    found = execute_onnx(ModelWrapper(model), _feeds(case))
    return _integers(case, [found[port.name] for port in case.bound.program.outputs])


class Library:
    """The C++ of several cases in one shared library.

    Parameters
    ----------
    cases
        Cases with different names.
    edit_op, edit_header
        Change the generated text of an op, or tritag_integer.h: for tests that break the arithmetic on purpose.
    """

    def __init__(
        self,
        cases: Sequence[Case],
        edit_op: Callable[[str], str] = str,
        edit_header: Callable[[str], str] = str,
    ) -> None:
        header = edit_header(INTEGER_HEADER.read_text())
        texts = {case.name: _source(case, edit_op) for case in cases}
        assert len(texts) == len(cases), "cases must have different names"
        self.library = ctypes.CDLL(str(_compiled(texts, header)))

    def run(self, case: Case) -> Arrays:
        """Outputs of the compiled op."""
        program = case.bound.program
        inputs = [np.ascontiguousarray(x * 2.0**-f) for x, f in zip(case.inputs, case.bound.in_fractions, strict=True)]
        outputs = [np.full(case.shape(port), np.nan) for port in program.outputs]
        tables = [np.array(table, dtype=np.int64) for table in program.tables.values()]
        getattr(self.library, f"run_{case.name}")(
            ctypes.c_int(case.jets), _pointers(inputs), _pointers(outputs), _pointers(tables)
        )
        return _integers(case, outputs)


def _pointers(arrays: Sequence[np.ndarray]) -> ctypes.Array:
    return (ctypes.c_void_p * max(len(arrays), 1))(*(a.ctypes.data for a in arrays))


def _source(case: Case, edit: Callable[[str], str]) -> str:
    """The generated function of one case, and a C function that feeds it as hls4ml does: fixed-point arrays."""
    program, bound = case.bound.program, case.bound
    text = edit(cpp.op_function(bound, case.rows))
    ports = [
        *zip(program.inputs, bound.in_fractions, strict=True),
        *zip(program.outputs, bound.out_fractions, strict=True),
    ]
    types = {port.name: _fixed(case.port_type(port, fraction)) for port, fraction in ports}
    sizes = {port.name: int(np.prod(case.shape(port)[1:])) for port, _ in ports}
    tables = {name: _integer_type(table) for name, table in program.tables.items()}
    names = [*types, *tables]
    settings = " ".join(f"static const unsigned {name} = 1;" for name in ("interval", "row_interval", "row_units"))
    lines = [f"namespace case_{case.name} {{", text, f"struct config {{ {settings} }};", "}"]
    arguments = "int jets, const double **inputs, double **outputs, const long long **tables"
    lines.append(f'extern "C" void run_{case.name}({arguments}) {{')
    for number, (name, table) in enumerate(program.tables.items()):
        lines.append(f"    static {tables[name]} {name}[{len(table)}];")
        lines.append(f"    for (int i = 0; i < {len(table)}; i++) {name}[i] = tables[{number}][i];")
    lines.append("    for (int jet = 0; jet < jets; jet++) {")
    lines += [f"        {types[name]} {name}[{size}];" for name, size in sizes.items()]
    for number, port in enumerate(program.inputs):
        n = sizes[port.name]
        lines.append(f"        for (int i = 0; i < {n}; i++) {port.name}[i] = inputs[{number}][jet * {n} + i];")
    template = ", ".join([*types.values(), *tables.values(), f"case_{case.name}::config"])
    lines.append(f"        case_{case.name}::{bound.op_type}<{template}>({', '.join(names)});")
    for number, port in enumerate(program.outputs):
        n = sizes[port.name]
        lines.append(
            f"        for (int i = 0; i < {n}; i++) outputs[{number}][jet * {n} + i] = {port.name}[i].to_double();"
        )
    return "\n".join([*lines, "    }", "}", ""])


def _fixed(t: FixedType) -> str:
    return f"ap_{'' if t.signed else 'u'}fixed<{t.width}, {t.integer}>"


def _integer_type(table: Sequence[int]) -> str:
    low, high = min(table), max(table)
    return f"ap_{'' if low < 0 else 'u'}int<{max(int_bits(low, high), 1)}>"


def _compiled(texts: dict[str, str], header: str) -> Path:
    program = compiler("every C++ test")
    version = subprocess.run([program, "--version"], check=True, capture_output=True, text=True).stdout
    state = hashlib.sha256("\0".join([version, *FLAGS, header, *texts.values()]).encode())
    done = cache_root().parent / "firmware_tests" / state.hexdigest()[:16] / "ops.so"
    if not done.is_file():
        done.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=done.parent) as folder:
            os.replace(_compile(program, Path(folder), texts, header), done)
    return done


def _compile(program: str, folder: Path, texts: dict[str, str], header: str) -> Path:
    (folder / INTEGER_HEADER.name).write_text(header)
    units: list[list[str]] = [[] for _ in range(min(UNITS, len(texts)))]
    for text in sorted(texts.values(), key=len, reverse=True):
        min(units, key=lambda unit: sum(map(len, unit))).append(text)
    commands = []
    for number, unit in enumerate(units):
        source = folder / f"unit{number}.cpp"
        source.write_text("\n".join([f'#include "{INTEGER_HEADER.name}"', *unit]))
        includes = [f"-I{folder}", f"-I{AP_TYPES}"]
        commands.append([program, *FLAGS, *includes, "-c", str(source), "-o", str(source.with_suffix(".o"))])
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(_call, commands))
    library = folder / "ops.so"
    _call([program, "-shared", *map(str, sorted(folder.glob("*.o"))), "-o", str(library)])
    return library


def _call(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        raise ToolError(f"g++ must compile the generated C++, but failed:\n{done.stderr[:4000]}")


def differences(expected: Arrays, given: Arrays, ports: Sequence[Port], most: int = 5) -> str:
    """Report of all integers that differ, with their number and the first of each output; empty when none does."""
    lines = []
    for port, a, b in zip(ports, expected, given, strict=True):
        if a.shape != b.shape:
            lines.append(f"{port.name}: shape must be {a.shape}, got {b.shape}")
            continue
        wrong = np.argwhere(a != b)
        if len(wrong):
            largest = np.abs(a - b).max()
            lines.append(f"{port.name}: {len(wrong)} of {a.size} integers differ, by up to {largest:g} LSB")
            for jet, row, lane in wrong[:most]:
                lines.append(
                    f"  jet {jet}, row {row}, lane {lane}: must be {a[jet, row, lane]}, got {b[jet, row, lane]:g}"
                )
    return "\n".join(lines)


def check_equal(case: Case, expected: Arrays, given: Arrays, executor: str) -> None:
    """Assert that an executor's outputs are ``expected``, integer by integer."""
    report = differences(expected, given, case.bound.program.outputs)
    assert not report, f"{case.name}: {executor} differs from PyTorch\n{report}"
