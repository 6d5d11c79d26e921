"""One field of a candidate, as a grid declares it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

from tritag.errors import ConfigError, short

# Units stand in comments of firmware.
_UNIT = re.compile(r"[A-Za-z0-9^. -]{1,16}")
KINEMATICS = ("pt", "eta", "phi")
_MOST_BITS = {"pt": 16, "eta": 14, "phi": 12}
_BITS_MAX = 16
# Inputs of a network are counted in 2**-8 and lie in [-8, 8); a field's codes must be exact there.
INPUT_FRACTION, INPUT_BITS = 8, 12


@dataclass(frozen=True)
class When:
    """Which candidates have a field: those whose ``field`` has one of ``codes``."""

    field: str
    codes: tuple[int, ...]


@dataclass(frozen=True)
class CandidateField:
    """One field of a candidate.

    Attributes
    ----------
    name : str
    bits : int
        Width, two's complement where ``signed``.
    position : int
        Place of its lowest bit in the word.
    lsb : float
        What one step of the code stands for, in ``unit``.
    low, high : int, optional
        Least and largest code; by default what the bits hold.
    turn : bool
        An angle: ``high + 1`` is ``low`` again.
    source : str
        Column of a jet file that gives it, with its unit in the name (``z0_cm``); by default the field's name.
    root : bool
        The code counts the root of the source's magnitude.
    kinds : tuple of int
        A field of kinds: entry i is the number in the source (a PDG number) that has code i.
    one_hot : bool
        A network gets one input, 0 or 1, for each code.
    step : float
        What one step of the code counts in a network's input: a power of two. 0 of pt, eta and phi.
    when : When, optional
        Which candidates have the field; all by default.
    otherwise : int
        Code where a candidate does not have it.
    """

    name: str
    bits: int
    position: int
    signed: bool = False
    lsb: float = 1.0
    unit: str = "1"
    low: int | None = None
    high: int | None = None
    turn: bool = False
    source: str = ""
    root: bool = False
    kinds: tuple[int, ...] = ()
    one_hot: bool = False
    step: float = 0.0
    when: When | None = None
    otherwise: int = 0

    def __post_init__(self) -> None:
        most = _MOST_BITS.get(self.name, _BITS_MAX)
        if not (self.name.isascii() and self.name.isidentifier()) or not (_UNIT.fullmatch(self.unit)):
            raise ConfigError(
                f"a field's name must be a word of letters, digits and _, its unit a short text like cm^0.5, got "
                f"{short(self.name)} and {short(self.unit)}"
            )
        if not 1 <= self.bits <= most:
            raise ConfigError(f"field {self.name}: bits must lie in [1, {most}], got {self.bits}")
        if not 0 < self.lsb < math.inf:
            raise ConfigError(f"field {self.name}: lsb must be > 0, got {self.lsb}")
        least, largest = self.of_bits
        if not least <= self.min <= self.max <= largest or not self.min <= self.otherwise <= self.max:
            raise ConfigError(
                f"field {self.name}: low <= otherwise <= high must lie in [{least}, {largest}] of its bits, got "
                f"{self.min}, {self.otherwise}, {self.max}"
            )
        if len(set(self.kinds)) != len(self.kinds) or len(self.kinds) > self.max + 1:
            raise ConfigError(f"field {self.name}: kinds must be at most {self.max + 1} different numbers")
        if self.name in KINEMATICS:
            _check_kinematics(self)
        else:
            _check_input(self)

    @property
    def of_bits(self) -> tuple[int, int]:
        """Least and largest number that the bits hold."""
        return (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if self.signed else (0, 2**self.bits - 1)

    @property
    def min(self) -> int:
        """Least code that a candidate may have."""
        return self.of_bits[0] if self.low is None else self.low

    @property
    def max(self) -> int:
        """Largest code that a candidate may have."""
        return self.of_bits[1] if self.high is None else self.high

    @property
    def column(self) -> str:
        """Column of a jet file that gives the field."""
        return self.source or self.name

    @property
    def n_inputs(self) -> int:
        """Inputs of a network that the field becomes."""
        return self.max - self.min + 1 if self.one_hot else 1


def _check_kinematics(field: CandidateField) -> None:
    if field.signed is (field.name == "pt") or field.turn is not (field.name == "phi") or field.otherwise:
        raise ConfigError(f"field {field.name} must be {'unsigned' if field.name == 'pt' else 'signed'}, phi a turn")
    if field.step or field.one_hot or field.kinds or field.root or field.source:
        raise ConfigError(f"field {field.name} comes from the momenta: leave step, one_hot, kinds, root and source out")
    turn = (field.max - field.min + 1) * field.lsb
    if field.turn and not math.isclose(turn, 2 * math.pi, rel_tol=1e-9):
        raise ConfigError(f"field phi: its codes must be one turn, 2 pi, got {turn:.6g}; correct lsb, low or high")


def _check_input(field: CandidateField) -> None:
    if field.turn:
        raise ConfigError(f"field {field.name}: only phi is a turn")
    if field.one_hot:
        if field.n_inputs > 64 or field.step:
            raise ConfigError(f"field {field.name}: one_hot needs at most 64 codes and no step")
        return
    exact = field.step > 0 and math.log2(field.step).is_integer() and field.step * 2**INPUT_FRACTION >= 1
    largest = max(-field.min, field.max + 1) * field.step
    if not exact or largest > 2 ** (INPUT_BITS - INPUT_FRACTION - 1):
        raise ConfigError(
            f"field {field.name}: step must be a power of two, at least 1/256, with all codes inside 8, got "
            f"{field.step:g}, with which they reach {largest:g}; or set one_hot"
        )
