"""What the Lorentz taggers know about a jet before any trained parameter: momenta, pair masses, scalars.

Everything is computed in float64 and handed out in the tagger's precision (float32 unless it was made float64), so that
masses of collimated pairs keep their digits. ``tokens`` are the spurions, if any, followed by the K candidates.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tritag.models.layers.lorentz import (
    REGULATOR_MASS_GEV,
    four_momenta,
    into_jet_frame,
    jet_momentum,
    jet_tokens,
    lower,
    mass_squared,
    real_tokens,
)
from tritag.models.layers.scalars import SCALAR_MEANS, SCALAR_SCALES, JetScalars, wrap_angle

# Standardisation (x - mean) * scale of log m_ij^2, log p_j.p_jet and log p_j.p_time (GeV), close to mean and spread of
# 550-650 GeV jets, 16 to 30 candidates. Fixed constants: the firmware has them too.
PAIR_MASS_MEAN, PAIR_MASS_SCALE = 2.2, 0.42
PRODUCT_MEANS, PRODUCT_SCALES = (5.7, 2.0), (0.7, 0.7)
# Transverse momenta below this fraction of the energy count as this fraction, with azimuth 0; |eta| stays below 7.7.
SMALLEST_SINE = 2.0**-10
_SMALLEST_DELTA_R = 1e-6
# Standardisation of log E in a learned frame (GeV).
LOCAL_ENERGY_MEAN, LOCAL_ENERGY_SCALE = 1.5, 0.7
# No pair of regulated particles is lighter.
_SMALLEST_PAIR_MASS2 = (2 * REGULATOR_MASS_GEV) ** 2


def n_tokens(n_constituents: int, spurions: bool) -> int:
    """Number of tokens N of the Frames-Net."""
    return n_constituents + (3 if spurions else 0)


def pair_masses(tokens: Tensor) -> Tensor:
    """Squared masses ``(p_i + p_j)^2`` in GeV^2: (B, N, 4) -> (B, N, N), in float64 to keep its digits."""
    p = tokens.double()
    square = mass_squared(p)
    return square[:, :, None] + square[:, None] + 2 * lower(p) @ p.mT


def standardised_pair_masses(tokens: Tensor, count: Tensor, n_constituents: int) -> Tensor:
    """Standardised ``log m_ij^2``: (B, N, 4) -> (B, N, N) float64, zero for padding."""
    real = real_tokens(count, n_constituents, tokens.shape[1])
    log_mass2 = pair_masses(tokens).clamp(min=_SMALLEST_PAIR_MASS2).log()
    return (log_mass2 - PAIR_MASS_MEAN) * PAIR_MASS_SCALE * (real[:, :, None] & real[:, None])


def inverse_pair_masses(standardised: Tensor) -> Tensor:
    """``1/m_ij`` in 1/GeV from the standardised logarithm."""
    return (standardised * (-0.5 / PAIR_MASS_SCALE) - 0.5 * PAIR_MASS_MEAN).exp()


def standardised_products(tokens: Tensor, count: Tensor, n_constituents: int, time: bool) -> Tensor:
    """Standardised ``log p_j.p_jet`` and, with ``time``, ``log p_j.p_time``: (B, N, 4) -> (B, N, 1 or 2).

    In float64, zero for padding.
    """
    p = tokens.double()
    products = (lower(p) @ jet_momentum(p, n_constituents).mT)[..., 0]
    columns = [products, p[..., 0]] if time else [products]
    logs = torch.stack(columns, dim=-1).clamp(min=REGULATOR_MASS_GEV**2).log()
    means, scales = (logs.new_tensor(values[: len(columns)]) for values in (PRODUCT_MEANS, PRODUCT_SCALES))
    return (logs - means) * scales * real_tokens(count, n_constituents, p.shape[1])[..., None]


class JetGeometry(nn.Module):
    """Base of the parts that make something of a jet's tokens: ``(codes (B, K, 3), count (B, 1)) -> (B, ...)``."""

    _precision: Tensor

    def __init__(self, n_constituents: int, spurions: bool) -> None:
        super().__init__()
        self.n_constituents, self.spurions = n_constituents, spurions
        # follows .double() and .float() of the whole tagger
        self.register_buffer("_precision", torch.zeros(()), persistent=False)

    def forward(self, codes: Tensor, count: Tensor) -> Tensor:
        """Map codes (B, K, 3) and count (B, 1) to the result of ``of_tokens``, in the tagger's precision."""
        tokens = jet_tokens(four_momenta(codes, count), count, self.spurions)
        return self.of_tokens(tokens, codes, count).to(self._precision.dtype)

    def of_tokens(self, tokens: Tensor, codes: Tensor, count: Tensor) -> Tensor:
        """What this part gives, from the tokens' laboratory momenta (B, N, 4), codes and count, in float64."""
        raise NotImplementedError


class JetFrame(JetGeometry):
    """Tokens in the rest frame of the jet, GeV: (B, N, 4), padding zero."""

    def of_tokens(self, tokens: Tensor, codes: Tensor, count: Tensor) -> Tensor:
        """Boost the tokens (B, N, 4) into the rest frame of their jet."""
        return into_jet_frame(tokens, self.n_constituents)


class PairMasses(JetGeometry):
    """Standardised ``log m_ij^2``: (B, R, N), the last R of the N tokens in rows, padding zero."""

    def __init__(self, n_constituents: int, spurions: bool, n_rows: int) -> None:
        super().__init__(n_constituents, spurions)
        self.n_rows = n_rows

    def of_tokens(self, tokens: Tensor, codes: Tensor, count: Tensor) -> Tensor:
        """Standardised masses of the last R tokens with all N: (B, R, N)."""
        return standardised_pair_masses(tokens, count, self.n_constituents)[:, -self.n_rows :]


