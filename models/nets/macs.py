"""Multiplications of a float tagger, counted while it runs."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from tritag.models.layers.products import trivial_macs
from tritag.models.layers.tagger import Tagger


def count_macs(tagger: Tagger, n_constituents: int, n_codes: int = 3) -> int:
    """Multiply-accumulates of one jet's score in linear layers and products of activations (attention).

    Element-wise products (norms, gates, frames) and the input features are left out: their share of the work depends
    on how they are built; ``n_codes`` is the number of codes of a candidate. Leaves the tagger in evaluation mode.
    """
    codes = torch.ones(1, n_constituents, n_codes)
    count = torch.full((1, 1), n_constituents)
    inputs = tagger.eval().inputs(codes, count)
    # With gradients: the counter hooks into them.
    with FlopCounterMode(display=False) as counter, trivial_macs() as trivial:
        tagger.score(inputs, count)
    # PyTorch counts a multiplication and an addition.
    return int(counter.get_total_flops()) // 2 - trivial[0]
