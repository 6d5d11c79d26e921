"""Runs: opened, or trained anew."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tritag.pipeline.defaults import DEFAULT_DATA, DEFAULT_PRECISION

if TYPE_CHECKING:
    from tritag.pipeline.opened import OpenedRun, RunLike
    from tritag.pipeline.train import TrainResult


def open_run(run: RunLike) -> OpenedRun:
    """Open a run that was trained before.

    Parameters
    ----------
    run : str or Path
        A run directory, or the beginning of its name in the runs folder (``$TRITAG_RUNS``, else ``runs``), which finds
        the newest such run: ``transformer-2k``, or ``transformer-2k-k16`` with 16 constituents.

    Returns
    -------
    OpenedRun
        With ``directory``, ``name``, ``recipe`` (tagger, jets, precision, trainings), ``metrics()`` and ``tagger()``,
        the PyTorch module with its weights. Every function here takes it, or what is given as ``run`` here.

    Raises
    ------
    RunError
        No such run (the nearest names are offered), or one that was damaged, edited or written by another version.

    Examples
    --------
    ::

        run = tritag.open_run("transformer-2k")
        print(run.recipe.tagger.n_constituents, run.metrics()["test"]["auc"])
    """
    from tritag.pipeline.opened import open_run

    return open_run(run)


def train(
    tagger: str,
    data: str = DEFAULT_DATA,
    *,
    constituents: int | None = None,
    precision: str = DEFAULT_PRECISION,
    iterations: int | None = None,
    seed: int | None = None,
    settings: Sequence[str] = (),
    start: str | None = None,
    body_rate: float = 1.0,
    on_grid: bool = True,
    fresh: bool = False,
    progress: bool = True,
    device: str | None = None,
    deterministic: bool = False,
    compiled: bool = False,
) -> TrainResult:
    """Train a tagger into a run directory; a killed training is continued by the same call, a finished one found.

    A quantized tagger starts from the float one with the same settings, which is trained, or found, first.

    Parameters
    ----------
    tagger : str
        A name of ``tritag train --list``, or a YAML file.
    data : str
        A name in ``configs/data``, or a jet file with the splits ``train``, ``val`` and ``test``.
    constituents : int, optional
        Leading constituents K of a jet, 1..128; by default the tagger's own number.
    precision : str
        ``float`` or a name in ``configs/precisions`` (docs/recipes.md).
    iterations : int, optional
        Optimizer steps of each training; by default the tagger's own number.
    seed : int, optional
        Of weights and batches; by default the tagger's own, 1 where its file says none.
    settings : sequence of str
        Changes ``section.key=value`` with a section ``sizes``, ``head``, ``training``, ``quant`` or ``quant_training``.
    start : str, optional
        Whole name of the run whose body is taken, under a new head (fine-tuning, docs/training.md).
    body_rate : float
        With ``start``: learning rate of the body over the head's, in [0, 1].
    on_grid : bool
        False trains a float tagger on candidates that are not rounded to the trigger's grid.
    fresh : bool
        Train again even when the run is finished.
    progress : bool
        Show a bar on a terminal.
    device : str, optional
        ``cpu``, ``cuda`` or ``cuda:1``; by default ``$TRITAG_DEVICE``, else ``cpu``. It is no part of the run's
        settings (docs/training.md).
    deterministic : bool
        On a GPU: only operations that give the same bits every time.
    compiled : bool
        Compile the network with ``torch.compile`` in the float training; a quantized one says that it does not.

    Returns
    -------
    TrainResult
        ``run``, which every other function takes, and ``metrics``: figures on the test jets with statistical errors.

    Raises
    ------
    ConfigError
        Unknown names, keys or values (the nearest name is offered), or a device that is not there.
    DataError
        The jets do not fit the tagger's head.
    TritagError
        The loss is not finite.

    Examples
    --------
    ::

        run = tritag.train("transformer-2k", iterations=500, settings=["training.batch_size=256"]).run
    """
    from tritag.pipeline.names import check_training_names

    check_training_names(tagger, data, precision)
    if start is not None:
        open_run(start)
    from tritag.environment import default_device
    from tritag.models.training.compute import Compute
    from tritag.pipeline.recipes import recipe_of, require_distinct
    from tritag.pipeline.start import start_of
    from tritag.pipeline.train import train_run

    changes = [f"training.iterations={iterations}"] if iterations is not None else []
    changes += [f"training.seed={seed}"] if seed is not None else []
    require_distinct([*changes, *settings])
    recipe = recipe_of(
        tagger,
        data,
        constituents,
        precision,
        [*changes, *settings],
        on_grid=on_grid,
        start=start_of(start, body_rate),
    )
    compute = Compute(device or default_device(), deterministic, compiled)
    return train_run(tagger, recipe, fresh=fresh, progress=progress, compute=compute)
