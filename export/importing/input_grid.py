"""What the integers at an imported program's inputs mean: bits, sign, LSB and unit of each, told by a YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tritag.errors import ConfigError
from tritag.quant.requantize.exact import rationals

_MAX_BITS = 24
_KEYS = ("bits", "signed", "lsb", "unit", "features")


@dataclass(frozen=True)
class InputGrid:
    """Integers of ``bits`` bits; one stands for ``lsb`` in ``unit``.

    Attributes
    ----------
    lsb : tuple of float
        One number, or one for each feature (entry of the last axis).
    features : tuple of str
        Names of the features, for people; may be empty.
    """

    bits: int
    signed: bool
    lsb: tuple[float, ...]
    unit: tuple[str, ...] = ()
    features: tuple[str, ...] = ()

    @property
    def ends(self) -> tuple[int, int]:
        """Smallest and largest integer."""
        return (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1) if self.signed else (0, (1 << self.bits) - 1)

    def scale(self, shape: tuple[int, ...]) -> np.ndarray:
        """Exact LSBs (Fractions) that broadcast to an input's shape without the batch axis."""
        return rationals(np.array(self.lsb)).reshape([1] * (len(shape) - 1) + [len(self.lsb)])

    def check(self, name: str, shape: tuple[int, ...]) -> None:
        """Refuse a grid whose numbers are not one for each feature.

        Raises
        ------
        ConfigError
            With both counts.
        """
        for what, given in (("lsb", self.lsb), ("unit", self.unit), ("features", self.features)):
            if len(given) > 1 and len(given) != shape[-1]:
                raise ConfigError(
                    f"{what} of input {name!r} must be one, or {shape[-1]} for its shape, got {len(given)}"
                )


def read_grids(given: object) -> dict[str, InputGrid]:
    """Grids by the input's name, of the content of a YAML file.

    Raises
    ------
    ConfigError
        Another form, an unknown key, or a value out of its range.
    """
    if not isinstance(given, Mapping) or not given:
        raise ConfigError("the file of --inputs must hold the name of each input with bits, signed and lsb below it")
    return {str(name): _grid(str(name)[:60], entry) for name, entry in given.items()}


def _grid(name: str, entry: object) -> InputGrid:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"input {name!r} must hold {', '.join(_KEYS)}, got {str(entry)[:60]!r}")
    if unknown := [str(key)[:40] for key in entry if key not in _KEYS]:
        raise ConfigError(f"input {name!r}: keys must be among {', '.join(_KEYS)}, got {', '.join(unknown)}")
    for key in ("bits", "signed", "lsb"):
        if key not in entry:
            raise ConfigError(f"input {name!r} must hold {key}")
    bits, signed = entry["bits"], entry["signed"]
    if type(bits) is not int or not 1 <= bits <= _MAX_BITS:
        raise ConfigError(f"bits of input {name!r} must be an integer in [1, {_MAX_BITS}], got {str(bits)[:40]!r}")
    if type(signed) is not bool:
        raise ConfigError(f"signed of input {name!r} must be true or false, got {str(signed)[:40]!r}")
    lsb = tuple(_number(name, x) for x in _several(entry["lsb"]))
    texts = [tuple(str(x)[:60] for x in _several(entry.get(key, ()))) for key in ("unit", "features")]
    return InputGrid(bits, signed, lsb, *texts)


def _several(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]


def _number(name: str, value: object) -> float:
    """A positive number: as YAML reads it, ``2**-10``, or a quotient such as ``1/64``."""
    text = str(value).replace(" ", "")
    try:
        if "**" in text:
            base, power = text.split("**")
            number = float(base) ** int(power)
        else:
            above, _, below = text.partition("/")
            number = float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError, OverflowError):
        number = float("nan")
    if isinstance(value, bool) or not 0 < number < float("inf"):
        raise ConfigError(f"lsb of input {name!r} must be a number > 0, 2**-10 or 1/64, got {str(value)[:40]!r}")
    return number
