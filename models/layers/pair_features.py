"""What the Particle Transformer knows of a pair of candidates: ln m^2, ln kT, ln z, ln Delta R (ParT paper, Eq. 3).

All four follow from pT, differences of eta and differences of phi alone; nothing cancels. Candidates are massless:

    m^2 = pT_i pT_j d^2,  d^2 = 4 (sinh^2(Delta eta / 2) + sin^2(Delta phi / 2)),
    kT = min(pT_i, pT_j) Delta R,  z = min(pT_i, pT_j) / (pT_i + pT_j).

A pair in one direction (a candidate with itself, above all) counts as half a step of the grid apart: the logarithms
need a smallest distance, and below the grid's step there is nothing to learn.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.models.layers.lorentz import real_tokens
from tritag.models.layers.scalars import wrap_angle

N_PAIR_FEATURES = 4
# Smallest Delta R and d, in radians.
SMALLEST_DISTANCE = 0.5 * TriggerGrid.ETA_LSB


def pair_features(codes: Tensor) -> Tensor:
    """Features of all pairs, (B, K, 3) codes -> (B, K, K, 4) float64: ln m^2 (GeV^2), ln kT (GeV), ln z, ln Delta R."""
    pt = codes[..., 0].double().clamp(min=1.0) * TriggerGrid.PT_LSB_GEV
    eta, phi = codes[..., 1].double() * TriggerGrid.ETA_LSB, codes[..., 2].double() * TriggerGrid.PHI_LSB
    d_eta, d_phi = eta[:, :, None] - eta[:, None], wrap_angle(phi[:, :, None] - phi[:, None])
    smallest = SMALLEST_DISTANCE**2
    ln_r = 0.5 * (d_eta.square() + d_phi.square()).clamp(min=smallest).log()
    ln_d2 = (4 * ((d_eta / 2).sinh().square() + (d_phi / 2).sin().square())).clamp(min=smallest).log()
    first, second = pt[:, :, None], pt[:, None]
    ln_softer = torch.minimum(first, second).log()
    ln_z = ln_softer - (first + second).log()
    return torch.stack([first.log() + second.log() + ln_d2, ln_softer + ln_r, ln_z, ln_r], dim=-1)


class PairFeatures(nn.Module):
    """Features of all pairs as rows: ``(codes (B, K, 3), count (B, 1)) -> (B, K * K, 4)``, zero for padding."""

    _precision: Tensor

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents
        # follows .double() and .float() of the whole tagger
        self.register_buffer("_precision", torch.zeros(()), persistent=False)

    def forward(self, codes: Tensor, count: Tensor) -> Tensor:
        """Features (B, K * K, 4) of all pairs; the pair (i, j) stands in row i * K + j."""
        real = real_tokens(count, self.n_constituents, self.n_constituents)
        features = pair_features(codes) * (real[:, :, None] & real[:, None])[..., None]
        return features.flatten(1, 2).to(self._precision.dtype)
