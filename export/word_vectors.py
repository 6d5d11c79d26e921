"""Words for benches: those of jets, with everything drawn at random that firmware must not look at."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.data.jets.words import pack_words

_SEED = 2026
_ALL = int(np.iinfo(np.uint64).max)


def words_of_jets(
    codes: NDArray[Any], count: NDArray[Any], candidates: CandidateInputs = PLAIN
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Words (n, K) and tokens (n,) of jets, with random bits wherever no tagger reads.

    Behind the last candidate stands a word with pT 0, and behind that anything, as firmware must ignore it.
    """
    rng = np.random.default_rng(_SEED)
    words, used = pack_words(codes, count, candidates.grid, candidates.names), 0
    for field in candidates.fields:
        used |= ((1 << field.bits) - 1) << field.position
    pt = candidates.grid.field("pt")
    noise = rng.integers(0, _ALL, words.shape, dtype=np.uint64, endpoint=True)
    place = np.arange(words.shape[1])
    words |= noise & np.uint64(_ALL ^ used)
    first = place == count[:, None]
    words = np.where(first, noise & np.uint64(_ALL ^ (((1 << pt.bits) - 1) << pt.position)), words)
    words = np.where(place > count[:, None], noise, words)
    return words, rng.integers(0, _ALL, len(words), dtype=np.uint64, endpoint=True)
