"""Scores of a trained tagger, and the metrics that follow from them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tritag.errors import DataError
from tritag.models.coded_jets import CodedJets, check_labels
from tritag.models.inputs import PreparedJets, evaluating, prepare
from tritag.models.layers import Tagger
from tritag.models.metrics import SIGNAL_EFFICIENCIES, Metrics, measure
from tritag.models.progress import track


def scores(tagger: Tagger, jets: CodedJets, batch_size: int = 2048, *, progress: bool = False) -> NDArray[np.float64]:
    """Logits of all jets.

    Parameters
    ----------
    tagger : Tagger
        Runs in eval mode without gradients; its mode is restored.
    jets : CodedJets
        n jets; labels are not read.
    batch_size : int
        Jets at a time.
    progress : bool
        Show a bar when the terminal can.

    Returns
    -------
    (n,) float64
    """
    if batch_size < 1:
        raise DataError(f"batch_size must be >= 1, got {batch_size}")
    starts = range(0, len(jets), batch_size)
    parts = [
        prepared_logits(tagger, prepare(tagger, jets[start : start + batch_size], batch_size), batch_size)
        for start in track(starts, "scores", enabled=progress)
    ]
    return torch.cat(parts).double().cpu().numpy() if parts else np.zeros(0)


def evaluate(
    tagger: Tagger,
    jets: CodedJets,
    batch_size: int = 2048,
    *,
    signal_efficiencies: tuple[float, ...] = SIGNAL_EFFICIENCIES,
    progress: bool = False,
) -> Metrics:
    """Accuracy, AUC and background rejections of a tagger on labelled jets.

    Raises
    ------
    DataError
        Labels other than 0 and 1, only one class, or scores that are not finite.
    """
    check_labels(jets, "jets to evaluate on")
    return measure(scores(tagger, jets, batch_size, progress=progress), jets.label.numpy(), signal_efficiencies)


def prepared_logits(tagger: Tagger, jets: PreparedJets, batch_size: int) -> Tensor:
    """Logits (n,) from inputs that are already computed, in eval mode without gradients."""
    with evaluating(tagger):
        parts = (jets.slice(i, i + batch_size) for i in range(0, len(jets), batch_size))
        return torch.cat([tagger.logits(part.inputs, part.count) for part in parts])
