"""Axes of a sweep: lists of values, or ranges, and what may stand in them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from tritag.errors import ConfigError, short, unknown_name
from tritag.files import JsonValue
from tritag.pipeline.defaults import SECTIONS

# Axes that are no settings of a section; those of the design need no training of their own.
TRAINED = ("tagger", "constituents", "precision", "seed")
DESIGNED = ("target", "interval", "beats", "dsp_bits")
# Axes of whole numbers, and the least of each; null means what the command takes without the option, which no seed is.
_WHOLE = {"constituents": 1, "seed": 0, "interval": 1, "beats": 1, "dsp_bits": 1}
_NAMES = ("tagger", "precision", "target")


def require_axes(axes: Mapping[str, object], settings: Iterable[str]) -> None:
    """Refuse axes that are none, no axis of taggers, and what is an axis and a setting at once.

    Raises
    ------
    ConfigError
        Names the axis.
    """
    for name in axes:
        section, _, key = name.partition(".")
        if name not in (*TRAINED, *DESIGNED) and (section not in SECTIONS or not key):
            valid = [*TRAINED, *DESIGNED, *(f"{s}.KEY" for s in SECTIONS)]
            raise ConfigError(unknown_name("axis", name, valid))
    if "tagger" not in axes:
        raise ConfigError("axes must name the taggers; add the key 'tagger' with a list")
    for setting in settings:
        if (name := setting.partition("=")[0].strip()) in axes:
            raise ConfigError(f"{name} must be an axis or one of the settings, got both; leave out {setting}")


def require_values(axes: Mapping[str, object], is_grid: bool) -> None:
    """Refuse axes without values, or with values that no design or training can have.

    Raises
    ------
    ConfigError
        As :func:`range_of` and :func:`values_of`; names that are none, and numbers that are not whole.
    """
    for name in axes:
        found = values_of(axes, name) if is_grid else range_of(axes, name)
        if name in _NAMES and not (isinstance(found, list) and all(isinstance(value, str) for value in found)):
            raise ConfigError(f"axes.{name} must be a list of names, got {short(axes[name])}")
        if name in _WHOLE:
            _require_whole(name, range_of(axes, name))


def _require_whole(name: str, found: list[JsonValue] | dict[str, JsonValue]) -> None:
    numbers = found if isinstance(found, list) else [found[key] for key in ("from", "to", "step") if key in found]
    least = _WHOLE[name]
    for number in numbers:
        if number is None and name != "seed":
            continue
        if type(number) is not int or number < least:
            raise ConfigError(f"axes.{name} must be whole numbers from {least} on, got {short(number)}")


def range_of(axes: Mapping[str, object], name: str) -> list[JsonValue] | dict[str, JsonValue]:
    """Values of an axis, or its checked range.

    Raises
    ------
    ConfigError
        Neither a list nor a range, or an empty one.
    """
    given = axes[name]
    if isinstance(given, Mapping):
        if not {"from", "to"} <= set(given) or set(given) - {"from", "to", "step", "log"}:
            raise ConfigError(f"axes.{name} must have from and to, and may have step and log, got {short(dict(given))}")
        low, high, step = given["from"], given["to"], given.get("step", 1)
        if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in (low, high, step)):
            raise ConfigError(f"axes.{name} must be numbers, got {short(dict(given))}")
        if not (low < high and step > 0):
            raise ConfigError(f"axes.{name} must go upwards in steps above 0, got {short(dict(given))}")
        if given.get("log") and low <= 0:
            raise ConfigError(f"axes.{name} must begin above 0 with log, got {short(dict(given))}")
        if given.get("log") and "step" in given:
            raise ConfigError(f"axes.{name} must have a step or log, got both in {short(dict(given))}; leave one out")
        return dict(given)
    values: list[JsonValue] = list(given) if isinstance(given, list | tuple) else [given]  # type: ignore[list-item]
    if not values or len({str(value) for value in values}) != len(values):
        raise ConfigError(f"axes.{name} must be different values, got {short(values)}")
    return values


def values_of(axes: Mapping[str, object], name: str) -> list[JsonValue]:
    """All values of an axis of a grid.

    Raises
    ------
    ConfigError
        As :func:`range_of`, or a range without ``step``.
    """
    found = range_of(axes, name)
    if isinstance(found, list):
        return found
    if "step" not in found or found.get("log"):
        raise ConfigError(f"axes.{name} must have a step in a grid, and no log, got {short(found)}")
    low, high, step = (float(found[key]) for key in ("from", "to", "step"))  # type: ignore[arg-type]
    steps = [low + i * step for i in range(math.floor((high - low) / step + 1e-9) + 1)]
    whole = all(isinstance(found[key], int) for key in ("from", "step"))
    return [int(x) if whole else x for x in steps]
