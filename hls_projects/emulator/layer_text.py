"""The layers of a firmware graph other than ops as C++ on vectors of jets: one function each, constants unrolled."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from tritag.export.firmware_layers import Concat, CutTo, FirmwareGraph, Layer, Linear, Product, Sum, Transpose
from tritag.hls_projects.emulator.expressions import vector_type


def layer_function(graph: FirmwareGraph, layer: Layer, name: str) -> str:
    """The function ``void name(const v32 *a[, const v32 *x], v32 *y)`` of ``layer``.

    Raises
    ------
    NotImplementedError
        A kind of layer that has no form here: a fault of tritag, since the graph's reader accepts a closed set.
    """
    write: dict[type[Layer], Callable[[FirmwareGraph, Layer], list[str]]] = {
        Linear: _linear,
        CutTo: _cut,
        Sum: _sum,
        Product: _product,
        Concat: _concat,
        Transpose: _transpose,
    }
    if type(layer) not in write:
        raise NotImplementedError(f"layers of kind {type(layer).__name__} have no form in the native emulator")
    sources = ", ".join(f"const v32 *__restrict {letter}" for letter, _ in zip("ax", layer.sources, strict=False))
    lines = [f"void {name}({sources}, v32 *__restrict y) {{"]
    return "\n".join([*lines, *("    " + line for line in write[type(layer)](graph, layer)), "}", ""])


def _size(graph: FirmwareGraph, name: str) -> int:
    return int(np.prod(graph.shapes[name]))


def _each_value(graph: FirmwareGraph, layer: Layer, statement: str) -> list[str]:
    size = _size(graph, layer.name)
    return [f"for (int i = 0; i < {size}; i++) {statement}"]


def _linear(graph: FirmwareGraph, layer: Layer) -> list[str]:
    """Sums of inputs with their constant weights; zeros are left out."""
    assert isinstance(layer, Linear)
    n_in, n_out = layer.weight.shape
    product = layer.weight_fraction + graph.grids[layer.sources[0]].fraction
    fraction = graph.grids[layer.name].fraction
    bias = layer.bias << (fraction - layer.bias_fraction)
    used = [i for i in range(n_in) if layer.weight[i].any()]
    lines = [f"for (int row = 0; row < {_size(graph, layer.sources[0]) // n_in}; row++) {{"]
    lines += [f"    const v32 a{i} = a[row * {n_in} + {i}];" for i in used]
    for o in range(n_out):
        terms = "".join(_term(int(layer.weight[i, o]), f"a{i}") for i in used)
        scaled = f"({terms or ' 0'}) * {1 << (fraction - product)}" if fraction > product else terms
        lines.append(f"    y[row * {n_out} + {o}] = all<v32>({int(bias[o])}){scaled and ' + (' + scaled + ')'};")
    return [*lines, "}"]


def _term(weight: int, value: str) -> str:
    if weight == 0:
        return ""
    sign = "-" if weight < 0 else "+"
    return f" {sign} {value}" if abs(weight) == 1 else f" {sign} {abs(weight)} * {value}"


def _cut(graph: FirmwareGraph, layer: Layer) -> list[str]:
    assert isinstance(layer, CutTo)
    grid, cut = graph.grids[layer.sources[0]], layer.type
    shift = grid.fraction - cut.fraction
    reach = (grid.low << max(-shift, 0), grid.high << max(-shift, 0))
    half = 1 << max(shift, 0)
    v = vector_type(reach[0] - half, reach[1] + half, cut.int_min, cut.int_max)
    value = f"to<{v}>(a[i])"
    if shift > 0:
        value = f"round_shift({value}, {shift})"
    elif shift < 0:
        value = f"shift_up({value}, {-shift})"
    ends = f"all<{v}>({cut.int_min}), all<{v}>({cut.int_max})"
    return _each_value(graph, layer, f"y[i] = to<v32>(clip({value}, {ends}));")


def _sum(graph: FirmwareGraph, layer: Layer) -> list[str]:
    fraction = graph.grids[layer.name].fraction
    factors = [1 << (fraction - graph.grids[source].fraction) for source in layer.sources]
    return _each_value(graph, layer, f"y[i] = a[i] * {factors[0]} + x[i] * {factors[1]};")


def _product(graph: FirmwareGraph, layer: Layer) -> list[str]:
    """Loops over the letters of the result, and inside of them over those that are summed.

    Factors of 16 bits are multiplied two by two along the summed letter.
    """
    assert isinstance(layer, Product)
    left, result = layer.equation.split("->")
    letters = left.split(",")
    sizes: dict[str, int] = {}
    for own, source in zip(letters, layer.sources, strict=True):
        sizes |= dict(zip(own, graph.shapes[source], strict=True))
    summed = [letter for letter in sizes if letter not in result]
    narrow = all(-(2**15) <= graph.grids[source].low <= graph.grids[source].high < 2**15 for source in layer.sources)
    lines: list[str] = []
    factors, form = ["a", "x"], "{} * {}"
    if narrow and len(summed) == 1 and all(summed[0] in own for own in letters) and sizes[summed[0]] % 2 == 0:
        lines = _packed(letters, summed[0], sizes)
        sizes = {**sizes, summed[0]: sizes[summed[0]] // 2}
        factors, form = ["pa", "px"], "products({}, {})"
    # Products whose first factor is the same follow each other, so that it stays in registers.
    fixed = [letter for letter in result if letter in letters[0]]
    terms = list(itertools.product(*(range(sizes[letter]) for letter in summed)))
    kept, read = [], []
    for number, values in enumerate(terms):
        first, second = (_place(own, sizes, dict(zip(summed, values, strict=True))) for own in letters)
        kept.append(f"    const v32 f{number} = {factors[0]}[{first}];")
        read.append(f"        total += {form.format(f'f{number}', f'{factors[1]}[{second}]')};")
    return [
        *lines,
        *_loops(fixed, sizes),
        "{",
        *kept,
        *("    " + line for line in _loops([letter for letter in result if letter not in fixed], sizes)),
        "    {",
        "        v32 total = all<v32>(0);",
        *read,
        f"        y[{_place(result, sizes)}] = total;",
        "    }",
        "}",
    ]


def _packed(letters: list[str], summed: str, sizes: dict[str, int]) -> list[str]:
    """Both factors with two integers in the place of one, which follow each other along the summed letter."""
    lines, halved = [], {**sizes, summed: sizes[summed] // 2}
    for factor, own in zip("ax", letters, strict=True):
        place = _place(own, sizes)
        first, second = (place.replace(f"{summed}_", f"(2 * {summed}_ + {i})") for i in (0, 1))
        lines += [
            f"v32 p{factor}[{int(np.prod([halved[letter] for letter in own]))}];",
            *_loops(list(own), halved),
            f"p{factor}[{_place(own, halved)}] = packed({factor}[{first}], {factor}[{second}]);",
        ]
    return lines


def _place(letters: str, sizes: dict[str, int], fixed: dict[str, int] | None = None) -> str:
    """Place of an element; a letter's index is a loop's, or as ``fixed`` says."""
    text = "0"
    for letter in letters:
        index = str(fixed[letter]) if fixed and letter in fixed else letter + "_"
        text = index if text == "0" else f"({text}) * {sizes[letter]} + {index}"
    return text


def _loops(letters: list[str], sizes: dict[str, int]) -> list[str]:
    return [f"for (int {letter}_ = 0; {letter}_ < {sizes[letter]}; {letter}_++)" for letter in letters]


def _concat(graph: FirmwareGraph, layer: Layer) -> list[str]:
    first, second = (_size(graph, source) for source in layer.sources)
    return [
        f"for (int i = 0; i < {first}; i++) y[i] = a[i];",
        f"for (int i = 0; i < {second}; i++) y[{first} + i] = x[i];",
    ]


def _transpose(graph: FirmwareGraph, layer: Layer) -> list[str]:
    rows, lanes = graph.shapes[layer.name]
    return [
        f"for (int row = 0; row < {rows}; row++)",
        f"    for (int lane = 0; lane < {lanes}; lane++) y[row * {lanes} + lane] = a[lane * {rows} + row];",
    ]
