"""The seven input scalars of a constituent (tagger-quantization paper, inputs of the vanilla transformer).

log pT, log E, log(pT/pT_jet), log(E/E_jet), delta eta, delta phi, delta R with respect to the jet, standardised as
``(x - mean) * scale``. Momenta in GeV, jet = sum of the constituents that are given.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from tritag.data.jets.candidate_field import CandidateField
from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs

# Order as in the module docstring; the values of the paper's code.
SCALAR_MEANS = (1.7, 2.0, -4.7, -4.7, 0.0, 0.0, 0.2)
SCALAR_SCALES = (0.7, 0.7, 0.7, 0.7, 1.0, 1.0, 4.0)
N_SCALARS = 7


def wrap_angle(phi: Tensor, turn: float = 2 * math.pi) -> Tensor:
    """Bring an angle difference into [-turn/2, turn/2): radians, or whatever a full ``turn`` is counted in."""
    return torch.remainder(phi + turn / 2, turn) - turn / 2


def n_field_inputs(candidates: CandidateInputs) -> int:
    """Number of inputs that the fields beside pt, eta and phi become."""
    return sum(field.n_inputs for field in candidates.fields[3:])


def field_inputs(codes: Tensor, field: CandidateField) -> Tensor:
    """Inputs (B, K, n) float64 of a field's codes (B, K): 0 or 1 for each code, or the code times the field's step.

    Codes outside the field's range count as its ends.
    """
    codes = codes.double().clamp(field.min, field.max)
    if not field.one_hot:
        return codes.unsqueeze(-1) * field.step
    every = torch.arange(field.min, field.max + 1, device=codes.device)
    return (codes.round().unsqueeze(-1) == every).double()


class JetScalars(nn.Module):
    """Scalars and field inputs from (possibly unrounded) grid codes, in float64 inside and float32 outside.

    Masked constituents give zeros.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_constituents: int, candidates: CandidateInputs = PLAIN) -> None:
        super().__init__()
        self.n_constituents, self.candidates = n_constituents, candidates
        self.register_buffer("mean", torch.tensor(SCALAR_MEANS, dtype=torch.float64), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALAR_SCALES, dtype=torch.float64), persistent=False)

    def forward(self, codes: Tensor, count: Tensor) -> Tensor:
        """Map codes (B, K, 3 + F) = (pT, eta, phi, fields) and count (B, 1) to scalars (B, K, 7 + inputs), float32."""
        of_pt, of_eta, of_phi, *fields = self.candidates.fields
        mask = torch.arange(self.n_constituents, device=codes.device) < count
        pt_gev = codes[..., 0].double().clamp(min=1.0) * of_pt.lsb
        eta = codes[..., 1].double() * of_eta.lsb
        phi = codes[..., 2].double() * of_phi.lsb
        weight = pt_gev * mask
        jet_x, jet_y = (weight * phi.cos()).sum(-1, keepdim=True), (weight * phi.sin()).sum(-1, keepdim=True)
        jet_z, jet_e = (weight * eta.sinh()).sum(-1, keepdim=True), (weight * eta.cosh()).sum(-1, keepdim=True)
        # A jet without constituents gets 1 GeV: its scalars are masked, they must only be finite.
        jet_pt = torch.hypot(jet_x, jet_y)
        safe_pt = torch.where(jet_pt > 0, jet_pt, torch.ones_like(jet_pt))
        log_pt, log_e = pt_gev.log(), pt_gev.log() + eta.cosh().log()
        d_eta = eta - torch.asinh(jet_z / safe_pt)
        d_phi = wrap_angle(phi - torch.atan2(jet_y, jet_x))
        scalars = torch.stack(
            [
                log_pt,
                log_e,
                log_pt - safe_pt.log(),
                log_e - torch.where(jet_e > 0, jet_e, torch.ones_like(jet_e)).log(),
                d_eta,
                d_phi,
                torch.hypot(d_eta, d_phi),
            ],
            dim=-1,
        )
        scalars = (scalars - self.mean) * self.scale
        inputs = [field_inputs(codes[..., 3 + i], field) for i, field in enumerate(fields)]
        return (torch.cat([scalars, *inputs], dim=-1) * mask[..., None]).float()
