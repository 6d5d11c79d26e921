"""Small quantized taggers with random weights and observed ranges."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch

from tests.helpers.jets import Jets, random_jets, with_fields
from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.models.nets.head import BINARY, HeadConfig
from tritag.models.nets.registry import TaggerConfig
from tritag.quant.config import QuantConfig
from tritag.quant.layers.particle_transformer import QuantBatchNorm
from tritag.quant.layers.tagger import QuantTagger

MINI = {"blocks": 1, "channels": 16, "heads": 2, "mlp_factor": 1}
TINY = {"blocks": 1, "channels": 4, "heads": 2, "mlp_factor": 1}
# What makes the fast trigger LLoCa of one.
FAST = {"frames_net": "tokens", "frames_inputs": "products", "features": "directions", "norm": "batch"}

# A jet's leading candidate in front: the scalars about it, and no product in the pool.
SEED = {"norm": "batch", "pool": "slots", "features": "seed"}


def calibrated_tagger(
    k: int,
    weights: Literal["int8", "ternary"],
    sizes: dict[str, Any] = MINI,
    network: str = "transformer",
    seed: int = 0,
    head: HeadConfig = BINARY,
    candidates: CandidateInputs = PLAIN,
) -> QuantTagger:
    """Tagger in evaluation mode whose observers have seen some jets, and whose batch norms have statistics."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        config = TaggerConfig(network, k, dict(sizes), head=head, grid=candidates.grid, fields=candidates.names)
        tagger = QuantTagger(config, QuantConfig(weights=weights))
        for module in tagger.modules():
            if isinstance(module, QuantBatchNorm):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.3, 3)
    observe(tagger, with_fields(random_jets(np.random.default_rng(seed), 400, k), candidates))
    return tagger.eval()


def observe(tagger: QuantTagger, jets: Jets) -> None:
    """Let the tagger's observers see jets in training mode."""
    codes, count = (torch.from_numpy(x) for x in jets)
    tagger.train()
    with torch.no_grad():
        tagger(codes, count[:, None])
