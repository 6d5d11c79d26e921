"""The native emulator gives the integers of everybody else: instruction by instruction, op by op, tagger by tagger."""

from __future__ import annotations

import ctypes
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from firmware_tests.cases import LONG, NAMES, make_case
from firmware_tests.harness import Arrays, Case, check_equal, run_torch
from tests.helpers.jets import crafted_jets, random_jets
from tests.helpers.marks import asked, often
from tests.helpers.pins import NETWORKS
from tests.helpers.taggers import calibrated_tagger
from tritag.errors import ExportError
from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.firmware_layers import CutTo, Linear, Reshape, Sum
from tritag.export.graph import read_graph
from tritag.export.qonnx_file import export_model
from tritag.hls_projects.emulator.executor import EmulatorExecutor
from tritag.hls_projects.emulator.library import compile_emulator, compile_text
from tritag.hls_projects.emulator.pairs import paired_tensors
from tritag.hls_projects.emulator.program_text import ProgramText
from tritag.hls_projects.emulator.text import emulator_text, translation_unit
from tritag.quant.integer.instructions import INSTRUCTIONS

K = 3
# Compiles much faster than -O3, and vectors are the same.
QUICK = ("-march=native", "-O1")


@pytest.fixture(scope="module")
def library(request: pytest.FixtureRequest) -> ctypes.CDLL:
    """The cases of this session in one library; each is a function on one block of jets."""
    functions, entries = [], []
    names = asked(request.session, __file__, "test_program")
    for name in [name for name in NAMES if name in names]:
        case = make_case(name)
        text = ProgramText(case.bound, case.rows, f"op_{name}")
        functions.append(text.text())
        count = len(case.bound.program.inputs) + len(case.bound.program.outputs)
        arguments = ", ".join(f"(v32 *)a[{i}]" for i in range(count))
        entries.append(
            f'extern "C" void run_{name}(int **a) {{\n'
            f"    static v32 scratch[{text.scratch_words + 1}];\n    op_{name}({arguments}, (int32 *)scratch);\n}}\n"
        )
    entries.append('extern "C" int block() { return B; }\n')
    return ctypes.CDLL(str(compile_text(translation_unit(functions, entries), QUICK)))


