"""Candidates as seen from a frame along their leading one, which firmware reaches without a root or a product.

A boost along the beam and a rotation about it are translations of eta and phi: with the leading candidate (the seed) at
(0, 0) the light-cone components of a massless candidate along it are ``E - p_x = pT ((cosh d_eta - 1) + (1 - cos
d_phi))`` and ``E + p_x = pT (cosh d_eta + cos d_phi)``, free of cancellation. A boost along x by ``SEED_BOOST``
doublings multiplies them by 2**SEED_BOOST and 2**-SEED_BOOST. All three together are one exact Lorentz transformation,
so a learned frame does not notice: ``L(Lambda p) Lambda = L(p)``. It only keeps numbers in range, as the rest frame of
the jet does.

Every token is divided by its pT: a factor that rotations about the beam and boosts along it do not change, and that
weights with log pT among their features give back.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.models.layers.frame_vectors import TokenVectors
from tritag.models.layers.frames import PolarFrames
from tritag.models.layers.jet_geometry import LocalDirections
from tritag.models.layers.lorentz import real_tokens
from tritag.models.layers.scalars import SCALAR_MEANS, SCALAR_SCALES, wrap_angle
from tritag.models.layers.seed_scalars import CODES_PER_UNIT

# The boost along the seed doubles E - p_x that many times: a rapidity of 2.8, that of jets of gamma = 8. Top quarks of
# 600 GeV have 3.5; the lightest jets of QCD, with 90, keep a gamma of 6.
SEED_BOOST = 4
# Tokens are those of a candidate of this pT.
TOKEN_PT_GEV = 16.0
# Angles to the seed saturate here, in codes of the grid (1.75 rad).
MOST_TOKEN_CODES = 400
# Standardisation (x - mean) * scale of log pT and of the logarithm of a token's energy, both in GeV.
FEATURE_MEANS, FEATURE_SCALES = (SCALAR_MEANS[0], 1.5), (SCALAR_SCALES[0], 0.7)
N_SEED_FEATURES = 4
# cosh and sinh of the boost along the seed.
SEED_COSH, SEED_SINH = (2.0**SEED_BOOST + 2.0**-SEED_BOOST) / 2, (2.0**SEED_BOOST - 2.0**-SEED_BOOST) / 2


def seed_angles(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Eta and phi relative to the first candidate in codes: (B, K, 3) to twice (B, K), float64, saturated."""
    d_eta, d_phi = ((codes[..., i] - codes[..., :1, i]).double() for i in (1, 2))
    d_phi = wrap_angle(d_phi, TriggerGrid.PHI_TURN)
    return d_eta.clamp(-MOST_TOKEN_CODES, MOST_TOKEN_CODES), d_phi.clamp(-MOST_TOKEN_CODES, MOST_TOKEN_CODES)


def seed_tokens(codes: Tensor, count: Tensor) -> Tensor:
    """Tokens (E, p_x, p_y, p_z) in GeV: codes (B, K, 3) and count (B, 1) to (B, K, 4) float64, padding zero."""
    d_eta, d_phi = seed_angles(codes)
    d_eta, d_phi = d_eta * TriggerGrid.ETA_LSB, d_phi * TriggerGrid.PHI_LSB
    # cosh - 1 and 1 - cos without cancellation
    a, b = 2 * (d_eta / 2).sinh().square(), 2 * (d_phi / 2).sin().square()
    minus, plus = (a + b) * 2.0**SEED_BOOST, (2 + a - b) * 2.0**-SEED_BOOST
    tokens = torch.stack([(plus + minus) / 2, (plus - minus) / 2, d_phi.sin(), d_eta.sinh()], dim=-1)
    real = real_tokens(count, codes.shape[1], codes.shape[1])[..., None]
    return torch.where(real, TOKEN_PT_GEV * tokens, 0.0)


class _OfCodes(nn.Module):
    """Base of what is made of codes in float64 and handed out in the precision of the tagger."""

    _precision: Tensor

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents
        # follows .double() and .float() of the whole tagger
        self.register_buffer("_precision", torch.zeros(()), persistent=False)


class SeedTokens(_OfCodes):
    """Candidates in the frame along their leading one, each divided by pT / 16 GeV: (B, K, 4), padding zero."""

    def forward(self, codes: Tensor, count: Tensor) -> Tensor:
        """Map codes (B, K, 3) and count (B, 1) to tokens (B, K, 4) in GeV."""
        return seed_tokens(codes, count).to(self._precision.dtype)


class SeedFeatures(_OfCodes):
    """What a Frames-Net sees of a candidate before its token is there: (B, K, 4), padding zero.

    Standardised log pT and log E of the token, eta and phi relative to the seed in 64 codes.
    """

    def forward(self, codes: Tensor, count: Tensor) -> Tensor:
        """Map codes (B, K, 3) and count (B, 1) to features (B, K, 4)."""
        tokens = seed_tokens(codes, count)
        real = real_tokens(count, self.n_constituents, self.n_constituents)
        pt_gev = codes[..., 0].double().clamp(min=1.0) * TriggerGrid.PT_LSB_GEV
        energy = torch.where(real, tokens[..., 0], 1.0)
        logs = [
            (x.log() - mean) * scale
            for x, mean, scale in zip((pt_gev, energy), FEATURE_MEANS, FEATURE_SCALES, strict=True)
        ]
        angles = [angle / CODES_PER_UNIT for angle in seed_angles(codes)]
        return torch.where(real[..., None], torch.stack([*logs, *angles], dim=-1), 0.0).to(self._precision.dtype)


class SeedDirections(nn.Module):
    """What the candidates are in one frame for the jet: standardised log E and p/E of ``L t``, behind their scalars.

    L is the frame (:func:`tritag.models.layers.frames.polar_frames`) of ``v_k = sum_j softmax_j(phi_jk) t_j``,
    k = 0, 1, 2.
    """

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.vectors, self.polar = TokenVectors(n_constituents), PolarFrames("cross")
        self.directions = LocalDirections(n_constituents)

    def frames(self, phi: Tensor, tokens: Tensor, count: Tensor) -> Tensor:
        """Frames (B, 1, 4, 4) of logits phi (B, K, 3), tokens (B, K, 4) and count (B, 1)."""
        frames: Tensor = self.polar(self.vectors(phi, tokens, count))
        return frames

    def forward(self, phi: Tensor, tokens: Tensor, count: Tensor, scalars: Tensor) -> Tensor:
        """Map logits phi (B, K, 3), tokens (B, K, 4), count (B, 1) and scalars (B, K, S) to (B, K, S + 4)."""
        given: Tensor = self.directions(self.frames(phi, tokens, count), tokens, count, scalars)
        return given
