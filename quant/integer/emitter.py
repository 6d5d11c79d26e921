"""The base of everything that reads integer programs: PyTorch, ONNX, C++ and Verilog.

An :class:`Emitter` has one method per instruction. What a method gives is the emitter's own affair: a tensor, the name
of an ONNX value, lines of C++, logic. A class that lacks a method cannot be defined, so that an instruction which is
new in :mod:`tritag.quant.integer.instructions` is missed nowhere.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tritag.quant.integer.instructions import INSTRUCTIONS
from tritag.quant.integer.program import Node, Program

X = TypeVar("X")
Y = TypeVar("Y")


@dataclass(frozen=True)
class Place:
    """Where an instruction stands in its program: its index, its node, and the nodes of its operands."""

    index: int
    node: Node
    args: tuple[Node, ...]


class Emitter(ABC, Generic[X, Y]):
    """Goes through a program; ``X`` is what an operand is, ``Y`` what an instruction becomes.

    Each method takes the place of the instruction, its operands, and its settings, which are integers. The result's
    and the operands' proven intervals are in the place.
    """

    def __init__(self, program: Program) -> None:
        self.program = program

    def __init_subclass__(cls, **named: Any) -> None:
        """Refuse a class that lacks an instruction.

        Raises
        ------
        TypeError
            Methods are missing; the message names them.
        """
        super().__init_subclass__(**named)
        methods = {name: getattr(cls, name, None) for name in INSTRUCTIONS}
        missing = [n for n, method in methods.items() if method is None or hasattr(method, "__isabstractmethod__")]
        if missing:
            raise TypeError(
                f"{cls.__name__} must have a method for every instruction of integer programs, but lacks "
                f"{', '.join(missing)}; see tritag.quant.integer.instructions"
            )

    def walk(self) -> Iterator[tuple[int, Y]]:
        """Emit all instructions in the program's order; each is followed by its index."""
        for index in range(len(self.program.nodes)):
            yield index, self.emit(index)

    def emit(self, index: int) -> Y:
        """Emit the instruction at ``index``, with its operands as :meth:`operand` gives them."""
        node = self.program.nodes[index]
        at = Place(index, node, tuple(self.program.nodes[a] for a in node.args))
        return self.apply(at, [self.operand(a, at) for a in node.args])

    def apply(self, at: Place, operands: Sequence[X]) -> Y:
        """Call the instruction's method."""
        return getattr(self, at.node.op)(at, *operands, *at.node.params)

    @abstractmethod
    def operand(self, index: int, at: Place) -> X:
        """Give the value of the instruction at ``index``, as the instruction at the place ``at`` reads it."""

    @abstractmethod
    def input(self, at: Place, /) -> Y:
        """Integers of the input port whose node stands at this place."""

    @abstractmethod
    def const(self, at: Place, /, *values: int) -> Y:
        """Constants, one per lane."""

    @abstractmethod
    def row(self, at: Place, rows: int, /) -> Y:
        """Index of the row among ``rows``."""

    @abstractmethod
    def add(self, at: Place, a: X, b: X, /) -> Y:
        """``a + b``."""

    @abstractmethod
    def sub(self, at: Place, a: X, b: X, /) -> Y:
        """``a - b``."""

    @abstractmethod
    def mul(self, at: Place, a: X, b: X, /) -> Y:
        """``a * b``."""

    @abstractmethod
    def shl(self, at: Place, x: X, bits: int, /) -> Y:
        """``x * 2**bits``."""

    @abstractmethod
    def shr(self, at: Place, x: X, bits: int, /) -> Y:
        """``x / 2**bits``, rounded down."""

    @abstractmethod
    def rsh(self, at: Place, x: X, bits: int, /) -> Y:
        """``x / 2**bits``, rounded half to even."""

    @abstractmethod
    def rshv(self, at: Place, x: X, bits: X, /) -> Y:
        """``x / 2**bits``, rounded half to even, for a value ``bits``."""

    @abstractmethod
    def shlv(self, at: Place, x: X, bits: X, /) -> Y:
        """``x * 2**bits`` for a value ``bits``."""

    @abstractmethod
    def clip(self, at: Place, x: X, low: int, high: int, /) -> Y:
        """``x``, saturated to ``[low, high]``."""

    @abstractmethod
    def max(self, at: Place, a: X, b: X, /) -> Y:
        """The larger of the two."""

    @abstractmethod
    def min(self, at: Place, a: X, b: X, /) -> Y:
        """The smaller of the two."""

    @abstractmethod
    def abs(self, at: Place, x: X, /) -> Y:
        """Distance from zero of every entry."""

    @abstractmethod
    def lt(self, at: Place, a: X, b: X, /) -> Y:
        """1 where ``a < b``, else 0."""

    @abstractmethod
    def eq(self, at: Place, a: X, b: X, /) -> Y:
        """1 where both are equal, else 0."""

    @abstractmethod
    def select(self, at: Place, condition: X, then: X, otherwise: X, /) -> Y:
        """``then`` where the condition is 1, ``otherwise`` where it is 0."""

    @abstractmethod
    def lead(self, at: Place, x: X, /) -> Y:
        """Position of the leading one of ``x >= 0``; 0 for 0."""

    @abstractmethod
    def norm(self, at: Place, x: X, bits: int, /) -> Y:
        """The ``bits`` most significant bits of ``x >= 0`` from the leading one on; 0 for 0."""

    @abstractmethod
    def align(self, at: Place, x: X, exponent: X, bits: int, /) -> Y:
        """``x * 2**(bits - 1 - exponent)``, rounded half to even, ``x`` saturated to ``2**(exponent + 1)`` before."""

    @abstractmethod
    def lookup(self, at: Place, x: X, table: int, /) -> Y:
        """Entry ``x`` of table number ``table``."""

    @abstractmethod
    def suml(self, at: Place, x: X, /) -> Y:
        """Sum over the lanes."""

    @abstractmethod
    def maxl(self, at: Place, x: X, /) -> Y:
        """The largest of the lanes, in one lane."""

    @abstractmethod
    def sumr(self, at: Place, x: X, rows: int, /) -> Y:
        """Sum over all ``rows`` rows."""

    @abstractmethod
    def maxr(self, at: Place, x: X, /) -> Y:
        """Largest row, lane by lane."""

    @abstractmethod
    def lane(self, at: Place, x: X, index: int, /) -> Y:
        """The lane ``index`` alone."""

    @abstractmethod
    def stack(self, at: Place, /, *parts: X) -> Y:
        """Values of one lane each, side by side as lanes."""


__all__ = ["Emitter", "Place"]
