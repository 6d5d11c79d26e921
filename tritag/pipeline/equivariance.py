"""What boosts, rotations and the frames' arithmetic change in the scores of a run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tritag.errors import RunError
from tritag.files import JsonObject
from tritag.pipeline.defaults import EQUIVARIANCE_JETS
from tritag.pipeline.jets import labelled_jets
from tritag.pipeline.opened import OpenedRun, measured
from tritag.quant.measure.equivariance import (
    Change,
    FrameEffect,
    frame_ops,
    measure_equivariance,
    measure_frame_effect,
)


@dataclass(frozen=True)
class EquivarianceResult:
    """Changes of the scores of a quantized run.

    Attributes
    ----------
    run, float_run : OpenedRun
        The run, and the float one that its training started from.
    jets : int
        Jets that were transformed.
    changes : tuple of Change
        Of the logit and the score, by transformation and tagger.
    frames : FrameEffect, optional
        Change of the score when the frames come from float64; None of a tagger without frames.
    """

    run: OpenedRun
    float_run: OpenedRun
    jets: int
    changes: tuple[Change, ...]
    frames: FrameEffect | None

    def as_dict(self) -> JsonObject:
        """Content of ``equivariance.json``."""
        return {
            "run": self.run.name,
            "float_run": self.float_run.name,
            "jets": self.jets,
            "changes": [change.as_dict() for change in self.changes],
            "frames": None if self.frames is None else self.frames.as_dict(),
        }


def equivariance_run(
    opened: OpenedRun, jets: Path | None = None, n_max: int = EQUIVARIANCE_JETS, seed: int = 0
) -> EquivarianceResult:
    """Measure the changes; those of the run's own test jets go into ``equivariance.json``.

    Parameters
    ----------
    jets : Path, optional
        Jet file; by default the run's test jets.
    n_max : int
        Most jets to transform.
    seed : int
        Of the transformations.

    Raises
    ------
    RunError
        A float run, or one with more outputs than a logit.
    """
    return measured(opened, "equivariance.json", jets, lambda: _measured(opened, jets, n_max, seed))


def _measured(opened: OpenedRun, jets: Path | None, n_max: int, seed: int) -> EquivarianceResult:
    recipe = opened.recipe
    if recipe.quant is None:
        raise RunError(f"{opened.name} must be a quantized run, but is a float one; name one trained with int8")
    if recipe.tagger.head.n_outputs > 1:
        raise RunError(
            f"{opened.name} must have a logit alone, but has the outputs "
            f"{list(recipe.tagger.head.output_names)}; name a run with a binary head"
        )
    if not recipe.tagger.candidates.plain:
        raise RunError(
            f"{opened.name} must take pT, eta and phi of the grid top, which transformations are made on, but takes "
            "other candidates; name another run"
        )
    tagger, float_run = opened.tagger(), opened.float_run()
    if float_run is None:
        raise RunError(
            f"{opened.name} must have the float run that it was quantized from, but comes from the zoo without it; "
            f"name a run that was trained here"
        )
    batch = labelled_jets(opened, jets, n_max)
    codes, count = batch.codes.numpy()[:n_max], batch.count.numpy().reshape(-1)[:n_max]
    changes = measure_equivariance(tagger, float_run.tagger(), codes, count, seed)
    frames = measure_frame_effect(tagger, codes, count, batch.label.numpy()[:n_max]) if frame_ops(tagger) else None
    return EquivarianceResult(opened, float_run, len(codes), tuple(changes), frames)
