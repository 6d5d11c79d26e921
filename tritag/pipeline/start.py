"""Where a fine-tuning begins: the float run that is named, whether its body fits, and its weights."""

from __future__ import annotations

from pathlib import Path

from tritag.environment import runs_root
from tritag.errors import ConfigError, RunError
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.registry import TaggerConfig, sizes_of
from tritag.models.training.start import StartConfig, load_body, weights_hash
from tritag.pipeline.opened import OpenedRun, open_run
from tritag.run import Run
from tritag.run_config import plain_values
from tritag.zoo import is_zoo, lasting_name

# Sizes with which the same float weights are the same float tagger.
_SAME_TAGGER = ("axes",)


def start_of(where: str | None, body_rate: float = 1.0) -> StartConfig | None:
    """Where a fine-tuning begins: the float run ``where``, or the one that a quantized run was trained from.

    None when ``where`` is None.

    Raises
    ------
    ConfigError
        Neither the whole name of a run (a tagger's name means its newest run, which after the first step is another)
        nor an entry of the zoo, a run outside the runs folder (settings name it without its path), a run from the zoo
        without its float run, or a body rate without a run.
    RunError
        No such run, or one that is not trained.
    """
    if where is None:
        if body_rate != 1:
            raise ConfigError(f"--body-rate needs --start, got {body_rate:g}; name the run to start from")
        return None
    opened = open_run(where)
    if not is_zoo(where) and Path(where).name != opened.name:
        raise ConfigError(
            f"--start must be the whole name of a run or zoo:NAME, so that the command means the same again, got "
            f"{where!r}; for example {opened.name}"
        )
    if opened.recipe.quant is not None and opened.float_run() is None:
        raise ConfigError(f"--start must be a run with its float run, got {opened.name} from the zoo, which has none")
    opened = opened.float_run() or opened
    if opened.directory.resolve().parent != runs_root().resolve():
        raise ConfigError(f"--start must name a run in {runs_root()}, got {opened.directory}; move it there")
    return StartConfig(opened.name, weights_hash(opened.run.require("weights.safetensors")), body_rate)


def require_same_body(config: TaggerConfig, start: StartConfig) -> None:
    """Refuse another network, or sizes that give the same weights another meaning."""
    other = OpenedRun(_run_of(start)).recipe.tagger
    ours, theirs = ({"network": c.network, **plain_values(sizes_of(c))} for c in (config, other))
    differ = [key for key in ours if key not in _SAME_TAGGER and ours[key] != theirs.get(key)]
    if differ:
        raise ConfigError(
            f"--start must be a run of the same network and sizes, but {differ[0]} is {theirs.get(differ[0])} in "
            f"{start.run} and {ours[differ[0]]} in the tagger to train; change one of them with --set or the tagger"
        )


def _run_of(start: StartConfig) -> Run:
    name = lasting_name(start.run)
    return Run.open(name if is_zoo(name) else runs_root() / name)


def load_start(network: Tagger, start: StartConfig) -> None:
    """Give a fresh float network the body of the run it starts from.

    Raises
    ------
    RunError
        The run is gone, has other weights than when it was named, or its body does not fit.
    """
    weights = _run_of(start).require("weights.safetensors")
    if (found := weights_hash(weights)) != start.weights:
        raise RunError(
            f"{start.run} must have the weights it had when the fine-tuning was named ({start.weights}), got {found}; "
            "name it again with --start"
        )
    load_body(network, weights, start.run)
