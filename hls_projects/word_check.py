"""The verdict on Verilog that takes words, from packed word to packed word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tritag.export.executors import OnnxRuntimeExecutor
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.rtl.design.design import Design
from tritag.export.rtl.tools.check import check_design
from tritag.export.rtl.tools.stream_bench import check_stream
from tritag.export.word_vectors import words_of_jets
from tritag.hls_projects.word_executors import WordReference, word_ports

# Jets that pass AXI4-Stream in each of its scenarios.
_STREAMED = 200


def check_words(
    design: Design,
    graph: FirmwareGraph,
    scores: OnnxRuntimeExecutor,
    inputs: Sequence[NDArray[np.int32] | NDArray[np.int64]],
    stream: bool,
) -> dict[str, Any]:
    """What :func:`.check_design` found; of a ``stream``, with the scenarios of :func:`.check_stream`.

    Parameters
    ----------
    scores : OnnxRuntimeExecutor
        The exported file with word scores.
    inputs : arrays
        Codes (n, K, 3 + F) and counts (n,).
    """
    codes, count = inputs
    words, tokens = words_of_jets(codes, count, graph.candidates)
    expected = WordReference(scores).jets(words, tokens).view(np.int64)
    checked = check_design(design, word_ports(words, tokens), expected)
    if stream:
        few = slice(_STREAMED)
        checked["scenarios"] |= check_stream(design, word_ports(words[few], tokens[few]), expected[few])
    return checked