class TokenFeatures(JetGeometry):
    """Features of single tokens: (B, N, F), padding zero.

    With spurions F = 9: the seven scalars in the laboratory (zero for the spurions), ``log p_j.p_jet`` and
    ``log p_j.p_time``; F = 2 without ``scalars``. Without spurions, only what is Lorentz-invariant: F = 1,
    ``log p_j.p_jet``.
    """

    def __init__(self, n_constituents: int, spurions: bool, scalars: bool = True) -> None:
        super().__init__(n_constituents, spurions)
        self.scalars = JetScalars(n_constituents) if spurions and scalars else None

    def of_tokens(self, tokens: Tensor, codes: Tensor, count: Tensor) -> Tensor:
        """Features (B, N, F) of the tokens."""
        products = standardised_products(tokens, count, self.n_constituents, time=self.spurions)
        if self.scalars is None:
            return products
        return torch.cat([before_candidates(self.scalars(codes, count), tokens.shape[1]), products], dim=-1)


def before_candidates(x: Tensor, n: int) -> Tensor:
    """Put rows of zeros in front of ``x`` (B, K, C) until there are n: the spurions have no scalars."""
    return nn.functional.pad(x, (0, 0, n - x.shape[1], 0))


def seven_scalars(p: Tensor, jet: Tensor) -> Tensor:
    """Standardised scalars of four-momenta with respect to a jet, in whatever frame both are given.

    As ``JetScalars`` (scalars.py), but differentiable everywhere: the transverse momentum is at least
    ``SMALLEST_SINE`` times the energy (with azimuth 0 below), delta R at least 1e-6.

    Parameters
    ----------
    p : (..., 4)
        In GeV, with positive energy.
    jet : (..., 4)
        The same, or broadcast against ``p``.

    Returns
    -------
    (..., 7)
    """
    log_pt, log_e, eta, phi = _cylindrical(p)
    jet_log_pt, jet_log_e, jet_eta, jet_phi = _cylindrical(jet)
    d_eta, d_phi = eta - jet_eta, wrap_angle(phi - jet_phi)
    delta_r = (d_eta.square() + d_phi.square()).clamp(min=_SMALLEST_DELTA_R**2).sqrt()
    scalars = torch.stack(
        [log_pt, log_e, log_pt - jet_log_pt, log_e - jet_log_e, d_eta, d_phi, delta_r],
        dim=-1,
    )
    return (scalars - scalars.new_tensor(SCALAR_MEANS)) * scalars.new_tensor(SCALAR_SCALES)


def _cylindrical(p: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """log pT, log E, eta, phi of ``p`` (..., 4)."""
    energy, x, y, z = p.unbind(-1)
    least = SMALLEST_SINE * energy
    tiny = x.square() + y.square() <= least.square()
    x, y = torch.where(tiny, least, x), torch.where(tiny, 0.0, y)
    pt = (x.square() + y.square()).sqrt()
    return pt.log(), energy.log(), torch.asinh(z / pt), torch.atan2(y, x)


class LocalScalars(nn.Module):
    """Seven scalars of the candidates in their own frames, ``L_i p_i`` with respect to ``L_i p_jet`` (LLoCa).

    ``(frames (B, K or 1, 4, 4), tokens (B, N, 4), count (B, 1)) -> (B, K, 7)``; the spurions end here.
    """

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents

    def forward(self, frames: Tensor, tokens: Tensor, count: Tensor) -> Tensor:
        """Scalars (B, K, 7) of the candidates, zero for padding."""
        k = self.n_constituents
        p, jet = tokens[:, -k:], jet_momentum(tokens, k)
        real = real_tokens(count, k, k)[..., None]
        rest = p.new_tensor([1.0, 0.0, 0.0, 0.0])
        local_p = torch.where(real, into_frames(frames, p), rest)
        local_jet = torch.where(real[:, : frames.shape[1]], into_frames(frames, jet), rest)
        return torch.where(real, seven_scalars(local_p, local_jet), 0.0)


class LocalDirections(nn.Module):
    """Energy and direction of the candidates in their frames: standardised log E and p/E of ``L_i p_i``.

    ``(frames (B, K or 1, 4, 4), tokens (B, N, 4), count (B, 1)) -> (B, K, 4)``; with the laboratory scalars (B, K, 7)
    as fourth argument they stand in front: (B, K, 11). Unlike angles to the jet axis, which is at rest in a global
    frame, these are smooth everywhere and need neither angles nor roots. Padding is zero.
    """

    def __init__(self, n_constituents: int) -> None:
        super().__init__()
        self.n_constituents = n_constituents

    def forward(self, frames: Tensor, tokens: Tensor, count: Tensor, *scalars: Tensor) -> Tensor:
        """Log energy and direction (B, K, 4), behind the scalars if given (B, K, 11)."""
        k = self.n_constituents
        real = real_tokens(count, k, k)[..., None]
        local = torch.where(real, into_frames(frames, tokens[:, -k:]), tokens.new_tensor([1.0, 0.0, 0.0, 0.0]))
        energy = local[..., :1].clamp(min=REGULATOR_MASS_GEV)
        log_energy = (energy.log() - LOCAL_ENERGY_MEAN) * LOCAL_ENERGY_SCALE
        columns = [*(s.to(energy.dtype) for s in scalars), log_energy, local[..., 1:] / energy]
        return torch.where(real, torch.cat(columns, dim=-1), 0.0)


def into_frames(frames: Tensor, p: Tensor) -> Tensor:
    """``L p``, one frame per vector or one of the two for all: (B, n, 4, 4), (B, m, 4) -> (B, max(n, m), 4)."""
    if frames.shape[1] == 1:
        return p @ frames[:, 0].mT
    return (frames * p[:, :, None]).sum(-1)
