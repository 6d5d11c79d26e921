"""How a run's firmware takes jets: as integers, or as words; the exported file and the jets for either."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto

from tritag.errors import ConfigError, unknown_name
from tritag.export.firmware_layers import FirmwareGraph
from tritag.export.model_file import read_model
from tritag.export.words import SCORE_BITS, TOKEN_BITS, with_word_scores
from tritag.pipeline.opened import OpenedRun

INTERFACES = ("plain", "words")


def model_of(opened: OpenedRun, interface: str = "plain") -> ModelProto:
    """The exported file, for firmware that answers in words with the op for it behind its outputs.

    Raises
    ------
    ConfigError
        Unknown interface.
    ExportError
        What the run takes or gives has no words.
    """
    check_interface(interface)
    model = read_model(opened.run.require("model.qonnx.onnx"))
    return with_word_scores(model) if interface == "words" else model


def check_interface(interface: str) -> None:
    """Refuse an unknown interface.

    Raises
    ------
    ConfigError
        Neither ``plain`` nor ``words``.
    """
    if interface not in INTERFACES:
        raise ConfigError(unknown_name("interface", interface, INTERFACES))


def scores_of(graph: FirmwareGraph, words: NDArray[np.int64]) -> NDArray[np.int64]:
    """Scores, (n, scores), in words of jets as executors give them, (n, 4) parts of 32 bits."""
    found = []
    for i in range(graph.n_outputs):
        part, place = divmod(TOKEN_BITS + SCORE_BITS * i, 32)
        wide = words[:, part] | (words[:, part + 1] << 32 if part < 3 else 0)
        found.append(wide >> place & ((1 << SCORE_BITS) - 1))
    return np.stack(found, axis=1)
