"""A value on the way through the circuit: a name, its proven interval, and when it is there."""

from __future__ import annotations

from dataclasses import dataclass, field

from tritag.quant.formats.fixed import int_bits


@dataclass(frozen=True)
class Hold:
    """A register that keeps a jet's value from stage ``start`` to stage ``end``, both included."""

    name: str
    start: int
    end: int


@dataclass(eq=False)
class Signal:
    """An integer in ``[low, high]``; unsigned in as many bits as needed when ``low >= 0``, else two's complement.

    Attributes
    ----------
    stage : int
        Clock cycles after a jet's first beat entered. A row's value with index of beat b is there at ``stage + b``.
    offset : float
        ns after the clock edge of that stage at which the value has settled.
    jet : bool
        One value per jet, there at ``stage`` alone unless a :class:`Hold` keeps it; else a new value every cycle.
    const : int, optional
        The value, when it is known: such a signal has no wire.
    holds : list of Hold
        Where a jet's value can be read, in order of their start.
    delayed : dict
        Names of a row's value at later stages.
    """

    name: str
    low: int
    high: int
    stage: int = 0
    offset: float = 0.0
    jet: bool = False
    const: int | None = None
    holds: list[Hold] = field(default_factory=list)
    delayed: dict[int, str] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Number of bits that hold the signal's interval, at least one."""
        return max(int_bits(self.low, self.high), 1)

    @property
    def signed(self) -> bool:
        """Whether the top bit is a sign."""
        return self.low < 0


def constant(value: int) -> Signal:
    """A value that is known when the Verilog is written: it needs no wire."""
    return Signal(str(value), value, value, const=value)


def literal(value: int, width: int) -> str:
    """Verilog literal of ``width`` bits, two's complement."""
    return f"{width}'d{value & ((1 << width) - 1)}"


def extend(name: str, width: int, signed: bool, to: int) -> str:
    """A wire's low ``to`` bits, sign- or zero-extended when it is narrower."""
    if to == width:
        return name
    if to < width:
        return f"{name}[{to - 1}:0]"
    if not signed:
        return f"{{{to - width}'d0, {name}}}"
    top = f"{name}[{width - 1}]" if width > 1 else name
    return f"{{{{{to - width}{{{top}}}}}, {name}}}"
