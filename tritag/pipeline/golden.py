"""Golden jets of a run from the zoo: they stand for the run's own jets, and hold the integers that must come out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tritag import advice
from tritag.data.jets.crafted import crafted_codes
from tritag.data.simulation.config import load_data_config
from tritag.data.simulation.generate import default_path
from tritag.errors import CheckFailed, DataError
from tritag.pipeline.names import names_configuration
from tritag.pipeline.opened import OpenedRun
from tritag.terminal import print_progress
from tritag.zoo import GOLDEN


def golden_jets(opened: OpenedRun, n_max: int | None = None) -> tuple[NDArray[np.int32], NDArray[np.int32]] | None:
    """Codes (n, K, 3 + F) and counts (n,) of a run from the zoo, the crafted jets first; None of any other run.

    Parameters
    ----------
    n_max : int, optional
        At most this many jets besides the crafted ones.

    Raises
    ------
    RunError
        The file is damaged.
    """
    if not opened.run.path(GOLDEN).is_file():
        return None
    arrays = opened.run.read_npz(GOLDEN, ("codes", "count"))
    crafted = len(crafted_codes(opened.recipe.tagger.n_constituents, inputs=opened.recipe.tagger.candidates)[1])
    n = None if n_max is None else n_max + crafted
    print_progress(f"{opened.name}: the zoo brings {len(arrays['count'])} golden jets")
    return arrays["codes"][:n], arrays["count"][:n]


def require_own_jets(opened: OpenedRun) -> None:
    """Let a run from the zoo not begin to generate the jets that it was trained with.

    Raises
    ------
    DataError
        They are not in the cache.
    """
    data = opened.recipe.data
    if not opened.run.path(GOLDEN).is_file() or not names_configuration(data):
        return
    config = load_data_config(data)
    if not default_path(data, config).is_file():
        raise DataError(
            f"{opened.name} needs its own jets, {config.n_jets:,} of {data}, which are not in the cache; give other "
            f"jets with --jets FILE, or make them with {advice.command('data', 'make', data)}"
        )


def require_golden(opened: OpenedRun, outputs: NDArray[np.int64]) -> None:
    """Compare the integers of a run from the zoo with those that the zoo holds; nothing of any other run.

    Raises
    ------
    CheckFailed
        Some differ: this tritag computes something else than the one that made the entry.
    """
    if not opened.run.path(GOLDEN).is_file():
        return
    expected = opened.run.read_npz(GOLDEN, ("logit",))["logit"]
    differ = int(np.any((outputs != expected).reshape(len(expected), -1), axis=1).sum())
    if differ:
        raise CheckFailed(
            f"{opened.name} must give the zoo's golden integers, but {differ} of {len(expected)} jets differ: this "
            f"tritag computes other numbers than the one that made the entry"
        )
