"""Inputs of an exported run as the executors take them: of the run's data, or drawn for an imported program."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritag.export.feature_vectors import extreme_features, features_of, join_features, random_features
from tritag.export.firmware_layers import FirmwareGraph
from tritag.pipeline.golden import golden_jets
from tritag.pipeline.jets import coded_jets, integer_codes, with_crafted
from tritag.pipeline.opened import OpenedRun


def run_inputs(
    opened: OpenedRun,
    graph: FirmwareGraph,
    n_max: int | None,
    split: str | None = None,
    file: Path | None = None,
) -> tuple[NDArray[np.int32] | NDArray[np.int64], ...]:
    """Integers of all inputs of ``graph``: jets of the run's data and the crafted ones, or those of ``file`` alone.

    A run from the zoo has its golden jets alone. An imported program has no data: its features are drawn at random over
    their grid, and extreme ones stand behind them; a file is an ``.npz`` with one array of integers for each input, by
    its name.

    Parameters
    ----------
    n_max : int, optional
        At most this many jets; the crafted or extreme ones come on top.
    split : str, optional
        ``train``, ``val`` or ``test`` of the run's data.

    Raises
    ------
    DataError
        The file cannot be read or holds no such arrays.
    """
    if file is None and not opened.imported and (golden := golden_jets(opened, n_max)) is not None:
        return golden
    if not opened.imported:
        codes, count = integer_codes(coded_jets(opened.recipe, split, file=file, n_max=n_max))
        return (codes, count) if file else with_crafted(codes, count, candidates=opened.recipe.tagger.candidates)
    if file is not None:
        return tuple(x[:n_max] for x in features_of(file, graph))
    return join_features(random_features(graph, n_max or 0), extreme_features(graph))
