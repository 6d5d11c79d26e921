"""The bit check of firmware that answers in words: packed word to packed word."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tritag.errors import ConfigError
from tritag.export.word_vectors import words_of_jets
from tritag.export.words import inputs_of_words, scores_of
from tritag.hls_projects import verify
from tritag.hls_projects.target import DEFAULT_TARGET
from tritag.pipeline.opened import OpenedRun
from tritag.pipeline.strength import strength_of
from tritag.pipeline.vectors import run_inputs
from tritag.pipeline.verify import DEFAULT_JETS, VerifyResult, bars, require_two
from tritag.pipeline.words import DEFAULT_WORD_EXECUTORS, word_executors


def verify_words(
    opened: OpenedRun,
    jets: Path | None = None,
    n_max: int | None = None,
    target_name: str = DEFAULT_TARGET,
    progress: bool = True,
    names: Sequence[str] | None = None,
) -> VerifyResult:
    """Run jets of a file, or of the run's data with the crafted ones, as words through all executors on words.

    Bits that no tagger reads, words behind the last candidate, and what comes with a jet are drawn at random. Nothing
    is written into the run.

    Parameters
    ----------
    jets : Path, optional
        Jet file; by default 10 000 jets of the run's data.
    n_max : int, optional
        Only the first jets.
    target_name : str
        The target whose project is compiled.
    progress : bool
        Show a bar for each executor.
    names : sequence of str, optional
        Executors to compare, the reference first; by default all but the simulated Verilog.

    Raises
    ------
    ConfigError
        Fewer than two executors, an unknown one, or an imported program.
    ExportError
        What the run takes or gives has no words.
    ToolError
        A compiler is missing or failed.
    """
    names = DEFAULT_WORD_EXECUTORS if names is None else names
    require_two(names)
    if opened.imported:
        raise ConfigError("words are candidates of a jet, which an imported program has not; leave --interface out")
    executors = word_executors(opened, names, target_name)
    graph = executors[0].graph
    codes, count = run_inputs(opened, graph, n_max or (None if jets else DEFAULT_JETS), file=jets)
    words, tokens = words_of_jets(codes, count, graph.candidates)
    answers: list[NDArray[np.int64]] = []
    verdicts = verify.verify(
        executors,
        words,
        tokens,
        watch=bars(progress),
        seen=answers.append,
    )
    strength = strength_of(graph, inputs_of_words(graph, words), scores_of(graph, answers[0]))
    return VerifyResult(opened, tuple(verdicts), strength)
