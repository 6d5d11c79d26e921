"""The YAML files of tritag and the one loader that reads them.

Each room owns a frozen dataclass for its part (``DataConfig``, ``TaggerConfig``, ``QuantConfig``, ``TargetConfig``);
this module turns a mapping into such a dataclass and refuses what the dataclass does not know.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import typing
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar

from tritag.errors import ConfigError, short, unknown_name
from tritag.structured import parse_yaml, read_yaml

T = TypeVar("T")

# Marks a setting that joined after runs had been made: it is left out of a run's digest while it has its default.
ADDED = {"added": True}


def config_names(kind: str) -> list[str]:
    """Names of the YAML files in ``configs/<kind>/``, sorted."""
    return sorted(
        p.name.removesuffix(".yaml") for p in files(__name__).joinpath(kind).iterdir() if p.name.endswith(".yaml")
    )


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
        if str(name) not in config_names(kind):
            raise ConfigError(unknown_name(kind.removesuffix("s"), str(name), config_names(kind)))
        text = files(__name__).joinpath(kind, f"{name}.yaml").read_text(encoding="utf-8")
        loaded = parse_yaml(text, f"configuration {name}")
    if not isinstance(loaded, dict):
        raise ConfigError(f"configuration {name} must be a mapping of keys to values, got {type(loaded).__name__}")
    return loaded


def build(cls: type[T], values: Mapping[str, Any], where: str = "") -> T:
    """Make the dataclass ``cls`` from ``values``; nested dataclasses are built from nested mappings.

    Raises
    ------
    ConfigError
        A key the dataclass does not have (the nearest one is offered), a missing key, or a value of the wrong type.
    """
    where = where or cls.__name__
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    hints = typing.get_type_hints(cls)
    for key in values:
        if key not in fields:
            raise ConfigError(unknown_name(f"key in {where}", str(key), fields))
    arguments = {}
    for name, field in fields.items():
        if name in values:
            arguments[name] = _convert(hints[name], values[name], f"{where}.{name}")
        elif field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            raise ConfigError(f"{where}.{name} must be given; add the key {name!r}")
    return cls(**arguments)


def _convert(hint: Any, value: Any, where: str) -> Any:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if isinstance(value, hint):
            return value
        if not isinstance(value, Mapping):
            raise ConfigError(f"{where} must be a mapping of keys to values, got {short(value)}")
        return build(hint, value, where)
    if typing.get_origin(hint) is not None:
        return _convert_generic(hint, value, where)
    if hint is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if hint is int and isinstance(value, bool):
        raise ConfigError(f"{where} must be int, got {short(value)}")
    if isinstance(hint, type) and not isinstance(value, hint):
        raise ConfigError(f"{where} must be {hint.__name__}, got {short(value)}")
    return value


def _convert_generic(hint: Any, value: Any, where: str) -> Any:
    """Values of hints with brackets: a choice of types, a tuple, one of several words; others stay as they are."""
    origin = typing.get_origin(hint)
    if origin in (typing.Union, UnionType):
        if value is None and NoneType in typing.get_args(hint):
            return None
        return _convert(next(a for a in typing.get_args(hint) if a is not NoneType), value, where)
    if origin is tuple:
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where} must be a list, got {short(value)}")
        return tuple(_convert(typing.get_args(hint)[0], item, f"{where}[{i}]") for i, item in enumerate(value))
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
