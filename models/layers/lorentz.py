"""Minkowski space: products, boosts, and the four-momenta of jets.

Four-vectors are (E, px, py, pz), momenta in GeV, the metric is (+, -, -, -). A Lorentz transformation is a matrix L
(..., 4, 4) that acts from the left, ``p' = L p``, with ``L^T g L = g``.

Boosts are written in the spatial part u = p/m of the four-velocity instead of the velocity: the matrix then holds no
difference of almost equal numbers, and with ``u0 = sqrt(1 + u^2)`` it is a Lorentz transformation for every u, however
coarsely u is rounded.
"""

from __future__ import annotations

import torch
from torch import Tensor

from tritag.data.jets.trigger_grid import TriggerGrid

METRIC = (1.0, -1.0, -1.0, -1.0)
# Two beams and the time axis: reference vectors that break the Lorentz symmetry down to rotations about the beam.
SPURIONS = ((1.0, 0.0, 0.0, 1.0), (1.0, 0.0, 0.0, -1.0), (1.0, 0.0, 0.0, 0.0))
# Particles lighter than this get this mass (tagger-quantization paper, mass regulator), so that no pair is massless.
REGULATOR_MASS_GEV = 5e-3
# Largest four-velocity of the boost into the jet's rest frame. Jets of 600 GeV reach 90.
MAX_JET_VELOCITY = 2.0**10


def minkowski(a: Tensor, b: Tensor) -> Tensor:
    """Minkowski product of ``a`` and ``b`` (..., 4) -> (...)."""
    return a[..., 0] * b[..., 0] - (a[..., 1:] * b[..., 1:]).sum(-1)


def mass_squared(p: Tensor) -> Tensor:
    """Minkowski square of ``p`` (..., 4) -> (...), negative for spacelike vectors."""
    return minkowski(p, p)


def lower(p: Tensor) -> Tensor:
    """Vector with its index lowered, ``g p``: (..., 4) -> (..., 4)."""
    return p * p.new_tensor(METRIC)


def inverse(transformation: Tensor) -> Tensor:
    """Inverse ``g L^T g`` of a Lorentz transformation (..., 4, 4)."""
    metric = transformation.new_tensor(METRIC)
    return transformation.mT * torch.outer(metric, metric)


def four_velocity(p: Tensor, largest: float) -> tuple[Tensor, Tensor]:
    """Spatial part of the four-velocity of ``p``, and its mass over its energy, both defined for every vector.

    With b = p/E: ``m^2/E^2 = max(1 - b^2, b^2/largest^2)`` and ``u = b/(m/E)``, hence ``|u| <= largest``: vectors that
    are too fast, lightlike or spacelike are taken to be as heavy as that bound asks, which is continuous and invariant
    under rotations. Vectors without positive energy (padding) are taken to be at rest.

    Parameters
    ----------
    p : (..., 4)
    largest : float

    Returns
    -------
    u : (..., 3)
    mass : (..., 1)
        m/E.
    """
    energy = p[..., :1]
    moving = energy > 0
    beta = torch.where(moving, p[..., 1:], 0.0) / torch.where(moving, energy, 1.0)
    square = beta.square().sum(-1, keepdim=True)
    mass = torch.maximum(1 - square, square / largest**2).sqrt()
    return beta / mass, mass


def boost_matrix(u: Tensor) -> Tensor:
    """Boost that takes a particle with four-velocity u to rest.

    ``[[u0, -u^T], [-u, 1 + u u^T/(1 + u0)]]`` with ``u0 = sqrt(1 + u^2)``.

    Parameters
    ----------
    u : (..., 3)

    Returns
    -------
    (..., 4, 4)
    """
    u0 = (1 + u.square().sum(-1, keepdim=True)).sqrt()
    space = torch.eye(3, dtype=u.dtype, device=u.device) + u[..., :, None] * (u / (1 + u0))[..., None, :]
    lower_rows = torch.cat([-u[..., :, None], space], dim=-1)
    return torch.cat([torch.cat([u0, -u], dim=-1)[..., None, :], lower_rows], dim=-2)


def boost(p: Tensor, u: Tensor) -> Tensor:
    """Apply :func:`boost_matrix` of ``u`` (..., 3) to ``p`` (..., 4), without writing the matrix out."""
    u0 = (1 + u.square().sum(-1, keepdim=True)).sqrt()
    along = (u * p[..., 1:]).sum(-1, keepdim=True)
    return torch.cat([u0 * p[..., :1] - along, p[..., 1:] - u * (p[..., :1] - along / (1 + u0))], dim=-1)


def four_momenta(codes: Tensor, count: Tensor) -> Tensor:
    """Massless four-momenta of candidates in GeV.

    Parameters
    ----------
    codes : (B, K, 3) int or float
        [pT, eta, phi] in steps of the trigger grid.
    count : (B, 1)
        Candidates of each jet.

    Returns
    -------
    (B, K, 4) float64
        Zero beyond ``count``.
    """
    pt_gev = codes[..., 0].double() * TriggerGrid.PT_LSB_GEV
    eta = codes[..., 1].double() * TriggerGrid.ETA_LSB
    phi = codes[..., 2].double() * TriggerGrid.PHI_LSB
    p = torch.stack([pt_gev * eta.cosh(), pt_gev * phi.cos(), pt_gev * phi.sin(), pt_gev * eta.sinh()], dim=-1)
    return torch.where(_first(count, codes.shape[1])[..., None], p, 0.0)


def jet_tokens(momenta: Tensor, count: Tensor, spurions: bool) -> Tensor:
    """Tokens of the Frames-Net: spurions in front (when asked for), then the candidates, all with a regulated mass.

    Parameters
    ----------
    momenta : (B, K, 4)
    count : (B, 1)

    Returns
    -------
    (B, N, 4)
        N = K + 3 with spurions; zero beyond the candidates.
    """
    tokens = momenta
    if spurions:
        fixed = momenta.new_tensor(SPURIONS).expand(len(momenta), -1, -1)
        tokens = torch.cat([fixed, momenta], dim=1)
    floor = REGULATOR_MASS_GEV**2
    square = tokens[..., 1:].square().sum(-1)
    energy = torch.where(mass_squared(tokens) < floor, (square + floor).sqrt(), tokens[..., 0])
    tokens = torch.cat([energy[..., None], tokens[..., 1:]], dim=-1)
    return torch.where(real_tokens(count, momenta.shape[1], tokens.shape[1])[..., None], tokens, 0.0)


def jet_momentum(tokens: Tensor, n_constituents: int) -> Tensor:
    """Sum of the candidates without spurions: (B, N, 4) -> (B, 1, 4)."""
    return tokens[:, -n_constituents:].sum(1, keepdim=True)


def into_jet_frame(tokens: Tensor, n_constituents: int) -> Tensor:
    """Boost all tokens (B, N, 4) into the rest frame of the jet; padding stays zero."""
    u, _ = four_velocity(jet_momentum(tokens, n_constituents), MAX_JET_VELOCITY)
    return boost(tokens, u)


def real_tokens(count: Tensor, n_constituents: int, n_tokens: int) -> Tensor:
    """Mask (B, N) of spurions and candidates, without padding."""
    return _first(count + (n_tokens - n_constituents), n_tokens)


def _first(count: Tensor, n: int) -> Tensor:
    return torch.arange(n, device=count.device) < count
