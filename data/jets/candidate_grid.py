"""Grids as data: which fields a candidate has, in which steps they are counted, and where they lie in its word.

A grid is a file of ``configs/grids``, or a YAML file of one's own; docs/grids.md explains its keys. The integer of a
field is called its code. Every grid has pt, eta and phi; what a tagger takes beside them, its own YAML names.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tritag.configs import build, load_config
from tritag.errors import ConfigError, short, unknown_name

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
        if not self.name.isidentifier():
            raise ConfigError(f"a field's name must be a word of letters, digits and _, got {short(self.name)}")
        if not 1 <= self.bits <= most:
            raise ConfigError(f"field {self.name}: bits must lie in [1, {most}], got {self.bits}")
        if not 0 < self.lsb < math.inf:
            raise ConfigError(f"field {self.name}: lsb must be > 0, got {self.lsb}")
        least, largest = self._of_bits
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
    def _of_bits(self) -> tuple[int, int]:
        return (-(2 ** (self.bits - 1)), 2 ** (self.bits - 1) - 1) if self.signed else (0, 2**self.bits - 1)

    @property
    def min(self) -> int:
        """Least code that a candidate may have."""
        return self._of_bits[0] if self.low is None else self.low

    @property
    def max(self) -> int:
        """Largest code that a candidate may have."""
        return self._of_bits[1] if self.high is None else self.high

    @property
    def column(self) -> str:
        """Column of a jet file that gives the field."""
        return self.source or self.name

    @property
    def n_inputs(self) -> int:
        """Inputs of a network that the field becomes."""
        return self.max - self.min + 1 if self.one_hot else 1


@dataclass(frozen=True)
class CandidateGrid:
    """The fields of a candidate and its word.

    Attributes
    ----------
    fields : tuple of CandidateField
        pt, eta and phi first.
    word_bits : int
        Width of a candidate's word, at most 64.
    summary : str
        What it is, in a line.
    """

    fields: tuple[CandidateField, ...]
    word_bits: int = 64
    summary: str = ""

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        if tuple(names[:3]) != KINEMATICS or len(set(names)) != len(names):
            raise ConfigError(f"a grid must have the fields pt, eta, phi first and each name once, got {names}")
        if not 1 <= self.word_bits <= 64:
            raise ConfigError(f"word_bits must lie in [1, 64], got {self.word_bits}")
        for i, field in enumerate(self.fields):
            if field.position < 0 or field.position + field.bits > self.word_bits:
                raise ConfigError(
                    f"field {field.name} must lie inside the {self.word_bits} bits of the word, got bits "
                    f"{field.position}..{field.position + field.bits - 1}"
                )
            self._check_when(field, names[:i])
            for other in self.fields[:i]:
                if _overlap(field, other) and not _exclude(field, other):
                    raise ConfigError(
                        f"fields {other.name} and {field.name} must not share bits of the word; move one, or give them "
                        "when with different codes of one field"
                    )

    def _check_when(self, field: CandidateField, before: Sequence[str]) -> None:
        if field.when is None:
            return
        if field.name in KINEMATICS or field.when.field not in before[3:]:
            raise ConfigError(f"field {field.name}: when must name a field before it, got {short(field.when.field)}")
        if (other := self.field(field.when.field)).when is not None:
            raise ConfigError(f"field {field.name}: when must name a field that all candidates have, not {other.name}")

    def field(self, name: str) -> CandidateField:
        """The field ``name``.

        Raises
        ------
        ConfigError
            The grid has no such field.
        """
        for field in self.fields:
            if field.name == name:
                return field
        raise ConfigError(unknown_name("field of the grid", name, [field.name for field in self.fields]))

    def taken(self, names: Iterable[str]) -> tuple[CandidateField, ...]:
        """pt, eta, phi, and the fields ``names``: the columns of a tagger's codes, in this order.

        Raises
        ------
        ConfigError
            Unknown fields, pt, eta or phi among them, or one twice.
        """
        names = tuple(names)
        if len(set(names)) != len(names) or set(names) & set(KINEMATICS):
            raise ConfigError(f"fields must be different ones beside pt, eta and phi, got {list(names)}")
        return (*self.fields[:3], *(self.field(name) for name in names))

    @property
    def kinematics(self) -> tuple[CandidateField, ...]:
        """pt, eta and phi as far as numbers depend on them: without their positions."""
        return tuple(CandidateField(**{**vars(field), "position": 0}) for field in self.fields[:3])


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


def _overlap(a: CandidateField, b: CandidateField) -> bool:
    return a.position < b.position + b.bits and b.position < a.position + a.bits


def _exclude(a: CandidateField, b: CandidateField) -> bool:
    """Whether no candidate has both fields."""
    if a.when is None or b.when is None or a.when.field != b.when.field:
        return False
    return not set(a.when.codes) & set(b.when.codes)


def load_grid(name: str | Path, beside: Path | None = None) -> CandidateGrid:
    """Read ``configs/grids/<name>.yaml``, or a YAML file by its path, relative to the folder ``beside``.

    Raises
    ------
    ConfigError
        Unknown name or key, or a value out of its range.
    """
    if beside is not None and str(name).endswith((".yaml", ".yml")):
        name = beside / name
    return build(CandidateGrid, with_numbers(load_config("grids", name)), f"grid {name}")


def with_numbers(values: Mapping[str, Any]) -> dict[str, Any]:
    """A grid's mapping with ``pi/720`` and ``1/64`` as numbers.

    Raises
    ------
    ConfigError
        A text that is no such number.
    """
    fields = values.get("fields")
    if not isinstance(fields, list | tuple) or not all(isinstance(entry, Mapping) for entry in fields):
        raise ConfigError(
            f"a grid must list its fields, each a mapping with name, bits and position, got {short(fields)}"
        )
    numbers = [{key: _number(key, x) if key in ("lsb", "step") else x for key, x in entry.items()} for entry in fields]
    return {**values, "fields": numbers}


def _number(key: str, value: object) -> object:
    if not isinstance(value, str):
        return value
    text = value.replace(" ", "")
    try:
        if text.startswith("pi/"):
            return math.pi / int(text[3:])
        above, _, below = text.partition("/")
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise ConfigError(f"{key} must be a number, 1/64 or pi/720, got {short(value)}") from error


TOP = load_grid("top")
