"""Random Lorentz transformations, jets as four-momenta, and the errors their tests allow, each named once."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from tritag.models.layers.lorentz import METRIC, boost_matrix

# float64: products of matrices with entries of order one to ten.
EXACT = 1e-11
# float64 through boosts of up to gamma = 100, whose square multiplies the rounding errors.
BOOSTED = 1e-8
# float32, the same: 2^-24 times a few hundred.
BOOSTED_FLOAT32 = 1e-4
# Logits in float32 whose sums run in another order.
REORDERED_FLOAT32 = 1e-4


def rotation(angle: float) -> Tensor:
    """Rotation about the beam axis, (4, 4) float64."""
    matrix = torch.eye(4, dtype=torch.float64)
    cos, sin = math.cos(angle), math.sin(angle)
    matrix[1:3, 1:3] = torch.tensor([[cos, -sin], [sin, cos]], dtype=torch.float64)
    return matrix


def random_rotation(n: int) -> Tensor:
    """Uniform rotations (n, 4, 4) float64."""
    q, r = torch.linalg.qr(torch.randn(n, 3, 3, dtype=torch.float64))
    q = q * torch.diagonal(r, dim1=-2, dim2=-1).sign()[:, None, :]
    q = q * torch.linalg.det(q)[:, None, None]
    matrix = torch.eye(4, dtype=torch.float64).repeat(n, 1, 1)
    matrix[:, 1:, 1:] = q
    return matrix


def random_lorentz(n: int, velocity: float = 2.0) -> Tensor:
    """Boosts in random directions with four-velocity of about ``velocity``, after random rotations: (n, 4, 4)."""
    u = velocity * torch.randn(n, 3, dtype=torch.float64) / math.sqrt(3)
    return boost_matrix(u) @ random_rotation(n)


def timelike(*shape: int) -> Tensor:
    """Vectors (..., 4) float64 inside the forward light cone, masses and momenta of order one."""
    p = torch.randn(*shape, 3, dtype=torch.float64)
    mass = torch.rand(*shape, 1, dtype=torch.float64) + 0.5
    return torch.cat([(p.square().sum(-1, keepdim=True) + mass.square()).sqrt(), p], dim=-1)


def metric_error(transformation: Tensor) -> float:
    """Largest entry of ``L^T g L - g``."""
    g = torch.diag(transformation.new_tensor(METRIC))
    return (transformation.mT @ g @ transformation - g).abs().max().item()


def assert_lorentz(transformation: Tensor, error: float) -> None:
    """Proper, orthochronous Lorentz transformations, up to ``error``."""
    assert transformation.isfinite().all()
    assert metric_error(transformation) <= error
    assert (transformation[..., 0, 0] >= 1 - error).all()
    assert (torch.linalg.det(transformation) > 0).all()
