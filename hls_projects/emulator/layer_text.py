"""The layers of a firmware graph other than ops as C++ on vectors of jets: one function each, constants unrolled."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from tritag.export.firmware_layers import Concat, CutTo, FirmwareGraph, Layer, Linear, Product, Sum, Transpose
from tritag.hls_projects.emulator.expressions import literal, vector_type
from tritag.hls_projects.emulator.pair_text import pair_body
from tritag.hls_projects.emulator.pairs import Pairs, cut_reach, is_narrow


def layer_function(graph: FirmwareGraph, layer: Layer, name: str, tensors: dict[str, Pairs]) -> str:
    """The function ``void name(const v32 *a[, const v32 *x], v32 *y)`` of ``layer``.

    ``tensors`` are those that are kept as pairs of rows; which sources are read so, says :func:`reads_pairs`.

    Raises
    ------
    NotImplementedError
        A kind of layer that has no form here: a fault of tritag, since the graph's reader accepts a closed set.
    """
    write: dict[type[Layer], Callable[[FirmwareGraph, Layer], list[str]]] = {
        Linear: _linear,
        CutTo: _cut,
        Sum: _sum,
        Concat: _concat,
        Transpose: _transpose,
    }
    if type(layer) not in write and not isinstance(layer, Product):
        raise NotImplementedError(f"layers of kind {type(layer).__name__} have no form in the native emulator")
    sources = ", ".join(f"const v32 *__restrict {letter}" for letter, _ in zip("ax", layer.sources, strict=False))
    lines = [f"void {name}({sources}, v32 *__restrict y) {{"]
    if layer.name in tensors:
        body = pair_body(graph, layer, tensors)
    elif isinstance(layer, Product):
        body = _product(graph, layer, tensors)
    else:
        body = write[type(layer)](graph, layer)
    return "\n".join([*lines, *("    " + line for line in body), "}", ""])


def reads_pairs(graph: FirmwareGraph, layer: Layer, number: int, tensors: dict[str, Pairs]) -> bool:
    """Whether the function of ``layer`` takes its source ``number``, one of ``tensors``, as pairs of rows."""
    if isinstance(layer, Product):
        return _packing(graph, layer, number, tensors) in (_as_it_is, _packed_pairs)
    return layer.name in tensors


def _size(graph: FirmwareGraph, name: str) -> int:
    return int(np.prod(graph.shapes[name]))


def _each_value(graph: FirmwareGraph, layer: Layer, statement: str) -> list[str]:
    size = _size(graph, layer.name)
    return [f"for (long i = 0; i < {size}; i++) {statement}"]


def _linear(graph: FirmwareGraph, layer: Layer) -> list[str]:
    """Sums of inputs with their constant weights; zeros are left out."""
    assert isinstance(layer, Linear)
    n_in, n_out = layer.weight.shape
    product = layer.weight_fraction + graph.grids[layer.sources[0]].fraction
    fraction = graph.grids[layer.name].fraction
    bias = layer.bias << (fraction - layer.bias_fraction)
    used = [i for i in range(n_in) if layer.weight[i].any()]
    lines = [f"for (long row = 0; row < {_size(graph, layer.sources[0]) // n_in}; row++) {{"]
    by_two = _has_products(graph, layer)
    if by_two:
        twos = list(itertools.zip_longest(used[::2], used[1::2]))
        lines += [f"    const v32 p{i} = {_two('a', n_in, i, j)};" for i, j in twos]
    else:
        lines += [f"    const v32 a{i} = a[row * {n_in} + {i}];" for i in used]
    for o in range(n_out):
        if by_two:
            terms = "".join(_two_terms(layer.weight, i, j, o) for i, j in twos)
        else:
            terms = "".join(_term(int(layer.weight[i, o]), f"a{i}") for i in used)
        scaled = f"({terms or ' 0'}) * {1 << (fraction - product)}" if fraction > product else terms
        lines.append(f"    y[row * {n_out} + {o}] = all<v32>({int(bias[o])}){scaled and ' + (' + scaled + ')'};")
    return [*lines, "}"]


def _has_products(graph: FirmwareGraph, layer: Linear) -> bool:
    """Whether most terms of a linear layer are products of 16-bit integers, which are multiplied two by two."""
    grid, weights = graph.grids[layer.sources[0]], layer.weight[layer.weight != 0]
    narrow = is_narrow(grid.low, grid.high) and is_narrow(int(layer.weight.min()), int(layer.weight.max()))
    return narrow and 2 * int((np.abs(weights) > 1).sum()) > len(weights)


def _two(letter: str, width: int, first: int, second: int | None) -> str:
    """Two integers of a row in the place of one, or the last one alone."""
    read = f"{letter}[row * {width} + {first}]"
    return read if second is None else f"packed({read}, {letter}[row * {width} + {second}])"


def _two_terms(weight: np.ndarray, first: int, second: int | None, output: int) -> str:
    low, high = int(weight[first, output]), 0 if second is None else int(weight[second, output])
    both = (low % 2**16 + high * 2**16 + 2**31) % 2**32 - 2**31
    return f" + products(p{first}, all<v32>({literal(both)}))" if low or high else ""


def _term(weight: int, value: str) -> str:
    if weight == 0:
        return ""
    sign = "-" if weight < 0 else "+"
    return f" {sign} {value}" if abs(weight) == 1 else f" {sign} {abs(weight)} * {value}"


def _cut(graph: FirmwareGraph, layer: Layer) -> list[str]:
    assert isinstance(layer, CutTo)
    grid, cut = graph.grids[layer.sources[0]], layer.type
    shift = grid.fraction - cut.fraction
    v = vector_type(*cut_reach(grid, layer))
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


def _summed(graph: FirmwareGraph, layer: Product) -> tuple[list[str], str, dict[str, int], list[str]]:
    """Letters of the factors, those of the result, the sizes of all, and those that are summed."""
    left, result = layer.equation.split("->")
    letters = left.split(",")
    sizes: dict[str, int] = {}
    for own, source in zip(letters, layer.sources, strict=True):
        sizes |= dict(zip(own, graph.shapes[source], strict=True))
    return letters, result, sizes, [letter for letter in sizes if letter not in result]


def _by_two(graph: FirmwareGraph, layer: Product) -> bool:
    """Whether factors of 16 bits are multiplied two by two along the summed letter."""
    letters, _, sizes, summed = _summed(graph, layer)
    narrow = all(is_narrow(graph.grids[source].low, graph.grids[source].high) for source in layer.sources)
    return narrow and len(summed) == 1 and all(summed[0] in own for own in letters) and sizes[summed[0]] % 2 == 0


def _product(graph: FirmwareGraph, layer: Product, tensors: dict[str, Pairs]) -> list[str]:
    """Loops over the letters of the result, and inside of them over those that are summed."""
    letters, result, sizes, summed = _summed(graph, layer)
    lines: list[str] = []
    factors, form = ["a", "x"], "{} * {}"
    if _by_two(graph, layer):
        for number in range(2):
            packing = _packing(graph, layer, number, tensors)
            lines += packing(factors[number], letters[number], summed[0], sizes)
            factors[number] = factors[number] if packing is _as_it_is else f"p{factors[number]}"
        sizes = {**sizes, summed[0]: sizes[summed[0]] // 2}
        form = "products({}, {})"
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


# How a factor comes to have two integers in the place of one, which follow each other along the summed letter.
_Packing = Callable[[str, str, str, dict[str, int]], list[str]]


def _packing(graph: FirmwareGraph, layer: Product, number: int, tensors: dict[str, Pairs]) -> _Packing:
    letters, _, sizes, summed = _summed(graph, layer)
    own, pairs = letters[number], tensors.get(layer.sources[number])
    if pairs is None or not _by_two(graph, layer) or sizes[own[0]] != pairs.rows:
        return _packed
    return _as_it_is if own[0] == summed[0] else _packed_pairs


def _as_it_is(factor: str, own: str, summed: str, sizes: dict[str, int]) -> list[str]:
    """A factor of paired rows whose rows are summed."""
    return []


def _packed_pairs(factor: str, own: str, summed: str, sizes: dict[str, int]) -> list[str]:
    """A factor of paired rows whose rows are not summed: halves change places."""
    halved = {**sizes, summed: sizes[summed] // 2}
    pair = {**halved, own[0]: sizes[own[0]] // 2}
    first, second = (
        _place(own, {**sizes, own[0]: pair[own[0]]}).replace(f"{summed}_", f"(2 * {summed}_ + {i})") for i in (0, 1)
    )
    even, odd = (_place(own, halved).replace(f"{own[0]}_", f"(2 * {own[0]}_ + {i})") for i in (0, 1))
    return [
        f"v32 p{factor}[{int(np.prod([halved[letter] for letter in own]))}];",
        *_loops(list(own), pair),
        "{",
        f"    const v32 first = {factor}[{first}], second = {factor}[{second}];",
        f"    p{factor}[{even}] = packed(first, second);",
        f"    p{factor}[{odd}] = packed_high(first, second);",
        "}",
    ]


def _packed(factor: str, own: str, summed: str, sizes: dict[str, int]) -> list[str]:
    """A factor of 32-bit integers."""
    halved = {**sizes, summed: sizes[summed] // 2}
    place = _place(own, sizes)
    first, second = (place.replace(f"{summed}_", f"(2 * {summed}_ + {i})") for i in (0, 1))
    return [
        f"v32 p{factor}[{int(np.prod([halved[letter] for letter in own]))}];",
        *_loops(list(own), halved),
        f"p{factor}[{_place(own, halved)}] = packed({factor}[{first}], {factor}[{second}]);",
    ]


def _place(letters: str, sizes: dict[str, int], fixed: dict[str, int] | None = None) -> str:
    """Place of an element; a letter's index is a loop's, or as ``fixed`` says."""
    text = "0"
    for letter in letters:
        index = str(fixed[letter]) if fixed and letter in fixed else letter + "_"
        text = index if text == "0" else f"({text}) * {sizes[letter]} + {index}"
    return text


def _loops(letters: list[str], sizes: dict[str, int]) -> list[str]:
    return [f"for (long {letter}_ = 0; {letter}_ < {sizes[letter]}; {letter}_++)" for letter in letters]


def _concat(graph: FirmwareGraph, layer: Layer) -> list[str]:
    first, second = (_size(graph, source) for source in layer.sources)
    return [
        f"for (long i = 0; i < {first}; i++) y[i] = a[i];",
        f"for (long i = 0; i < {second}; i++) y[{first} + i] = x[i];",
    ]


def _transpose(graph: FirmwareGraph, layer: Layer) -> list[str]:
    rows, lanes = graph.shapes[layer.name]
    return [
        f"for (long row = 0; row < {rows}; row++)",
        f"    for (long lane = 0; lane < {lanes}; lane++) y[row * {lanes} + lane] = a[lane * {rows} + row];",
    ]
