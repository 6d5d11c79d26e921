"""One C++ translation unit of a whole tagger: the functions of its layers, and one that takes jets block by block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tritag.errors import ExportError
from tritag.export.firmware_layers import FirmwareGraph, Layer, Op, Reshape
from tritag.export.words import answers_in_words
from tritag.hls_projects.emulator.layer_text import layer_function, reads_pairs
from tritag.hls_projects.emulator.pairs import paired_tensors
from tritag.hls_projects.emulator.program_text import ProgramText
from tritag.hls_projects.input_names import input_identifiers
from tritag.hls_projects.word_text import emulator_words

ARITHMETIC = Path(__file__).parent / "arithmetic.h"
# Vectors between two tensors. Their sizes are often multiples of 4096 bytes; processors take a load for one of what was
# just stored when the addresses are equal up to such a multiple, and wait.
_GAP = 3


@dataclass(frozen=True)
class EmulatorText:
    """A translation unit and what its caller must know.

    Attributes
    ----------
    source : str
        C++17 with vector extensions of GCC and Clang; needs no header beside the standard library's.
    function : str
        ``extern "C" long <function>(const int *codes, const int *count, long long *out, long jets, int *trace)``.
        ``codes`` are (jets, K, 3), ``count`` (jets,), ``out`` (jets, outputs). It returns 0, or 1 without memory. A
        graph with other inputs takes one array for each of them in the place of these two.
    traced : dict
        Place and size in ``trace``, (jets, sum of sizes), of every layer's integers; empty without ``trace``.
    """

    source: str
    function: str
    traced: dict[str, tuple[int, int]]


def emulator_text(graph: FirmwareGraph, name: str, trace: bool = False) -> EmulatorText:
    """Write the emulator of ``graph``; ``name`` is its C identifier, ``trace`` keeps every layer's integers.

    Raises
    ------
    ExportError
        ``name`` is not an identifier.
    """
    if not name.isidentifier() or not name.isascii():
        raise ExportError(f"the name of an emulator must be letters, digits and '_', not first a digit, got {name!r}")
    return _Writer(graph, name, trace).write()


def translation_unit(functions: Sequence[str], entries: Sequence[str]) -> str:
    """One C++ file: ``functions`` on vectors of jets, which nobody sees outside, and ``entries`` with C names."""
    return "\n".join(
        [
            "// Native emulator written by tritag from the exported file's integers.",
            "#include <cstdlib>",
            "#include <cstring>",
            "#ifdef __SSE2__",
            "#include <immintrin.h>",
            "#endif",
            "",
            "namespace {",
            "",
            ARITHMETIC.read_text(encoding="utf-8"),
            *functions,
            "} // namespace",
            "",
            *entries,
        ]
    )


@dataclass
class _Writer:
    graph: FirmwareGraph
    name: str
    trace: bool
    functions: dict[str, str] = field(default_factory=dict)
    scratch: int = 0

    def __post_init__(self) -> None:
        self.pairs = paired_tensors(self.graph)
        self.arguments = input_identifiers(self.graph, self.name)

    def write(self) -> EmulatorText:
        calls = [self._call(layer) for layer in self.graph.layers if not isinstance(layer, Reshape)]
        places, words = self._places()
        traced: dict[str, tuple[int, int]] = {}
        if self.trace:
            position = 0
            for layer in self.graph.layers:
                traced[layer.name] = (position, self._size(layer.name))
                position += self._size(layer.name)
        body = self._block(calls, places, traced)
        entries = [self._top(words, places)]
        if answers_in_words(self.graph):
            entries.append(emulator_words(self.graph, self.name))
        source = translation_unit([*self.functions.values(), body], entries)
        return EmulatorText(source, f"{self.name}_run", traced)

    def _size(self, tensor: str) -> int:
        return int(np.prod(self.graph.shapes[tensor]))

    def _vectors(self, tensor: str) -> int:
        return self.pairs[tensor].size if tensor in self.pairs else self._size(tensor)

    def _call(self, layer: Layer) -> tuple[Layer, str]:
        """A layer and the name of its function, which equal ops share."""
        if isinstance(layer, Op):
            rows = self.graph.rows(layer)
            name = f"{layer.bound.op_type}_rows{rows}"
            text = ProgramText(layer.bound, rows, name)
            same = self.functions.get(name)
            written = text.text()
            if same is not None and same != written:  # equal structure, other tables
                name = f"{name}_{len(self.functions)}"
                written = ProgramText(layer.bound, rows, name).text()
            self.functions[name] = written
            self.scratch = max(self.scratch, text.scratch_words)
            return layer, name
        name = f"layer{len(self.functions)}"
        self.functions[name] = layer_function(self.graph, layer, name, self.pairs)
        return layer, name

    def _places(self) -> tuple[dict[str, int], int]:
        """Place of every tensor in the work memory, in integers a jet, and its size; dead tensors give theirs back."""
        root = {name: name for name in self.graph.inputs}
        last = dict.fromkeys([*self.graph.inputs, *(x.name for x in self.graph.layers)], -1)
        for step, layer in enumerate(self.graph.layers):
            root[layer.name] = root[layer.sources[0]] if isinstance(layer, Reshape) else layer.name
            for source in layer.sources:
                last[root[source]] = step
        last[root[self.graph.outputs[0]]] = len(self.graph.layers)
        places: dict[str, int] = {}
        used: list[tuple[int, int, str]] = []
        end = 0

        def put(tensor: str) -> None:
            nonlocal end
            size, start = self._vectors(tensor) + _GAP, 0
            for begin, stop, _ in sorted(used):
                if begin - start >= size:
                    break
                start = max(start, stop)
            places[tensor] = start
            used.append((start, start + size, tensor))
            end = max(end, start + size)

        for tensor in self.graph.inputs:
            put(tensor)
        for step, layer in enumerate(self.graph.layers):
            if isinstance(layer, Reshape):
                continue
            put(layer.name)
            used = [u for u in used if last[u[2]] > step or u[2] == layer.name]
        return {name: places[root[name]] for name in root}, end

    def _block(self, calls: list[tuple[Layer, str]], places: dict[str, int], traced: dict[str, tuple[int, int]]) -> str:
        lines = [
            "void one_block(v32 *work, int32 *scratch, int32 *trace, long stride, int jets) {",
            "    (void)trace, (void)stride, (void)jets, (void)scratch;",
        ]
        named = {layer.name: name for layer, name in calls}
        for layer in self.graph.layers:
            if layer.name in named:
                lines += [f"    {line}" for line in self._statements(layer, named[layer.name], places)]
            if layer.name in traced:
                position, size = traced[layer.name]
                lines += [
                    f"    for (long i = 0; i < {size}; i++)",
                    "        for (long b = 0; b < jets; b++)",
                    f"            trace[b * stride + {position} + i] = {self._traced(layer.name, places[layer.name])};",
                ]
        return "\n".join([*lines, "}", ""])

    def _statements(self, layer: Layer, function: str, places: dict[str, int]) -> list[str]:
        """The call of a layer's function, behind what takes apart the pairs of rows that it cannot read."""
        lines, tensors = [], []
        for number, source in enumerate(layer.sources):
            tensor = f"work + {places[source]}"
            pairs = self.pairs.get(source)
            if pairs is not None and not reads_pairs(self.graph, layer, number, self.pairs):
                lines += [
                    f"    v32 apart{number}[{2 * pairs.size}];",
                    f"    apart({tensor}, apart{number}, {pairs.rows // 2}, {pairs.width});",
                ]
                tensor = f"apart{number}"
            tensors.append(tensor)
        scratch = ", scratch" if isinstance(layer, Op) else ""
        call = f"{function}({', '.join(tensors)}, work + {places[layer.name]}{scratch});"
        return ["{", *lines, f"    {call}", "}"] if lines else [call]

    def _traced(self, tensor: str, place: int) -> str:
        """One jet's integer ``i`` of a tensor."""
        if tensor not in self.pairs:
            return f"work[{place} + i][b]"
        width = self.pairs[tensor].width
        both = f"work[{place} + i / {2 * width} * {width} + i % {width}][b]"
        return f"i / {width} % 2 ? {both} >> 16 : {both} << 16 >> 16"

    def _taken(self, name: str, place: int) -> list[str]:
        """Statements that put one jet's integers of an input into the work memory."""
        size, argument = self._size(name), self.arguments[name]
        if size == 1:
            return [f"work[{place}][b] = {argument}[first + b];"]
        jet = "jet" if name == self.graph.inputs[0] else f"jet_{argument}"
        return [
            f"const int *{jet} = {argument} + (first + b) * {size}L;",
            f"for (long i = 0; i < {size}; i++) work[{place} + i][b] = {jet}[i];",
        ]

    def _top(self, words: int, places: dict[str, int]) -> str:
        inputs, n_outputs = self.graph.inputs, self.graph.n_outputs
        arguments = ", ".join(f"const int *{name}" for name in self.arguments.values())
        taken = "\n".join(f"            {line}" for name in inputs for line in self._taken(name, places[name]))
        output = places[self.graph.outputs[0]]
        stride = sum(self._size(layer.name) for layer in self.graph.layers) if self.trace else 0
        step = f"trace + first * {stride}L" if self.trace else "nullptr"
        return f"""\
extern "C" long {self.name}_run({arguments}, long long *out, long jets, int *trace) {{
    (void)trace;
    const size_t work_bytes = sizeof(v32) * {words}L, scratch_bytes = sizeof(v32) * {self.scratch + 1}L;
    char *memory = (char *)aligned_alloc(128, (work_bytes + scratch_bytes + 255) / 128 * 128);
    if (!memory) return 1;
    v32 *work = (v32 *)memory;
    int32 *scratch = (int32 *)(memory + (work_bytes + 127) / 128 * 128);
    for (long first = 0; first < jets; first += B) {{
        const int here = jets - first < B ? (int)(jets - first) : B;
        if (here < B) memset(work, 0, work_bytes);
        for (long b = 0; b < here; b++) {{
{taken}
        }}
        one_block(work, scratch, {step}, {stride}, here);
        for (long b = 0; b < here; b++)
            for (long i = 0; i < {n_outputs}; i++) out[(first + b) * {n_outputs} + i] = work[{output} + i][b];
    }}
    free(memory);
    return 0;
}}
"""
