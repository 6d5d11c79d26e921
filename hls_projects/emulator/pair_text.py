"""Layers whose result is kept as pairs of rows (pairs.py) as C++: linear layers, cuts and sums on 16-bit integers."""

from __future__ import annotations

from tritag.export.firmware_layers import CutTo, FirmwareGraph, Layer, Linear, Sum
from tritag.hls_projects.emulator.pairs import Pairs


def pair_body(graph: FirmwareGraph, layer: Layer, tensors: dict[str, Pairs]) -> list[str]:
    """Statements of the function of ``layer``, which :func:`.pairs.paired_tensors` has among its ``tensors``.

    Its sources are ``a`` and ``x``, pairs of rows themselves where they are among ``tensors``; the result is ``y``.
    """
    pairs = tensors[layer.name]
    if isinstance(layer, Linear):
        return _linear(graph, layer, pairs, layer.sources[0] in tensors)
    if isinstance(layer, CutTo):
        return _cut(graph, layer, pairs)
    assert isinstance(layer, Sum)
    return _sum(graph, layer, pairs, [source in tensors for source in layer.sources])


def _linear(graph: FirmwareGraph, layer: Linear, pairs: Pairs, paired: bool) -> list[str]:
    n_in, n_out = layer.weight.shape
    product = layer.weight_fraction + graph.grids[layer.sources[0]].fraction
    fraction = graph.grids[layer.name].fraction
    bias = layer.bias << (fraction - layer.bias_fraction)
    used = [i for i in range(n_in) if layer.weight[i].any()]
    lines = [f"for (long pair = 0; pair < {pairs.rows // 2}; pair++) {{"]
    lines += [f"    const v16 a{i} = {_read('a', n_in, str(i), paired)};" for i in used]
    for o in range(n_out):
        terms = "".join(_term(int(layer.weight[i, o]), f"a{i}") for i in used)
        scaled = f"({terms or ' v16{}'}) * {_wrapped(1 << (fraction - product))}" if fraction > product else terms
        total = f"all16({_wrapped(int(bias[o]))}){scaled and ' + (' + scaled + ')'}"
        lines.append(f"    y[pair * {n_out} + {o}] = (v32)({total});")
    return [*lines, "}"]


def _term(weight: int, value: str) -> str:
    if weight == 0:
        return ""
    sign = "-" if weight < 0 else "+"
    return f" {sign} {value}" if abs(weight) == 1 else f" {sign} {_wrapped(abs(weight))} * {value}"


def _wrapped(value: int) -> str:
    """A constant of 16 bits that is equal to ``value`` but for multiples of 2**16, which the end of a sum has not."""
    return f"(int16){(value + 2**15) % 2**16 - 2**15}"


def _read(letter: str, width: int, place: str, paired: bool) -> str:
    """A pair of rows of a source at a place of the row."""
    if paired:
        return f"(v16){letter}[pair * {width} + {place}]"
    return f"(v16)packed({letter}[2 * pair * {width} + {place}], {letter}[(2 * pair + 1) * {width} + {place}])"


def _each_pair(pairs: Pairs, statement: str) -> list[str]:
    return [
        f"for (long pair = 0; pair < {pairs.rows // 2}; pair++)",
        f"    for (long i = 0; i < {pairs.width}; i++) y[pair * {pairs.width} + i] = (v32)({statement});",
    ]


def _cut(graph: FirmwareGraph, layer: CutTo, pairs: Pairs) -> list[str]:
    shift = graph.grids[layer.sources[0]].fraction - layer.type.fraction
    value = _read("a", pairs.width, "i", paired=True)
    if shift > 0:
        value = f"round_shift16({value}, {shift})"
    elif shift < 0:
        value = f"({value} << {-shift})"
    return _each_pair(pairs, f"clip16({value}, {layer.type.int_min}, {layer.type.int_max})")


def _sum(graph: FirmwareGraph, layer: Sum, pairs: Pairs, paired: list[bool]) -> list[str]:
    fraction = graph.grids[layer.name].fraction
    terms = [
        f"({_read(letter, pairs.width, 'i', is_paired)} << {fraction - graph.grids[source].fraction})"
        for letter, source, is_paired in zip("ax", layer.sources, paired, strict=True)
    ]
    return _each_pair(pairs, " + ".join(terms))
