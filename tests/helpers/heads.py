"""Jets of five classes with known ratios, for heads with several outputs."""

from __future__ import annotations

import numpy as np
import torch

from tritag.models.jets.coded_jets import CodedJets
from tritag.models.nets.head import HeadConfig

CLASSES = ("g", "q", "W", "Z", "t")
HEAD = HeadConfig(classes=CLASSES, regression=("pt", "mass"))


def class_jets(n: int, n_constituents: int = 6, seed: int = 0) -> CodedJets:
    """Jets whose width tells their class, and whose ratios follow from their width; quarks and gluons have no mass."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(n) % 5)
    pt = -np.sort(-rng.integers(4, 400, (n, n_constituents)))
    width = (10 + 10 * label)[:, None, None]
    angles = np.rint(width * rng.normal(size=(n, n_constituents, 2))).astype(np.int64)
    count = rng.integers(1, n_constituents + 1, (n, 1))
    codes = np.concatenate([pt[..., None], angles], axis=-1)
    codes[np.arange(n_constituents) >= count] = 0
    spread = 1 + 0.1 * rng.normal(size=(2, n))
    ratios = np.stack(
        [(0.9 + 0.1 * label) * spread[0], np.where(label > 1, (1.5 - 0.1 * label) * spread[1], np.nan)], 1
    )
    return CodedJets(
        torch.from_numpy(codes),
        torch.from_numpy(count),
        torch.from_numpy(label),
        torch.from_numpy(ratios.astype(np.float32)),
        CLASSES,
    )