def run_emulator(library: ctypes.CDLL, case: Case) -> Arrays:
    """Outputs of a case, block by block: arrays (rows, lanes, jets of a block)."""
    block = library.block()
    jets = -(-case.jets // block) * block
    program = case.bound.program
    arrays = []
    for values in case.inputs:
        padded = np.zeros((jets, *values.shape[1:]), np.int32)
        padded[: case.jets] = values
        arrays.append(padded.reshape(-1, block, *values.shape[1:]).transpose(0, 2, 3, 1))
    arrays += [np.zeros((jets // block, *case.shape(port)[1:], block), np.int32) for port in program.outputs]
    for number in range(jets // block):
        parts = [_aligned(array[number]) for array in arrays]
        pointers = (ctypes.c_void_p * len(parts))(*(part.ctypes.data for part in parts))
        getattr(library, f"run_{case.name}")(pointers)
        for array, part in zip(arrays, parts, strict=True):
            array[number] = part
    outputs = arrays[len(program.inputs) :]
    return [x.transpose(0, 3, 1, 2).reshape(jets, *x.shape[1:3])[: case.jets].astype(np.int64) for x in outputs]


def _aligned(values: np.ndarray) -> np.ndarray:
    """A copy that begins where a vector may."""
    memory = np.zeros(values.nbytes + 128, np.uint8)
    start = -memory.ctypes.data % 128
    copy = memory[start : start + values.nbytes].view(np.int32).reshape(values.shape)
    copy[...] = values
    return copy


@pytest.mark.parametrize("name", often(NAMES, LONG))
def test_program(name, library):
    case = make_case(name)
    check_equal(case, run_torch(case), run_emulator(library, case), "the emulator")


def test_every_instruction_is_in_the_cases():
    seen = {node.op for name in NAMES for node in make_case(name).bound.program.nodes}
    assert seen == set(INSTRUCTIONS)


@cache
def exported(network: str, k: int = K):
    """File and graph of a small tagger."""
    kind, sizes = NETWORKS[network]
    model = export_model(calibrated_tagger(k, "ternary", dict(sizes), kind))
    return model, read_graph(model)


# Their layers are those of the others.
LONG_TAGGERS = ("transformer", "lloca-global", "lloca-local", "lloca-trigger")


@pytest.mark.parametrize("network", often(NETWORKS, LONG_TAGGERS))
def test_tagger(network):
    model, graph = exported(network)
    rng = np.random.default_rng(4)
    jets = [np.concatenate(both) for both in zip(random_jets(rng, 1001, K), crafted_jets(rng, K), strict=True)]
    expected = OnnxRuntimeExecutor(graph, model).run(*jets)
    emulator = EmulatorExecutor(graph, compile_emulator(graph, flags=QUICK))
    assert len(np.unique(expected)) > 50
    np.testing.assert_array_equal(emulator.run(*jets), expected)
    # Any number of jets, also less than a block, and none.
    for n in (0, 1, 7, 8, 9):
        np.testing.assert_array_equal(emulator.run(jets[0][:n], jets[1][:n]), expected[:n])


def test_layers_of_a_traced_emulator():
    """With an even number of rows, 16-bit tensors are kept as pairs of rows, and are read in all ways."""
    assert not paired_tensors(exported("transformer")[1])
    model, graph = exported("lloca-trigger-fast", K + 1)
    jets = random_jets(np.random.default_rng(5), 90, K + 1)
    expected = OnnxRuntimeExecutor(graph, model).layers(*jets)
    library = compile_emulator(graph, trace=True, flags=QUICK)
    given = EmulatorExecutor(graph, library).layers(*jets)
    assert set(given) == {layer.name for layer in graph.layers}
    kinds = {type(layer) for layer in graph.layers if layer.name in paired_tensors(graph)}
    assert kinds == {Linear, CutTo, Sum, Reshape}
    body = library.text.source[library.text.source.index("#endif\n\nnamespace {") :]
    for reading in ("packed_high(first", "    apart(work", "(v16)packed(a[2 * pair"):
        assert reading in body
    for name, values in given.items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def test_threads_share_nothing():
    _, graph = exported("transformer")
    jets = random_jets(np.random.default_rng(6), 2000, K)
    emulator = EmulatorExecutor(graph, compile_emulator(graph, flags=QUICK))
    expected = emulator.run(*jets)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: emulator.run(*jets), range(12)))
    assert all(np.array_equal(answer, expected) for answer in answers)


def test_two_emulators_in_one_process(tmp_path: Path):
    """Their names are their own: with all symbols in one space each still answers as itself."""
    answers = {}
    jets = random_jets(np.random.default_rng(7), 300, K)
    for network in ("transformer", "part"):
        model, graph = exported(network)
        library = compile_emulator(graph, name=f"{network}_v1", flags=QUICK)
        ctypes.CDLL(str(library.path), mode=ctypes.RTLD_GLOBAL)
        answers[network] = EmulatorExecutor(graph, library), OnnxRuntimeExecutor(graph, model).run(*jets)
    for emulator, expected in answers.values():
        np.testing.assert_array_equal(emulator.run(*jets), expected)


def test_a_changed_table_is_seen():
    model, graph = exported("transformer")
    text = emulator_text(graph, "tagger")
    start = text.source.index("table0[")
    first = text.source.index("{", start) + 1
    end = text.source.index("}", first)
    entries = [int(v) for v in text.source[first:end].split(",")]
    changed = text.source[:first] + ", ".join(str(v + 1) for v in entries) + text.source[end:]
    library = ctypes.CDLL(str(compile_text(changed, QUICK)))
    jets = random_jets(np.random.default_rng(8), 400, K)
    out = np.zeros(400, np.int64)
    codes, count = (np.ascontiguousarray(x, np.int32) for x in jets)
    pointers = [ctypes.c_void_p(x.ctypes.data) for x in (codes, count, out)]
    library.tagger_run(*pointers, ctypes.c_long(400), None)
    assert (out != OnnxRuntimeExecutor(graph, model).run(*jets)).any()


@pytest.mark.parametrize("name", ["2fast", "a-b", "x; y", "", "größe"])
def test_names_are_identifiers(name):
    with pytest.raises(ExportError, match="the name of an emulator must be letters, digits and '_'"):
        emulator_text(exported("transformer")[1], name)
