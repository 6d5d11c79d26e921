"""What a sweep consists of (``configs/sweeps/``): axes, objectives, and how points are chosen and die."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Literal

from tritag.configs import build, check_range, load_config, precision_names
from tritag.errors import ConfigError, short, unknown_name
from tritag.files import JsonObject, JsonValue
from tritag.hls_projects.target import DEFAULT_TARGET, load_target
from tritag.pipeline.defaults import DEFAULT_PRECISION
from tritag.pipeline.points.designs import DesignAsked
from tritag.pipeline.points.point import Point, require_no_seed
from tritag.pipeline.recipes import require_distinct
from tritag.pipeline.sweep.axes import DESIGNED, TRAINED, range_of, require_axes, require_values, values_of
from tritag.pipeline.sweep.objectives import OBJECTIVES, OF_ANY
from tritag.quant.config import QuantConfig

_OF_DESIGN = {"latency_ns", "latency_cycles", "lut", "lut_share", "dsp", "dsp_share"}
_OF_SEARCH = ("trials", "batch", "seed")
_MOST_POINTS = 100_000


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
        Of a search alone: points in all, points at a time, random numbers.
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
        require_axes(self.axes, self.settings)
        require_no_seed((*self.axes, *self.settings), "the axis seed")
        require_distinct(self.settings)
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
        Unknown names or keys, keys of a search in a grid, axes without values, targets that do not exist, numbers that
        are not whole, or objectives that no point can have.
    """
    keys = load_config("sweeps", name)
    config = build(SweepConfig, keys, where=f"sweep {name}")
    is_grid = config.search == "grid"
    if is_grid and (surplus := [key for key in _OF_SEARCH if key in keys]):
        raise ConfigError(f"{', '.join(surplus)} must stand beside 'search: optuna', got a grid; leave out, or search")
    require_values(config.axes, is_grid)
    targets = range_of(config.axes, "target") if "target" in config.axes else []
    for target in (config.target, *targets):
        load_target(str(target))
    if is_grid and (n := math.prod(len(values_of(config.axes, axis)) for axis in config.axes)) > _MOST_POINTS:
        raise ConfigError(f"a grid must have at most {_MOST_POINTS:,} points, got {n:,}; search instead")
    _require_exact(config)
    return config


def _require_exact(config: SweepConfig) -> None:
    """Refuse what belongs to exact precisions, or to quantized ones, where none is one; a setting may decide otherwise.

    Raises
    ------
    ConfigError
        No point can have an objective, or a setting or axis has no effect on any.
    """
    settings = [setting.partition("=")[0].strip() for setting in config.settings]
    found = range_of(config.axes, "precision") if "precision" in config.axes else [DEFAULT_PRECISION]
    precisions = list(map(str, found))
    idle = [name for name in (*config.axes, *settings) if name.startswith(("quant.", "quant_training."))]
    idle = idle if set(precisions) == {"float"} else []
    lacking: list[str] = []
    if "quant.activations" not in (*config.axes, *settings) and not any(map(_may_be_exact, precisions)):
        lacking = [name for name in config.objectives if name not in OF_ANY]
        idle += [name for name in DESIGNED if name in config.axes]
    alone = f"{', '.join(precisions)} alone; change"
    if lacking:
        raise ConfigError(
            f"objectives must be figures that a point can have, but {', '.join(lacking)} belong to exact precisions, "
            f"got {alone} objectives or axes.precision"
        )
    if idle:
        raise ConfigError(
            f"settings and axes must have an effect on a point, but {', '.join(idle)} would have none with precision "
            f"{alone} axes.precision, or leave it out"
        )


def _may_be_exact(precision: str) -> bool:
    """Whether a precision has an exact form; true of an unknown one, which is an error of its points."""
    if precision not in precision_names():
        return True
    return precision != "float" and build(QuantConfig, load_config("precisions", precision)["quant"]).exact


def grid(config: SweepConfig) -> list[JsonObject]:
    """All combinations of the axes' values, the last axis fastest."""
    lists = [values_of(config.axes, axis) for axis in config.axes]
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
