"""Jets for the steps: momenta of any source, and the integer codes that a tagger takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.data.jets.conventions import grid_losses
from tritag.data.jets.crafted import crafted_codes
from tritag.data.jets.jets import JetBatch
from tritag.data.readers.formats import is_own_file, read_any, without_map
from tritag.data.simulation.generate import ensure_data
from tritag.errors import DataError
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.jets.stored_jets import is_large, stored_jets
from tritag.pipeline.golden import require_own_jets
from tritag.pipeline.names import names_configuration
from tritag.pipeline.opened import OpenedRun
from tritag.quant.recipe import Recipe
from tritag.terminal import print_progress

# Jets of a large set about which read_source says what is lost.
_FIRST = 10_000


def read_source(
    source: str | Path,
    split: str | None = None,
    n_max: int | None = None,
    constituents: int | None = None,
    candidates: CandidateInputs = PLAIN,
) -> JetBatch:
    """Jets of a file of any known kind, or of a data configuration, whose set is made when it is not in the cache.

    What is not read of a file, and what the trigger's grid clips, is said in a sentence each.

    Parameters
    ----------
    source : str or Path
        Path of a jet file, or a name in ``configs/data``.
    split : str, optional
        ``train``, ``val`` or ``test`` of a file with splits; by default all jets.
    n_max : int, optional
        At most this many jets, from the beginning.
    constituents : int, optional
        Constituents that a tagger will take. Own files hold whole jets, padded to the longest that was read; with a
        larger number here they are padded up to it, which loses nothing.
    candidates : CandidateInputs
        Grid and fields of the tagger, for the sentence about what is clipped.

    Raises
    ------
    DataError
        No such file, an unknown split, or a file that holds no jets.
    ConfigError
        Neither a file nor the name of a configuration.
    """
    path = ensure_data(source) if names_configuration(source) else Path(source)
    notes: list[str] = []
    with without_map():
        batch = read_any(path, n_max=n_max, split=split, notes=notes)
    if losses := grid_losses(batch, soft_too=False, inputs=candidates):
        notes.append(f"{path.name}: {losses}")
    for note in notes:
        print_progress(note)
    if constituents is not None and is_own_file(path) and constituents > batch.p4.shape[1]:
        batch = batch.leading(constituents)
    return batch


def coded_jets(
    recipe: Recipe, split: str | None, file: Path | str | None = None, n_max: int | None = None
) -> CodedJets:
    """Jets of ``recipe``'s data (or of ``file``) on its trigger grid, with its number of constituents.

    Parameters
    ----------
    split : str, optional
        ``train``, ``val`` or ``test``; None takes all jets.
    file : Path, optional
        Another jet file than the recipe's data.
    n_max : int, optional
        At most this many jets, from the beginning.

    Raises
    ------
    DataError
        As in :func:`read_source`, fewer constituents in the file than the tagger takes, or none at all, or without
        what a field of the tagger is made of.
    """
    constituents, candidates = recipe.tagger.n_constituents, recipe.tagger.candidates
    source = recipe.data if file is None else file
    path = ensure_data(source) if names_configuration(source) else Path(source)
    stored = n_max is None and is_own_file(path) and is_large(path, split)
    # what there is to say about a large set is said of its first jets
    batch = read_source(path, split, _FIRST if stored else n_max, constituents, candidates)
    if len(batch) and not batch.n_constituents.any():
        raise DataError(f"{source}: jets must have constituents, got {len(batch)} jets without any; check the file")
    if stored:
        return stored_jets(path, split, constituents, rounded=recipe.on_grid, candidates=candidates)
    return CodedJets.from_batch(batch, constituents, rounded=recipe.on_grid, candidates=candidates)


def labelled_jets(opened: OpenedRun, file: Path | None = None, n_max: int | None = None) -> CodedJets:
    """Jets to measure a run on: all of ``file``, or the run's own test jets, which one from the zoo may not have here.

    Raises
    ------
    DataError
        As in :func:`coded_jets`, or the jets of a run from the zoo are not in the cache.
    """
    if file is None:
        require_own_jets(opened)
    return coded_jets(opened.recipe, "test" if file is None else None, file, n_max)


def integer_codes(jets: CodedJets) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Codes (n, K, 3 + F) and counts (n,) of jets on the grid as plain arrays of int32, as the executors take them."""
    return jets.codes.numpy().astype(np.int32), jets.count.numpy().reshape(-1).astype(np.int32)


def with_crafted(
    codes: NDArray[np.int32], count: NDArray[np.int32], first: bool = False, candidates: CandidateInputs = PLAIN
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Codes (n, K, 3 + F) and counts (n,) together with the crafted jets, which stand behind them or ``first``."""
    crafted, crafted_count = crafted_codes(codes.shape[1], inputs=candidates)
    if first:
        return np.concatenate([crafted, codes]), np.concatenate([crafted_count, count])
    return np.concatenate([codes, crafted]), np.concatenate([count, crafted_count])
