"""Integer programs to test executors with: one for each instruction, and random ones over all instructions."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np

from tritag.errors import ExportError
from tritag.quant.integer import blocks
from tritag.quant.integer.program import Program
from tritag.quant.integer.tracer import Int, Tracer
from tritag.quant.ops.op import BoundProgram

# Every executor takes and gives float32 at the border of an op: integers of up to 24 bits are exact there.
BORDER_BITS = 24
# Wide values are shown to the border in parts of this many bits; the parts' own arithmetic needs two bits to spare.
PART_BITS = 22
WIDE_BITS = 60

LANES = 3


def show(t: Tracer, name: str, value: Int) -> None:
    """Make every bit of ``value`` an output: as it is when it is narrow, else in parts."""
    part = 0
    while max(abs(value.low), abs(value.high)).bit_length() > BORDER_BITS:
        upper = value >> PART_BITS
        t.output(f"{name}_part{part}", (value - (upper << PART_BITS)).clip(0, (1 << PART_BITS) - 1))
        value, part = upper, part + 1
    t.output(f"{name}_part{part}" if part else name, value)


def unscaled(program: Program) -> BoundProgram:
    """Bind a program to integers: LSB 1 everywhere."""
    return BoundProgram(program, (0,) * len(program.inputs), (0,) * len(program.outputs))


class Operands:
    """Inputs that the programs of single instructions share."""

    def __init__(self, t: Tracer) -> None:
        self.t = t
        self.x = t.input("x", -(1 << 23), (1 << 23) - 1, lanes=LANES)
        self.y = t.input("y", -37, 200, lanes=LANES)
        self.shift = t.input("s", 0, 24)
        self.jet = t.input("j", -1000, 999, per_row=False)
        self.wide = self.x * self.x * 8191 - self.y  # up to 60 bits
        self.bit = self.x.less(self.jet)


def _add(o: Operands) -> list[Int]:
    return [o.x + o.y, o.wide + o.x, o.jet + o.shift, o.jet + 5, o.wide + o.wide]


def _sub(o: Operands) -> list[Int]:
    return [o.x - o.y, 7 - o.shift, -o.x, o.jet - o.wide]


def _mul(o: Operands) -> list[Int]:
    return [o.x * o.y, o.x * o.x, o.jet * o.jet, o.x * o.jet, o.y * -3, (o.x * o.x) * 4095]


def _shl(o: Operands) -> list[Int]:
    return [o.x << 1, o.y << 40, o.jet << 0, o.wide << 1]


def _shr(o: Operands) -> list[Int]:
    return [o.x >> 1, o.x >> 23, o.y >> 9, o.jet >> 30, o.wide >> 37, o.x >> 62]


def _rsh(o: Operands) -> list[Int]:
    square = (o.x * o.x) << 4
    narrow = [v.round_shift(bits) for v in (o.x, o.y, square) for bits in (1, 2, 7, 24, 50)] + [o.y.round_shift(-3)]
    # Beyond what float64 holds exactly.
    return [*narrow, *(o.wide.round_shift(bits) for bits in (1, 8, 59, 62))]


def _rshv(o: Operands) -> list[Int]:
    values = [o.x, o.y, o.jet, (o.x * o.x) << 4]
    return [v.round_shift_by(o.shift) for v in values] + [
        o.x.round_shift_by(o.t.constant(0)),
        o.wide.round_shift_by(o.shift),
        o.wide.round_shift_by(o.shift + 38),
    ]


def _shlv(o: Operands) -> list[Int]:
    return [o.x.shift_left_by(o.shift), o.y.shift_left_by(o.shift + 24), o.jet.shift_left_by(o.t.constant(0))]


def _clip(o: Operands) -> list[Int]:
    # Inside, on one side, beyond both ends of the argument's interval.
    bounds = [(-128, 127), (0, 1 << 30), (-(1 << 40), -1), (1 << 24, 1 << 25), (-(1 << 30), -(1 << 29)), (5, 5)]
    return [o.x.clip(low, high) for low, high in bounds] + [o.wide.clip(-(1 << 50), 1 << 50), o.jet.clip(-1, 1)]


def _max(o: Operands) -> list[Int]:
    return [o.x.maximum(o.y), o.x.maximum(0), o.wide.maximum(o.jet)]


def _min(o: Operands) -> list[Int]:
    return [o.x.minimum(o.y), o.x.minimum(0), o.wide.minimum(o.jet)]


def _abs(o: Operands) -> list[Int]:
    return [o.x.absolute(), o.jet.absolute(), (o.wide * -1).absolute(), (o.y - 201).absolute(), o.shift.absolute()]


def _lt(o: Operands) -> list[Int]:
    return [o.x.less(o.y), o.x.less(0), o.jet.less(o.wide), o.shift.less(12)]


def _eq(o: Operands) -> list[Int]:
    return [o.shift.equal(12), o.x.equal(o.x), o.y.equal(o.jet), o.wide.equal(o.x)]


def _select(o: Operands) -> list[Int]:
    one = o.x.equal(o.x)
    return [o.bit.where(o.x, o.jet), o.bit.where(o.wide, -1), one.where(o.y, o.x), o.t.constant(0).where(o.x, 3)]


def _lead(o: Operands) -> list[Int]:
    tight = o.t.constant(1)
    return [v.leading() for v in (o.x.absolute(), (o.wide * -1).absolute(), o.shift, o.bit)] + [tight.leading() + o.jet]


def _norm(o: Operands) -> list[Int]:
    values = [o.x.absolute(), (o.wide * -1).absolute(), o.shift, o.bit]
    return [v.normalized(bits) for v in values for bits in (1, 5, 13, 30)]


def _align(o: Operands) -> list[Int]:
    # The exponent is the values' own, or any other: then the value saturates or loses bits.
    values = [v.aligned(o.shift, bits) for v in (o.x, o.y, o.jet) for bits in (1, 5, 16, 30)]
    square = (o.wide * -1).absolute().leading()
    values += [o.wide.aligned(square, bits) for bits in (3, 20)]
    return [*values, o.x.aligned(o.x.absolute().max_lanes().leading(), 9), o.x.aligned(o.t.constant(7), 5)]


def _lookup(o: Operands) -> list[Int]:
    cubes = o.t.table("cubes", [(i - 12) ** 3 for i in range(25)])
    single = o.t.table("single", [-5])
    wide = o.t.table("wide", [(-3) ** i for i in range(32)])
    index = o.x.clip(3, 9)
    return [o.shift.lookup(cubes), index.lookup(cubes), (o.jet >> 40).clip(0, 0).lookup(single), o.shift.lookup(wide)]


def _suml(o: Operands) -> list[Int]:
    return [o.x.sum_lanes(), o.wide.sum_lanes() >> 1, o.shift.sum_lanes(), o.t.constant([5, -7, 1]).sum_lanes() + o.jet]


def _maxl(o: Operands) -> list[Int]:
    return [o.x.max_lanes(), o.wide.max_lanes(), o.jet.max_lanes(), (o.x.absolute() * -1).max_lanes()]


def _sumr(o: Operands) -> list[Int]:
    # A sum feeds the rows again: two passes, and a value of the first that the second reads.
    total = o.y.sum_rows()
    again = (o.y * total).sum_rows()
    return [o.x.sum_rows(), total, again, total - o.x, (again + total).sum_lanes(), o.shift.sum_rows() * (o.wide >> 20)]


def _maxr(o: Operands) -> list[Int]:
    largest = o.y.max_rows()
    negative = (o.x.absolute() * -1).max_rows()
    return [o.x.max_rows(), largest, negative, largest - o.y, o.wide.max_rows(), (o.wide * -1).max_rows() >> 3]


def _lane(o: Operands) -> list[Int]:
    return [o.x.lane(0), o.x.lane(LANES - 1), o.wide.lane(1), o.shift.lane(0), o.t.constant([4, -9]).lane(1) + o.jet]


def _stack(o: Operands) -> list[Int]:
    five = o.t.constant(5)
    return [
        o.t.stack([o.x.lane(2), o.x.lane(0)]),
        o.t.stack([o.shift, o.shift, o.x.lane(1), o.bit.lane(0)]),
        o.t.stack([o.shift, o.jet, five]),
        o.t.stack([five, o.jet]),
        o.t.stack([five, five]) * o.jet,
        o.t.stack([o.jet]) + o.shift,
    ]


def _const(o: Operands) -> list[Int]:
    vector = o.t.constant([3, -(1 << 35), 0])
    return [vector + o.x, o.t.constant(-(1 << 45)) + o.jet, vector.lane(1) - o.jet]


def _row_index(o: Operands) -> list[Int]:
    return [o.t.row_index() + o.jet, o.t.row_index().less(o.shift), o.t.row_index() * o.x]


def _input(o: Operands) -> list[Int]:
    return [o.x, o.y, o.shift, o.jet]


# Writes values that exercise one instruction.
INSTRUCTIONS: dict[str, Callable[[Operands], list[Int]]] = {
    "input": _input,
    "const": _const,
    "row": _row_index,
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "shl": _shl,
    "shr": _shr,
    "rsh": _rsh,
    "rshv": _rshv,
    "shlv": _shlv,
    "clip": _clip,
    "max": _max,
    "min": _min,
    "abs": _abs,
    "lt": _lt,
    "eq": _eq,
    "select": _select,
    "lead": _lead,
    "norm": _norm,
    "align": _align,
    "lookup": _lookup,
    "suml": _suml,
    "maxl": _maxl,
    "sumr": _sumr,
    "maxr": _maxr,
    "lane": _lane,
    "stack": _stack,
}


def instruction_program(op: str, rows: int) -> Program:
    """Program of one instruction, all its values visible."""
    t = Tracer(f"only_{op}", rows)
    for number, value in enumerate(INSTRUCTIONS[op](Operands(t))):
        show(t, f"out{number}", value)
    assert any(node.op == op for node in t.program.nodes)
    return t.program


def blocks_program(rows: int) -> Program:
    """All building blocks on one wide and one narrow argument, with coarse tables."""
    t = Tracer("all_blocks", rows)
    x = t.input("x", -(1 << 16), (1 << 16) - 1, lanes=2)
    y = t.input("y", -90, 100)
    total = (x * x).sum_lanes()
    exponent = blocks.block_exponent([x, y])
    values = [blocks.log2(t, total, 6, 5), blocks.sqrt(t, total, 2, 5), blocks.angle(t, y, x, 6, 5)]
    values += [*blocks.rsqrt(t, total, 9, 5), *blocks.reciprocal(t, y.absolute(), 8, 5), blocks.sqrt(t, total, 0, 4)]
    values += [blocks.block_normalize(v, exponent, 8) for v in (x, y)]
    for number, value in enumerate(values):
        show(t, f"out{number}", value)
    return t.program


class RandomProgram:
    """Writes a random program with ``rng``: values of all shapes and widths, every instruction with some luck."""

    def __init__(self, rng: random.Random, rows: int, size: int, name: str = "random_program") -> None:
        self.rng, self.t = rng, Tracer(name, rows)
        t = self.t
        self.values: list[Int] = [
            t.input("x", *self._interval(BORDER_BITS - 1), lanes=LANES),
            t.input("y", *self._interval(rng.randint(1, 8))),
            t.input("j", *self._interval(rng.randint(1, 12)), per_row=False),
            t.input("k", *self._interval(rng.randint(1, 12)), lanes=LANES, per_row=False),
        ]
        self.tables = 0
        while len(t.program.nodes) < size:
            self._step(rng.choice(_STEPS))

    def finish(self) -> Program:
        """Show every value that no other one reads, and some that others do."""
        used = {a for node in self.t.program.nodes for a in node.args}
        for number, value in enumerate(list(self.values)):
            if value.index not in used or self.rng.random() < 0.2:
                # A sum with an input: what is constant cannot be an output.
                show(self.t, f"out{number}", value + self.values[2])
        return self.t.program

    def _interval(self, bits: int) -> tuple[int, int]:
        top = 1 << bits
        ends = sorted(self.rng.choice([self.rng.randint(-top, top - 1), -top, top - 1, 0, 1, -1]) for _ in range(2))
        return (ends[0], ends[1]) if ends[0] < ends[1] else (-top, top - 1)

    def _step(self, op: str) -> None:
        try:
            value = getattr(self, f"_{op}")()
        except ExportError:  # too wide: another step will do
            return
        if max(abs(value.low), abs(value.high)).bit_length() <= WIDE_BITS:
            self.values.append(value)

    def _any(self) -> Int:
        return self.rng.choice(self.values)

    def _narrow(self, bits: int) -> Int:
        value = self._any()
        surplus = max(abs(value.low), abs(value.high)).bit_length() - bits
        return value if surplus <= 0 else value >> surplus

    def _other(self) -> Int | int:
        return self._any() if self.rng.random() < 0.7 else self.rng.randint(-300, 300)

    def _amount(self, most: int) -> Int:
        return self._any().clip(0, self.rng.randint(0, most))

    def _per_row(self) -> Int:
        return self.rng.choice([v for v in self.values if v.node.per_row])

    def _add(self) -> Int:
        return self._any() + self._other()

    def _sub(self) -> Int:
        return self._any() - self._other()

    def _mul(self) -> Int:
        return self._narrow(30) * self._narrow(self.rng.randint(1, 30))

    def _square(self) -> Int:
        value = self._narrow(30)
        return value * value

    def _shl(self) -> Int:
        return self._any() << self.rng.randint(0, 20)

    def _shr(self) -> Int:
        return self._any() >> self.rng.randint(0, 30)

    def _rsh(self) -> Int:
        return self._any().round_shift(self.rng.randint(-4, 60))

    def _rshv(self) -> Int:
        return self._any().round_shift_by(self._amount(40))

    def _shlv(self) -> Int:
        return self._narrow(self.rng.randint(1, 30)).shift_left_by(self._amount(30))

    def _clip(self) -> Int:
        return self._any().clip(*self._interval(self.rng.randint(0, 30)))

    def _max(self) -> Int:
        return self._any().maximum(self._other())

    def _min(self) -> Int:
        return self._any().minimum(self._other())

    def _abs(self) -> Int:
        return self._any().absolute()

    def _lt(self) -> Int:
        return self._any().less(self._other())

    def _eq(self) -> Int:
        return self._amount(3).equal(self._amount(3))

    def _select(self) -> Int:
        return self._any().less(self._other()).where(self._other(), self._other())

    def _lead(self) -> Int:
        return self._any().absolute().leading()

    def _norm(self) -> Int:
        return self._any().absolute().normalized(self.rng.randint(1, 14))

    def _align(self) -> Int:
        exponent = self._any().absolute().leading() if self.rng.random() < 0.7 else self._amount(30)
        return self._any().aligned(exponent, self.rng.randint(1, 20))

    def _lookup(self) -> Int:
        size = self.rng.randint(1, 12)
        low, high = self._interval(self.rng.randint(1, 20))
        table = self.t.table(f"table{self.tables}", [self.rng.randint(low, high) for _ in range(size)])
        self.tables += 1
        return self._any().clip(0, size - 1).lookup(table)

    def _suml(self) -> Int:
        return self._any().sum_lanes()

    def _maxl(self) -> Int:
        return self._any().max_lanes()

    def _sumr(self) -> Int:
        return self._per_row().sum_rows()

    def _maxr(self) -> Int:
        return self._per_row().max_rows()

    def _lane(self) -> Int:
        value = self._any()
        return value.lane(self.rng.randrange(value.node.lanes))

    def _stack(self) -> Int:
        values = [self._any() for _ in range(LANES)]
        return self.t.stack([v.lane(self.rng.randrange(v.node.lanes)) for v in values])

    def _row(self) -> Int:
        return self.t.row_index()

    def _const(self) -> Int:
        return self.t.constant([self.rng.randint(-(1 << 30), 1 << 30) for _ in range(self.rng.choice([1, LANES]))])


_STEPS = [name for name in INSTRUCTIONS if name != "input"] + ["square"]


def random_program(rng: random.Random, rows: int, size: int, name: str = "random_program") -> Program:
    """A random program of about ``size`` instructions."""
    return RandomProgram(rng, rows, size, name).finish()


def edge_inputs(program: Program, rows: int, rng: np.random.Generator, n_random: int = 40) -> list[np.ndarray]:
    """Inputs inside the program's intervals, int64 (jets, rows or 1, lanes).

    The first jets are the edges: all at the lower end, all at the upper end, one LSB inside, zero, plus and minus one;
    then every entry at a random edge; then small and uniform random ones.
    """
    return [_edge_input(program, port.node, rows, rng, n_random) for port in program.inputs]


def _edge_input(program: Program, index: int, rows: int, rng: np.random.Generator, n_random: int) -> np.ndarray:
    node = program.nodes[index]
    shape = (rows if node.per_row else 1, node.lanes)

    def inside(values: Sequence[int] | np.ndarray) -> np.ndarray:
        return np.clip(np.asarray(values, dtype=np.int64), node.low, node.high)

    edges = inside([node.low, node.high, node.low + 1, node.high - 1, 0, 1, -1])
    small = np.exp2(rng.uniform(0, 24, (n_random, *shape))) * rng.choice([-1, 1], (n_random, *shape))
    return np.concatenate(
        [
            np.broadcast_to(edges[:, None, None], (len(edges), *shape)),
            rng.choice(edges, (n_random, *shape)),
            inside(small.astype(np.int64)),
            rng.integers(node.low, node.high, (n_random, *shape), endpoint=True),
        ]
    )
