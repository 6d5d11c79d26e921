"""Golden jets of a run from the zoo: they stand for the run's own jets, and hold the integers that must come out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.crafted import crafted_codes
from tritag.errors import CheckFailed
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
