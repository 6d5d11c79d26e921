"""How much each training jet counts in the loss: by its class, and so that classes have one spectrum of pT.

With C classes of n_k jets, n in all, jet i of class k counts

    w_i = c_k r_k(pT_i) / mean(c r),

where c_k is ``training.class_weights`` of its class ("balanced": n / (C n_k); 1 without the setting), and r_k makes the
spectrum of the class that of ``training.pt_reference``: with bins b of equally many reference jets,
r_k(b) = (n_ref(b) / n_ref) / (n_k(b) / n_k). Each class keeps its share of the loss under r, and weights have mean 1.
pT is that of the sum of the candidates that the tagger takes. Validation and evaluation are not weighted.
"""

from __future__ import annotations

import logging

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tritag.errors import ConfigError
from tritag.models.jets.coded_jets import CodedJets
from tritag.models.training.config import BALANCED, TrainingConfig

_LOG = logging.getLogger(__name__)
_JETS_PER_BLOCK = 1 << 16


def jet_weights(jets: CodedJets, config: TrainingConfig) -> Tensor | None:
    """Weights (n,) float32 with mean 1 of labelled training jets; None when the settings ask for none.

    Raises
    ------
    ConfigError
        Classes that the jets do not have, a class without a weight, or a bin of pT without jets of some class.
    """
    if config.class_weights is None and not config.pt_reference:
        return None
    label = jets.label.numpy()
    counts = np.bincount(label, minlength=len(jets.classes))
    weights = _of_classes(jets.classes, counts, config)[label]
    if config.pt_reference:
        weights = weights * _of_pt(jets, label, config)
    weights = weights / weights.mean()
    worth = weights.sum() ** 2 / np.sum(weights**2)
    _LOG.info("weights of jets %.3g..%.3g: worth %.0f of %d", weights.min(), weights.max(), worth, len(weights))
    return torch.from_numpy(weights.astype(np.float32))


def _of_classes(classes: tuple[str, ...], counts: NDArray[np.int64], config: TrainingConfig) -> NDArray[np.float64]:
    if config.class_weights is None:
        return np.ones(len(classes))
    if config.class_weights == BALANCED:
        return counts.sum() / (len(classes) * np.maximum(counts, 1))
    given = dict(config.class_weights)  # type: ignore[arg-type]
    if set(given) != set(classes):
        raise ConfigError(
            f"training.class_weights must name each class of the jets, {', '.join(classes)}, got {', '.join(given)}; "
            "correct the names"
        )
    return np.array([given[name] for name in classes])


def _of_pt(jets: CodedJets, label: NDArray[np.int64], config: TrainingConfig) -> NDArray[np.float64]:
    if config.pt_reference not in jets.classes:
        raise ConfigError(
            f"training.pt_reference must be a class of the jets, {', '.join(jets.classes)}, got "
            f"{config.pt_reference!r}; correct the name"
        )
    pt = jet_pt_gev(jets)
    reference = pt[label == jets.classes.index(config.pt_reference)]
    edges = np.quantile(reference, np.linspace(0, 1, config.pt_bins + 1)[1:-1])
    if np.any(np.diff(edges) <= 0):
        raise ConfigError(
            f"training.pt_bins must part the {len(reference)} jets of {config.pt_reference}, got {config.pt_bins} "
            "bins, some of them empty; lower it"
        )
    # jets outside the reference's range stand in its outermost bins
    bins = np.searchsorted(edges, pt, side="right")
    share = np.bincount(np.searchsorted(edges, reference, side="right"), minlength=config.pt_bins) / len(reference)
    weights = np.empty(len(pt))
    for k, name in enumerate(jets.classes):
        of_class = label == k
        counts = np.bincount(bins[of_class], minlength=config.pt_bins)
        if empty := int(np.sum(counts == 0)):
            raise ConfigError(
                f"training.pt_bins must leave jets of each class in each bin, got {empty} of {config.pt_bins} bins "
                f"without {name}; lower it, or choose another pt_reference"
            )
        weights[of_class] = (share / (counts / of_class.sum()))[bins[of_class]]
    return weights


def jet_pt_gev(jets: CodedJets) -> NDArray[np.float64]:
    """Transverse momentum (n,) in GeV of the sum of each jet's candidates."""
    parts = (jets[i : i + _JETS_PER_BLOCK] for i in range(0, len(jets), _JETS_PER_BLOCK))
    return np.concatenate([_pt_gev(part) for part in parts])


def _pt_gev(jets: CodedJets) -> NDArray[np.float64]:
    of_pt, _, of_phi = jets.candidates.grid.fields[:3]
    codes = jets.codes.numpy().astype(np.float64)
    real = np.arange(codes.shape[1]) < jets.count.numpy()
    pt, phi = np.where(real, codes[..., 0], 0) * of_pt.lsb, codes[..., 2] * of_phi.lsb
    return np.hypot(np.sum(pt * np.cos(phi), axis=1), np.sum(pt * np.sin(phi), axis=1))
