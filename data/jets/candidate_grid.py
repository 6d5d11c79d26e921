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
from tritag.data.jets.candidate_field import KINEMATICS, CandidateField
from tritag.errors import ConfigError, short, unknown_name


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


@dataclass(frozen=True)
class CandidateInputs:
    """What a tagger takes of each candidate: pt, eta, phi of a grid, and ``names`` beside them.

    Attributes
    ----------
    grid : CandidateGrid
    names : tuple of str
        Fields beside pt, eta and phi, in the order of the codes.
    """

    grid: CandidateGrid
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self.grid.taken(self.names)

    @property
    def fields(self) -> tuple[CandidateField, ...]:
        """The columns of the codes."""
        return self.grid.taken(self.names)

    @property
    def code_range(self) -> tuple[int, int]:
        """Least and largest number that the bits of any column hold."""
        return min(field.of_bits[0] for field in self.fields), max(field.of_bits[1] for field in self.fields)

    @property
    def plain(self) -> bool:
        """Whether the candidates are those of the grid ``top`` with pt, eta and phi alone."""
        return self.names == () and self.same_kinematics

    @property
    def same_kinematics(self) -> bool:
        """Whether pt, eta and phi have the steps and ranges of the grid ``top``."""
        return all(
            (a.lsb, a.min, a.max) == (b.lsb, b.min, b.max)
            for a, b in zip(self.grid.fields[:3], TOP.fields, strict=False)
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
PLAIN = CandidateInputs(TOP)
