"""What a sweep consists of (``configs/sweeps/``): axes, objectives, and how points are chosen and die."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from tritag.configs import build, check_range, load_config
from tritag.errors import ConfigError, short, unknown_name
from tritag.files import JsonObject, JsonValue
from tritag.hls_projects.target import DEFAULT_TARGET, load_target
from tritag.pipeline.defaults import DEFAULT_PRECISION, SECTIONS
from tritag.pipeline.points.designs import DesignAsked
from tritag.pipeline.points.point import Point, require_no_seed
from tritag.pipeline.sweep.objectives import OBJECTIVES

# Axes that are no settings of a section; those of the design need no training of their own.
TRAINED = ("tagger", "constituents", "precision", "seed")
DESIGNED = ("target", "interval", "beats", "dsp_bits")
_OF_DESIGN = {"latency_ns", "latency_cycles", "lut", "lut_share", "dsp", "dsp_share"}
_MOST_POINTS = 100_000
# Axes of whole numbers, and the least of each; null means what the command takes without the option.
_WHOLE = {"constituents": 1, "seed": 0, "interval": 1, "beats": 1, "dsp_bits": 1}


@dataclass(frozen=True)
class Halving:
    """Successive halving: all points are trained for the first share of their steps, the best of them for the next.

    Attributes
    ----------
    shares : tuple of float
        Shares of the steps, rising, below 1; those that are left are trained in full at last.
    keep : float
        Share of the points that go on each time.
    """

    shares: tuple[float, ...]
    keep: float = 0.5

    def __post_init__(self) -> None:
        if not self.shares or list(self.shares) != sorted(set(self.shares)):
            raise ConfigError(f"halving.shares must rise, got {short(list(self.shares))}")
        if not all(0 < share < 1 for share in self.shares) or not 0 < self.keep < 1:
            raise ConfigError(
                f"halving.shares and halving.keep must lie between 0 and 1, got {short(list(self.shares))} and "
                f"{self.keep:g}"
            )


@dataclass(frozen=True)
class SweepConfig:
    """A sweep.

    Attributes
    ----------
    data : str
        As ``tritag train --data`` takes it.
    axes : dict
        By name a list of values, or a mapping ``from``, ``to`` and, for a grid, ``step`` (``log: true`` for a search).
    settings : tuple of str
        ``section.key=value`` for all points.
    objectives : tuple of str
        Of :data:`OBJECTIVES`; the first decides where the others leave it open.
    search : "grid" or "optuna"
        All combinations, or as many as ``trials`` that a multi-objective search proposes.
    trials, batch, seed : int
        Of a search: points in all, points at a time, random numbers.
    halving : Halving, optional
        How bad points die early.
    target : str
        Where no axis says another.
    """

    data: str
    axes: dict[str, object]
    settings: tuple[str, ...] = ()
    objectives: tuple[str, ...] = ("rejection_0.3", "latency_ns", "lut_share")
    search: Literal["grid", "optuna"] = "grid"
    trials: int = 0
    batch: int = 8
    seed: int = 1
    halving: Halving | None = None
    target: str = DEFAULT_TARGET

    def __post_init__(self) -> None:
        for name in self.axes:
            section, _, key = name.partition(".")
            if name not in (*TRAINED, *DESIGNED) and (section not in SECTIONS or not key):
                valid = [*TRAINED, *DESIGNED, *(f"{s}.KEY" for s in SECTIONS)]
                raise ConfigError(unknown_name("axis", name, valid))
        require_no_seed((*self.axes, *self.settings), "the axis seed")
        if "tagger" not in self.axes:
            raise ConfigError("axes must name the taggers; add the key 'tagger' with a list")
        for name in self.objectives:
            if name not in OBJECTIVES:
                raise ConfigError(unknown_name("objective", name, OBJECTIVES))
        if not self.objectives or len(set(self.objectives)) != len(self.objectives):
            raise ConfigError(f"objectives must be different names, got {short(list(self.objectives))}")
        check_range(self, ("batch",), 1, 10_000)
        if self.search == "optuna":
            check_range(self, ("trials",), 1, _MOST_POINTS)

    @property
    def designs(self) -> bool:
        """Whether an objective or an axis needs the schedule of the Verilog."""
        return bool(_OF_DESIGN & set(self.objectives) or set(DESIGNED) & set(self.axes))


def load_sweep(name: str) -> SweepConfig:
    """Read a sweep by name or from a YAML file, and see that its axes have values that designs can have.

    Raises
    ------
    ConfigError
        Unknown names or keys, axes without values, targets that do not exist, or numbers that are not whole.
    """
    config = build(SweepConfig, load_config("sweeps", name), where=f"sweep {name}")
    for axis in config.axes:
        if config.search == "grid":
            values_of(config, axis)
        else:
            range_of(config, axis)
        _require_whole(config, axis)
    for target in (config.target, *_targets(config)):
        load_target(str(target))
    if (
        config.search == "grid"
        and (n := math.prod(len(values_of(config, axis)) for axis in config.axes)) > _MOST_POINTS
    ):
        raise ConfigError(f"a grid must have at most {_MOST_POINTS:,} points, got {n:,}; search instead")
    return config


def _require_whole(config: SweepConfig, axis: str) -> None:
    """Refuse numbers of a design, seeds and K that are not whole.

    Raises
    ------
    ConfigError
        Another value than a whole number, or than null.
    """
    if axis not in _WHOLE:
        return
    found = range_of(config, axis)
    numbers = found if isinstance(found, list) else [found[key] for key in ("from", "to", "step") if key in found]
    least = _WHOLE[axis]
    for number in numbers:
        if number is not None and (type(number) is not int or number < least):
            raise ConfigError(f"axes.{axis} must be whole numbers from {least} on, got {short(number)}")


def _targets(config: SweepConfig) -> list[JsonValue]:
    """Values of the axis of targets.

    Raises
    ------
    ConfigError
        It is a range.
    """
    found = range_of(config, "target") if "target" in config.axes else []
    if not isinstance(found, list):
        raise ConfigError(f"axes.target must be a list of names, got {short(found)}")
    return found


def range_of(config: SweepConfig, axis: str) -> list[JsonValue] | dict[str, JsonValue]:
    """Values of an axis, or its checked range.

    Raises
    ------
    ConfigError
        Neither a list nor a range, or an empty one.
    """
    given = config.axes[axis]
    if isinstance(given, Mapping):
        if not {"from", "to"} <= set(given) or set(given) - {"from", "to", "step", "log"}:
            raise ConfigError(f"axes.{axis} must have from and to, and may have step and log, got {short(dict(given))}")
        low, high, step = given["from"], given["to"], given.get("step", 1)
        if not all(isinstance(x, int | float) and not isinstance(x, bool) for x in (low, high, step)):
            raise ConfigError(f"axes.{axis} must be numbers, got {short(dict(given))}")
        if not (low < high and step > 0):
            raise ConfigError(f"axes.{axis} must go upwards in steps above 0, got {short(dict(given))}")
        if given.get("log") and low <= 0:
            raise ConfigError(f"axes.{axis} must begin above 0 with log, got {short(dict(given))}")
        return dict(given)
    values: list[JsonValue] = list(given) if isinstance(given, list | tuple) else [given]  # type: ignore[list-item]
    if not values or len({str(value) for value in values}) != len(values):
        raise ConfigError(f"axes.{axis} must be different values, got {short(values)}")
    return values


def values_of(config: SweepConfig, axis: str) -> list[JsonValue]:
    """All values of an axis of a grid.

    Raises
    ------
    ConfigError
        As :func:`range_of`, or a range without ``step``.
    """
    found = range_of(config, axis)
    if isinstance(found, list):
        return found
    if "step" not in found or found.get("log"):
        raise ConfigError(f"axes.{axis} must have a step in a grid, and no log, got {short(found)}")
    low, high, step = (float(found[key]) for key in ("from", "to", "step"))  # type: ignore[arg-type]
    steps = [low + i * step for i in range(math.floor((high - low) / step + 1e-9) + 1)]
    whole = all(isinstance(found[key], int) for key in ("from", "step"))
    return [int(x) if whole else x for x in steps]


def grid(config: SweepConfig) -> list[JsonObject]:
    """All combinations of the axes' values, the last axis fastest."""
    lists = [values_of(config, axis) for axis in config.axes]
    return [dict(zip(config.axes, values, strict=True)) for values in itertools.product(*lists)]


