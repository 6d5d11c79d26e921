"""Outputs of a trained tagger, and the metrics that follow from them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tritag.errors import DataError
from tritag.models.figures.head_metrics import HeadMetrics, measure_head
from tritag.models.figures.metrics import SIGNAL_EFFICIENCIES, Metrics
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.jets.inputs import JetsToPrepare, PreparedJets, evaluating, prepare
from tritag.models.layers.tagger import Tagger
from tritag.models.nets.head import BINARY, HeadConfig
from tritag.progress import track


def scores(tagger: Tagger, jets: CodedJets, batch_size: int = 2048, *, progress: bool = False) -> NDArray[np.float64]:
    """Outputs of all jets.

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
        Logits of a tagger with one output; (n, outputs) of one with several.
    """
    if batch_size < 1:
        raise DataError(f"batch_size must be >= 1, got {batch_size}")
    starts = range(0, len(jets), batch_size)
    parts = [
        prepared_outputs(tagger, prepare(tagger, jets[start : start + batch_size], batch_size), batch_size)
        for start in track(starts, "scores", "batches", show=progress)
    ]
    if not parts:
        return np.zeros(0)
    outputs = torch.cat(parts).double().cpu().numpy()
    return outputs[:, 0] if outputs.shape[1] == 1 else outputs


def evaluate(
    tagger: Tagger,
    jets: CodedJets,
    batch_size: int = 2048,
    *,
    head: HeadConfig = BINARY,
    signal_efficiencies: tuple[float, ...] = SIGNAL_EFFICIENCIES,
    progress: bool = False,
) -> Metrics | HeadMetrics:
    """Figures of a tagger with ``head`` on labelled jets: accuracy, AUC, background rejections, responses.

    Raises
    ------
    DataError
        As in :func:`tritag.models.figures.head_metrics.measure_head`.
    """
    head.check(jets, "jets to evaluate on")
    return measure_head(scores(tagger, jets, batch_size, progress=progress), jets, head, signal_efficiencies)


def prepared_outputs(tagger: Tagger, jets: PreparedJets | JetsToPrepare, batch_size: int) -> Tensor:
    """Outputs (n, outputs) from inputs that are already computed, in eval mode without gradients."""
    with evaluating(tagger):
        parts = (jets.slice(i, i + batch_size) for i in range(0, len(jets), batch_size))
        return torch.cat([tagger.outputs(part.inputs, part.count) for part in parts])
