"""A multi-objective search with Optuna: it proposes as many points at a time as ``batch`` says, whatever does them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from tritag.errors import ToolError
from tritag.farm import Farm
from tritag.files import JsonObject, JsonValue
from tritag.pipeline.points.call import Call
from tritag.pipeline.sweep.axes import range_of
from tritag.pipeline.sweep.config import SweepConfig
from tritag.pipeline.sweep.distinct import Distinct
from tritag.pipeline.sweep.engine import require_some, run_points
from tritag.pipeline.sweep.objectives import OBJECTIVES
from tritag.pipeline.sweep.rows import SweepRow

if TYPE_CHECKING:
    from optuna.trial import Trial

# More than the rejections that test jets can show.
_BEST_REJECTION = 1e6


def run_search(config: SweepConfig, farm: Farm, call: Call) -> list[SweepRow]:
    """Rows of the points that a search proposes, of which it may propose one again.

    The search keeps nothing: called again it proposes the same points, since its random numbers are seeded and it hears
    of results batch by batch, and finds their runs finished.

    Raises
    ------
    ToolError
        Optuna is not installed.
    ConfigError
        As :func:`require_some`.
    RunError
        As :func:`tritag.pipeline.sweep.engine.run_points`.
    """
    try:
        import optuna
    except ImportError as error:
        raise ToolError("a search needs the package optuna; pip install 'tritag[search]'") from error
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    directions: list[Literal["maximize", "minimize"]] = [
        "maximize" if OBJECTIVES[name] else "minimize" for name in config.objectives
    ]
    sampler = optuna.samplers.TPESampler(seed=config.seed, n_startup_trials=min(config.batch, config.trials))
    study = optuna.create_study(directions=directions, sampler=sampler)
    rows: list[SweepRow] = []
    distinct = Distinct(config)
    while len(rows) < config.trials:
        trials = [study.ask() for _ in range(min(config.batch, config.trials - len(rows)))]
        points = [(len(rows) + i, _proposed(config, trial)) for i, trial in enumerate(trials)]
        found = distinct.rows(points, lambda left: run_points(config, left, farm, call))
        for trial, row in zip(trials, map(distinct.counted, found), strict=True):
            if row.objectives(config.objectives) is None:
                study.tell(trial, state=optuna.trial.TrialState.FAIL)
            else:
                study.tell(trial, [_told(row.figures[name]) for name in config.objectives])
        rows += found
    require_some(config, rows)
    return rows


def _told(value: JsonValue) -> float:
    """A figure as the search hears it, which reckons with differences: in place of an infinite one a very large one."""
    figure = float(value)  # type: ignore[arg-type]
    return figure if math.isfinite(figure) else _BEST_REJECTION


def _proposed(config: SweepConfig, trial: Trial) -> JsonObject:
    return {axis: _suggested(trial, axis, range_of(config.axes, axis)) for axis in config.axes}


def _suggested(trial: Trial, axis: str, values: list[JsonValue] | dict[str, JsonValue]) -> JsonValue:
    if isinstance(values, list):
        chosen: JsonValue = values[trial.suggest_categorical(axis, list(range(len(values))))]
        return chosen
    low, high, log = values["from"], values["to"], bool(values.get("log"))
    if isinstance(low, int) and isinstance(high, int) and isinstance(values.get("step", 1), int):
        step = 1 if log else int(values.get("step", 1))  # type: ignore[arg-type]
        return trial.suggest_int(axis, low, high, step=step, log=log)
    given = values.get("step")
    return trial.suggest_float(
        axis,
        float(low),  # type: ignore[arg-type]
        float(high),  # type: ignore[arg-type]
        step=None if given is None or log else float(given),  # type: ignore[arg-type]
        log=log,
    )
