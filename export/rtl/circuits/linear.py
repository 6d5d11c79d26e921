"""Products with constant matrices: shifts and sums, common pairs of terms computed once (greedy)."""

from __future__ import annotations

from collections import Counter

import numpy as np

from tritag.export.rtl.circuits.arithmetic import Term, narrowed, shared, signed_digits, total
from tritag.export.rtl.text.module import Module
from tritag.export.rtl.text.signals import Signal
from tritag.quant.formats.fixed import Grid

# A term of an output before placement: (number of its signal, shift, negative).
_Term = tuple[int, int, bool]
# Two terms up to a common shift and sign: (signal, signal, shift between them, whether their signs differ).
_Pair = tuple[int, int, int, bool]


def matrix(
    m: Module,
    x: list[Signal],
    weight: np.ndarray,
    bias: np.ndarray,
    shifts: tuple[int, int],
    grids: list[Grid],
) -> list[Signal]:
    """``(x @ weight) * 2**shifts[0] + bias * 2**shifts[1]``, each result known to lie in its grid."""
    rows: list[list[_Term]] = [
        [(i, power, minus) for i in range(len(x)) for power, minus in signed_digits(int(column[i]))]
        for column in weight.T
    ]
    signals = list(x)
    pairs = [_pairs_in(row) for row in rows]
    found: Counter[_Pair] = Counter()
    for counts in pairs:
        found.update(counts)
    while found and found[pair := _most_common(found)] >= 2:
        signals.append(_pair_sum(m, signals, pair))
        for i, row in enumerate(rows):
            if pair in pairs[i]:
                found.subtract(pairs[i])
                rows[i] = _without(row, pair, len(signals) - 1)
                pairs[i] = _pairs_in(rows[i])
                found.update(pairs[i])
    results = []
    for row, constant_term, grid in zip(rows, bias, grids, strict=True):
        terms: list[Term] = [(signals[i], power + shifts[0], minus) for i, power, minus in row]
        result = total(m, terms, int(constant_term) << shifts[1])
        results.append(narrowed(m, result, max(result.low, grid.low), min(result.high, grid.high)))
    return results


def _pair_of(first: _Term, second: _Term) -> tuple[_Pair, int, bool]:
    """The pair, and the shift and sign of its first term."""
    if (first[1], first[0]) > (second[1], second[0]):
        first, second = second, first
    return (first[0], second[0], second[1] - first[1], first[2] != second[2]), first[1], first[2]


def _pairs_in(row: list[_Term]) -> Counter[_Pair]:
    """How often each pair of terms stands in a row."""
    return Counter(_pair_of(first, second)[0] for k, first in enumerate(row) for second in row[k + 1 :])


def _most_common(found: Counter[_Pair]) -> _Pair:
    """The pair that stands in the rows most often; of several the one whose numbers are least."""
    return max(found.items(), key=lambda item: (item[1], tuple(-int(v) for v in item[0])))[0]


def _without(row: list[_Term], pair: _Pair, number: int) -> list[_Term]:
    """The row with every occurrence of the pair replaced by signal ``number``."""
    left, result = list(row), []
    while left:
        first = left.pop(0)
        partner = next((t for t in left if _pair_of(first, t)[0] == pair), None)
        if partner is None:
            result.append(first)
            continue
        left.remove(partner)
        _, shift, negative = _pair_of(first, partner)
        result.append((number, shift, negative))
    return result


@shared
def _sum_of_two(m: Module, a: Signal, b: Signal, shift: int, differ: bool) -> Signal:
    return total(m, [(a, 0, False), (b, shift, differ)])


def _pair_sum(m: Module, signals: list[Signal], pair: _Pair) -> Signal:
    a, b, shift, differ = pair
    return _sum_of_two(m, signals[a], signals[b], shift, differ)


__all__ = ["matrix"]
