"""A network of one-bit functions, and how many look-up tables (LUTs) cover it.

A bit is a number; 0 and 1 are the constants. What a gate computes does not matter for its place in a LUT, only which
bits it depends on, so inversions are nothing of their own and gates are kept as tuples of the bits they read.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

from tritag.export.rtl.text.fpga import LUT_INPUTS

# LUTs for 64 entries of a table that has more: Yosys begins with a tree of multiplexers over all entries, and its
# mapping keeps more of that than one LUT for 64 entries and the multiplexers between them.
TABLE_LUTS = 1.5


class Bits:
    """Gates in the order of their making, so that every gate comes behind those it reads.

    Attributes
    ----------
    fanins : list of tuple of int
        What a bit is computed from; empty for a leaf: a constant, a port, the output of a register, adder or memory.
    weights : dict
        LUTs of a gate where they are not one.
    """

    def __init__(self) -> None:
        self.fanins: list[tuple[int, ...]] = [(), ()]
        self.weights: dict[int, float] = {}
        self._made: dict[Hashable, int] = {}

    def leaf(self) -> int:
        """A bit that is there as a wire."""
        self.fanins.append(())
        return len(self.fanins) - 1

    def leaves(self, count: int) -> list[int]:
        """As many new inputs of the logic as ``count`` says; returns their numbers."""
        start = len(self.fanins)
        self.fanins.extend([()] * count)
        return list(range(start, start + count))

    def gate(self, kind: Hashable, reads: Iterable[int]) -> int:
        """Some function of at most six bits; equal calls give the same bit."""
        fanins = tuple(dict.fromkeys(b for b in reads if b > 1))
        key = (kind, fanins)
        found = self._made.get(key)
        if found is None:
            self.fanins.append(fanins)
            found = self._made[key] = len(self.fanins) - 1
        return found

    def invert(self, a: int) -> int:
        """Logical negation of a bit; it costs nothing, because a LUT takes it in."""
        return 1 - a if a < 2 else self.gate("not", (a,))

    def all_of(self, reads: Iterable[int]) -> int:
        """Conjunction (AND) of any number of bits."""
        return self._joined(reads, 0, "and")

    def any_of(self, reads: Iterable[int]) -> int:
        """Disjunction (OR) of any number of bits."""
        return self._joined(reads, 1, "or")

    def _joined(self, reads: Iterable[int], decides: int, kind: str) -> int:
        bits = sorted(set(reads))
        if decides in bits:
            return decides
        bits = [b for b in bits if b > 1]
        while len(bits) > LUT_INPUTS:
            bits = [*bits[LUT_INPUTS:], self.gate(kind, bits[:LUT_INPUTS])]
        return 1 - decides if not bits else bits[0] if len(bits) == 1 else self.gate(kind, bits)

    def differ(self, a: int, b: int) -> int:
        """Exclusive or (XOR) of two bits."""
        if a < 2 or b < 2:
            known, other = (a, b) if a < 2 else (b, a)
            return self.invert(other) if known else other
        return 0 if a == b else self.gate("xor", (min(a, b), max(a, b)))

    def choose(self, condition: int, a: int, b: int) -> int:
        """``a`` where the condition is 1, else ``b``."""
        if condition < 2 or a == b:
            return a if condition else b
        if a < 2:
            return self.any_of((condition, b)) if a else self.all_of((self.invert(condition), b))
        if b < 2:
            return self.any_of((self.invert(condition), a)) if b else self.all_of((condition, a))
        return self.gate("mux", (condition, a, b))

    def table(self, address: Sequence[int], contents: int, part: bool = False) -> int:
        """Bit ``contents >> address & 1``: a LUT for 64 entries, equal parts once, and multiplexers between them."""
        inputs = len(address)
        ones = (1 << (1 << inputs)) - 1
        if contents in (0, ones):
            return int(contents > 0)
        half = 1 << (inputs - 1)
        upper, lower = contents >> half, contents & ((1 << half) - 1)
        if upper == lower:
            return self.table(address[:-1], lower, part)
        if address[-1] < 2:
            return self.table(address[:-1], upper if address[-1] else lower, part)
        if inputs <= LUT_INPUTS:
            reads = [address[i] for i in range(inputs) if _depends(contents, i, inputs)]
            if len(reads) == 1:
                return self.invert(reads[0]) if contents & 1 else reads[0]
            gate = self.gate(("table", contents), reads)
            if part:
                self.weights[gate] = TABLE_LUTS
            return gate
        return self.choose(address[-1], *(self.table(address[:-1], half, part=True) for half in (upper, lower)))


def _depends(contents: int, number: int, inputs: int) -> bool:
    """Whether a table's entries change with one bit of the address."""
    step = 1 << number
    return any((contents >> i ^ contents >> (i + step)) & 1 for i in range(1 << inputs) if not i & step)


def count_luts(bits: Bits, roots: Iterable[int], live: Sequence[int]) -> float:
    """LUTs that make the gates among ``roots`` available as wires.

    A gate goes into the LUT of whoever reads it as long as six inputs are enough: first the ones with one reader, then
    the shared ones, which are computed again there.

    Parameters
    ----------
    live
        All gates that something depends on, in ascending order.
    """
    fanins = bits.fanins
    wanted = set(roots)
    readers: dict[int, int] = {}
    for gate in live:
        for bit in fanins[gate]:
            readers[bit] = readers.get(bit, 0) + 1
    inputs: dict[int, frozenset[int]] = {}
    for gate in live:
        inside = [b for b in fanins[gate] if b in inputs and b not in wanted]
        inputs[gate] = _covered(fanins[gate], inside, inputs, readers)
    waiting, luts = [b for b in wanted if b in inputs], 0.0
    seen = set(waiting)
    while waiting:
        gate = waiting.pop()
        luts += bits.weights.get(gate, 1.0)
        for bit in inputs[gate]:
            if bit in inputs and bit not in seen:
                seen.add(bit)
                waiting.append(bit)
    return luts


def _covered(
    reads: Sequence[int], inside: list[int], inputs: dict[int, frozenset[int]], readers: dict[int, int]
) -> frozenset[int]:
    """Inputs of a LUT for a gate and as many of the gates that it reads as fit."""
    if not inside:
        return frozenset(reads)
    # What is given up first comes last: shared gates, then wide ones.
    inside.sort(key=lambda b: (readers[b] > 1, len(inputs[b])))
    for kept in range(len(inside), 0, -1):
        absorbed = inside[:kept]
        union = frozenset(reads).difference(absorbed).union(*(inputs[b] for b in absorbed))
        if len(union) <= LUT_INPUTS:
            return union
    return frozenset(reads)
