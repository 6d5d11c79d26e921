"""Reference frames from three four-vectors (LLoCa: polar decomposition into a boost and a rotation).

v_0 gives the boost B into its rest frame; the spatial parts r_1, r_2 of B v_1, B v_2 give the rotation R, whose rows
are e1 = r_1/|r_1|, e2 = the part of r_2 across e1, normalised, and e3 = e1 x e2. The frame is L = diag(1, R) B. When
all vectors are transformed with Lambda, L becomes L Lambda^-1, so ``L p`` is invariant.

The spatial part of B v_0 is zero, so any multiple of v_0 may be subtracted from v_1 and v_2 without changing the frame.
The Frames-Nets hand in v_1 - v_0 and v_2 - v_0, formed before anything is rounded: the three vectors are often almost
parallel, and their differences carry the whole rotation.

Degenerate vectors
------------------
Nothing is random and no case is left to rounding; docs/lloca.md gives the reasons. With m the mass of v_0:

1. v_0 faster than ``MAX_FRAME_VELOCITY``, lightlike or spacelike: its mass is raised to what the bound asks
   (:func:`tritag.models.layers.lorentz.four_velocity`). Without positive energy (padding): no boost.
2. ``|r_1| <= DEGENERATE * m``: r_1 is replaced by the z axis.
3. ``|r_2| <= DEGENERATE * m``, or the part of r_2 across e1 ``<= DEGENERATE * |r_2|``: r_2 is replaced by the z axis,
   or by the x axis when ``e1_z^2 > 15/16``.

The bound of rule 1 is invariant under rotations and joins continuously; rules 2 and 3 compare Lorentz invariants, so
the frame is exactly covariant wherever they do not apply. The z axis comes first because rotations about the beam leave
it alone.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from tritag.models.layers.lorentz import four_velocity

# Largest four-velocity of a frame's boost, as seen from the rest frame of the jet.
MAX_FRAME_VELOCITY = 2.0**6
# A reference shorter than this, in units of the mass of v_0, has no direction; a smaller sine is no angle. Untrained
# nets have almost equal weights: in one jet of a thousand their references are shorter than 1e-4.
DEGENERATE = 2.0**-16
_NEAR_Z = 15 / 16

Method = Literal["gram-schmidt", "cross"]


def polar_frames(vectors: Tensor, method: Method = "gram-schmidt", max_velocity: float = MAX_FRAME_VELOCITY) -> Tensor:
    """Lorentz transformation into the frame of three vectors.

    Parameters
    ----------
    vectors : (..., 3, 4)
        v_0, then v_1 and v_2 (or their differences to v_0: the same frame). Their common scale does not matter.
    method : "gram-schmidt" or "cross"
        How the second axis is found: by subtracting the part of r_2 along e1, or from e3 = e1 x r_2 and
        e2 = e3 x e1. The same frame in exact arithmetic; the cross product loses no digits when the two are close.
    max_velocity : float

    Returns
    -------
    (..., 4, 4)
        L with ``L^T g L = g``, of positive determinant, forward in time.
    """
    v_0, references = vectors[..., 0, :], vectors[..., 1:, :]
    u, mass = four_velocity(v_0, max_velocity)
    u0 = (1 + u.square().sum(-1, keepdim=True)).sqrt()
    unit = torch.where(v_0[..., :1] > 0, v_0[..., :1], 1.0)
    r_1, r_2 = (rest_frame_part(x / unit, u, u0) for x in references.unbind(-2))
    axes = orthonormal_axes(r_1, r_2, mass, method)
    # L = diag(1, R) B, written out: B is needed only where R acts on it.
    along = (axes * u[..., None, :]).sum(-1, keepdim=True)
    space = axes + along * (u / (1 + u0))[..., None, :]
    rows = torch.cat([-along, space], dim=-1)
    return torch.cat([torch.cat([u0, -u], dim=-1)[..., None, :], rows], dim=-2)


def rest_frame_part(x: Tensor, u: Tensor, u0: Tensor) -> Tensor:
    """Spatial part of ``x`` (..., 4) after the boost of u (..., 3): (..., 3)."""
    along = (u * x[..., 1:]).sum(-1, keepdim=True)
    return x[..., 1:] - u * (x[..., :1] - along / (1 + u0))


def orthonormal_axes(r_1: Tensor, r_2: Tensor, scale: Tensor, method: Method = "gram-schmidt") -> Tensor:
    """Right-handed orthonormal axes from two vectors, with the fixed axes of the module docstring where they fail.

    Parameters
    ----------
    r_1, r_2 : (..., 3)
    scale : (..., 1)
        Length against which "short" is measured.
    method : "gram-schmidt" or "cross"

    Returns
    -------
    (..., 3, 3)
        Rows e1, e2, e3.
    """
    z, x = r_1.new_tensor([0.0, 0.0, 1.0]), r_1.new_tensor([1.0, 0.0, 0.0])
    least = (DEGENERATE * scale).square()
    e_1 = _unit(torch.where(_square(r_1) > least, r_1, z))

    spare = torch.where(e_1[..., 2:].square() > _NEAR_Z, x, z)
    part = _across if method == "gram-schmidt" else torch.linalg.cross
    across, spare = part(e_1, r_2), part(e_1, spare.expand_as(e_1))
    size = _square(r_2)
    second = _unit(torch.where((size > least) & (_square(across) > DEGENERATE**2 * size), across, spare))
    if method == "gram-schmidt":
        return torch.stack([e_1, second, torch.linalg.cross(e_1, second)], dim=-2)
    return torch.stack([e_1, torch.linalg.cross(second, e_1), second], dim=-2)


def _across(axis: Tensor, vector: Tensor) -> Tensor:
    return vector - (axis * vector).sum(-1, keepdim=True) * axis


def _square(vector: Tensor) -> Tensor:
    return vector.square().sum(-1, keepdim=True)


def _unit(vector: Tensor) -> Tensor:
    return vector * _square(vector).rsqrt()


class PolarFrames(nn.Module):
    """:func:`polar_frames` as a layer."""

    def __init__(self, method: Method = "gram-schmidt") -> None:
        super().__init__()
        self.method: Method = method

    def forward(self, vectors: Tensor) -> Tensor:
        """Map (B, n, 3, 4) to (B, n, 4, 4)."""
        return polar_frames(vectors, self.method)
