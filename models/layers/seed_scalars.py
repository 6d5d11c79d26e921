"""Five input scalars of a constituent about a seed, the jet's leading one: what firmware has after a few cycles.

log pT, log(pT / sum of pT), delta eta, delta phi, and a distance. Angles are differences of codes, so that they are
exact integers; the distance is an octagon's instead of a circle's, which needs no root. What makes the seven scalars
slow in firmware (momenta, their sum, the axis from it) is not there.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tritag.data.jets.candidate_grid import PLAIN, CandidateInputs
from tritag.errors import ConfigError
from tritag.models.layers.scalars import SCALAR_MEANS, SCALAR_SCALES, field_inputs, wrap_angle

N_SEED_SCALARS = 5
# Mean and scale of the two logarithms, as of the same two of the seven scalars.
LOG_MEANS, LOG_SCALES = (SCALAR_MEANS[0], SCALAR_MEANS[2]), (SCALAR_SCALES[0], SCALAR_SCALES[2])
# Angles are counted in 64 codes of the grid (0.28 rad for CMS) and saturate at 340 codes (1.48 rad).
CODES_PER_UNIT, MOST_CODES = 64, 340


def check_equal_steps(candidates: CandidateInputs) -> None:
    """Refuse a grid whose eta and phi are counted in different steps: their distance would mix two units.

    Raises
    ------
    ConfigError
        With both steps in radians.
    """
    _, of_eta, of_phi = candidates.fields[:3]
    if of_eta.lsb != of_phi.lsb:
        raise ConfigError(
            f"seed scalars need eta and phi in equal steps, got {of_eta.lsb:g}, {of_phi.lsb:g} rad; take features: jet"
        )


class SeedScalars(nn.Module):
    """Five scalars and field inputs from (possibly unrounded) grid codes, in float64 inside and float32 outside.

    The seed is the first constituent. Masked constituents give zeros.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, n_constituents: int, candidates: CandidateInputs = PLAIN) -> None:
        super().__init__()
        check_equal_steps(candidates)
        self.n_constituents, self.candidates = n_constituents, candidates
        self.register_buffer("mean", torch.tensor(LOG_MEANS, dtype=torch.float64), persistent=False)
        self.register_buffer("scale", torch.tensor(LOG_SCALES, dtype=torch.float64), persistent=False)

    def forward(self, codes: Tensor, count: Tensor) -> Tensor:
        """Map codes (B, K, 3 + F) = (pT, eta, phi, fields) and count (B, 1) to scalars (B, K, 5 + inputs), float32."""
        of_pt, _, of_phi, *fields = self.candidates.fields
        mask = torch.arange(self.n_constituents, device=codes.device) < count
        pt = codes[..., 0].double().clamp(min=1.0)
        total = (pt * mask).sum(-1, keepdim=True).clamp(min=1.0)
        logs = torch.stack([(pt * of_pt.lsb).log(), pt.log() - total.log()], dim=-1)
        d_eta, d_phi = ((codes[..., i] - codes[..., :1, i]).double() for i in (1, 2))
        d_phi = wrap_angle(d_phi, of_phi.max - of_phi.min + 1)
        angles = torch.stack([d_eta, d_phi], dim=-1).clamp(-MOST_CODES, MOST_CODES) / CODES_PER_UNIT
        sides = angles.abs()
        distance = sides.amax(-1, keepdim=True) + sides.amin(-1, keepdim=True) / 2
        inputs = [field_inputs(codes[..., 3 + i], field) for i, field in enumerate(fields)]
        scalars = torch.cat([(logs - self.mean) * self.scale, angles, distance, *inputs], dim=-1)
        return (scalars * mask[..., None]).float()