def point_of(config: SweepConfig, values: JsonObject, share: float = 1.0) -> Point:
    """The training of a combination, for a share of its steps.

    Raises
    ------
    ConfigError, DataError
        The combination is none.
    """
    own = [f"{name}={_text(value)}" for name, value in values.items() if name not in (*TRAINED, *DESIGNED)]
    precision = str(values.get("precision", DEFAULT_PRECISION))
    common = [*config.settings, *own]
    if precision == "float":
        common = [s for s in common if not s.startswith(("quant.", "quant_training."))]
    constituents = values.get("constituents")
    changes = (*common, f"training.seed={values.get('seed', 1)}")
    leading = None if constituents is None else int(constituents)  # type: ignore[arg-type]
    point = Point(str(values["tagger"]), config.data, precision, leading, changes=changes)
    if share == 1:
        return point
    recipe = point.recipe()
    shorter = []
    for section, training in (("training", recipe.training), ("quant_training", recipe.quant_training)):
        if training is not None:
            steps = max(1, round(training.iterations * share))
            shorter += [
                f"{section}.iterations={steps}",
                f"{section}.validate_every={min(steps, training.validate_every)}",
            ]
    return Point(point.tagger, point.data, precision, leading, changes=(*changes, *shorter))


def design_of_values(config: SweepConfig, values: JsonObject) -> DesignAsked:
    """The design of a combination."""
    interval, beats, dsp_bits = (values.get(name) for name in ("interval", "beats", "dsp_bits"))
    numbers = [None if x is None else int(x) for x in (interval, beats, dsp_bits)]  # type: ignore[arg-type]
    return DesignAsked(str(values.get("target", config.target)), *numbers)


def _text(value: JsonValue) -> str:
    """A value as YAML reads it back."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    return str(value)
