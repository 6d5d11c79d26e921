"""The YAML files of tritag and the one loader that reads them.

Each room owns a frozen dataclass for its part (``DataConfig``, ``TaggerConfig``, ``QuantConfig``, ``TargetConfig``);
this module turns a mapping into such a dataclass and refuses what the dataclass does not know.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
import typing
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar

from tritag.errors import ConfigError, short, unknown_name
from tritag.numbers_as_written import whole_of
from tritag.structured import parse_yaml, read_yaml

T = TypeVar("T")

# Marks a setting that joined after runs had been made: it is left out of a run's digest while it has its default.
ADDED = {"added": True}
# Marks a real number that may be infinite.
INFINITE = {"infinite": True}


# Folder of configurations that are used by name, ``paper/lloca-2m``, and that no list of all names has.
PAPER = "paper"


def config_names(kind: str) -> list[str]:
    """Names of the YAML files in ``configs/<kind>/``, sorted; those of a folder in it by ``<kind>/<folder>``."""
    return sorted(
        p.name.removesuffix(".yaml") for p in files(__name__).joinpath(kind).iterdir() if p.name.endswith(".yaml")
    )


def paper_names(kind: str) -> list[str]:
    """Names of what ``configs/<kind>/paper/`` has: the sizes and studies of the paper, ``paper/lloca-2m``."""
    there = files(__name__).joinpath(kind, PAPER).is_dir()
    return [f"{PAPER}/{name}" for name in config_names(f"{kind}/{PAPER}")] if there else []


def precision_names() -> list[str]:
    """Names of all precisions: "float" and the files of ``configs/precisions``."""
    return ["float", *config_names("precisions")]


def load_config(kind: str, name: str | Path) -> dict[str, Any]:
    """Read ``configs/<kind>/<name>.yaml``, or the file ``name`` when it ends in ``.yaml``.

    Raises
    ------
    ConfigError
        Unknown name (the nearest one is offered), unreadable file, or a file that is not a mapping.
    """
    if str(name).endswith((".yaml", ".yml")):
        loaded = read_yaml(name)
    else:
        names = [*config_names(kind), *paper_names(kind)]
        if str(name) not in names:
            raise ConfigError(unknown_name(kind.removesuffix("s"), str(name), names))
        text = files(__name__).joinpath(kind, f"{name}.yaml").read_text(encoding="utf-8")
        loaded = parse_yaml(text, f"configuration {name}")
    if not isinstance(loaded, dict):
        raise ConfigError(f"configuration {name} must be a mapping of keys to values, got {type(loaded).__name__}")
    return loaded


def build(cls: type[T], values: Mapping[str, Any], where: str = "", finite: bool = True) -> T:
    """Make the dataclass ``cls`` from ``values``; nested dataclasses are built from nested mappings.

    ``finite``: real numbers that are infinite or none are refused, but for fields that are marked :data:`INFINITE`.

    Raises
    ------
    ConfigError
        A key the dataclass does not have (the nearest one is offered), a missing key, or a value of the wrong type.
    """
    where = where or cls.__name__
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    if not isinstance(values, Mapping):
        raise ConfigError(f"{where} must be a mapping of keys to values, got {short(values)}")
    for key in values:
        if str(key) not in fields:
            raise ConfigError(unknown_name(f"key in {where}", str(key), fields))
    arguments = {}
    for name, field in fields.items():
        if name in values:
            arguments[name] = _convert(hints[name], values[name], f"{where}.{name}", finite)
            if finite:
                _check_finite(arguments[name], field, f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}.{name} must be given; add the key {name!r}")
    return cls(**arguments)


def check_range(config: Any, names: Iterable[str], low: float, high: float, where: str = "") -> None:
    """Refuse numbers of a dataclass that lie outside ``[low, high]``, or are none; None passes.

    Raises
    ------
    ConfigError
        Names the setting, with ``where`` before it, and its value.
    """
    for name in names:
        value = getattr(config, name)
        for number in value if isinstance(value, tuple | list) else (value,):
            if number is not None and not low <= number <= high:
                raise ConfigError(f"{where}{name} must lie in [{low:g}, {high:g}], got {short(number)}")


def _check_finite(value: Any, field: dataclasses.Field[Any], where: str) -> None:
    for number in value if isinstance(value, tuple) else (value,):
        infinite = isinstance(number, float) and math.isinf(number) and not field.metadata.get("infinite")
        if infinite or (isinstance(number, float) and math.isnan(number)):
            raise ConfigError(f"{where} must be a finite number, got {number}")


def _convert(hint: Any, value: Any, where: str, finite: bool = True) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, hint):
            return value
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} must be a mapping of keys to values, got {short(value)}")
        return build(hint, value, where, finite)
    if typing.get_origin(hint) is not None:
        return _convert_generic(hint, value, where, finite)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return value if isinstance(value, float) else _real(value)
    if hint is int and isinstance(value, float) and (whole := whole_of(value)) is not None:
        return whole
    if hint is int and isinstance(value, bool):
        raise ConfigError(f"{where} must be int, got {short(value)}")
    if isinstance(hint, type) and not isinstance(value, hint):
        raise ConfigError(f"{where} must be {hint.__name__}, got {short(value)}")
    return value


def _real(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _convert_generic(hint: Any, value: Any, where: str, finite: bool) -> Any:
    """Values of hints with brackets: a choice of types, a tuple, one of several words; others stay as they are."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, UnionType):
        if value is None and NoneType in typing.get_args(hint):
            return None
        return _convert(next(a for a in typing.get_args(hint) if a is not NoneType), value, where, finite)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where} must be a list, got {short(value)}")
        (kind, *_) = typing.get_args(hint)
        return tuple(_convert(kind, item, f"{where}[{i}]", finite) for i, item in enumerate(value))
    if origin is dict and isinstance(value, Mapping) and typing.get_args(hint)[1] is int:
        return {key: _convert(int, item, f"{where}.{short(key)}") for key, item in value.items()}
    if origin is typing.Literal and value not in typing.get_args(hint):
        raise ConfigError(unknown_name(f"value of {where}", str(value), map(str, typing.get_args(hint))))
    return value


def plain_settings(config: Any) -> dict[str, Any]:
    """``config`` (a dataclass, with nested ones) as a dictionary, without added settings that have their default."""
    plain = dataclasses.asdict(config)
    for f in dataclasses.fields(config):
        value = getattr(config, f.name)
        if f.metadata.get("added") and value == f.default:
            del plain[f.name]
        elif dataclasses.is_dataclass(value):
            plain[f.name] = plain_settings(value)
    return plain


def digest(config: Any, length: int = 8) -> str:
    """Hash of a dataclass or mapping: the same settings give the same digest on every machine."""
    plain = dataclasses.asdict(config) if dataclasses.is_dataclass(config) and not isinstance(config, type) else config
    return hashlib.sha256(json.dumps(plain, sort_keys=True, default=str).encode()).hexdigest()[:length]
