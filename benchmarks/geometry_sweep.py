"""Errors of the Lorentz geometry over the whole domain of jets, by gamma (docs/ops/jet_frame.md and others).

    python -m benchmarks.geometry_sweep --jets 1000

Jets as in :mod:`benchmarks.gamma_budget`, of 1, 2, 3, 5, 8 and 16 candidates. Each line gives median / 99 % / largest
difference from float64, for the tokens in the frame of the jet (GeV), the logarithms of products of tokens and the
local scalars in given frames (both in LSB, 1/256), by the gamma of the jet. A jet of one direction has no rest frame.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated

import numpy as np
import torch
import typer
from torch import Tensor

from benchmarks.gamma_budget import Floats, gamma_of_angles, random_angles
from tritag.data.jets.trigger_grid import TriggerGrid
from tritag.models.layers import jet_geometry
from tritag.quant.formats.fixed import FixedType, Grid
from tritag.quant.formats.tensor import FixedTensor
from tritag.quant.integer.lorentz import FrameBits
from tritag.quant.layers.frames import QuantJetFrame, QuantTokenFeatures
from tritag.quant.ops.jet_scalars import CODE_GRID, SCALAR_TYPE
from tritag.quant.ops.local_scalars import LocalScalars
from tritag.quant.ops.token_frames import TokenFrames

K = 16
LIMITS = (1.0, 8.0, 32.0, 64.0, 128.0, np.inf)
COUNTS = (1, 2, 3, 5, 8, K)
WHAT = ("tokens", "products", "local scalars")
_PHI = Grid.of(FixedType(True, 10, 4))


def swept_jets(n: int, seed: int) -> tuple[Tensor, Tensor, Floats]:
    """Codes (n, K, 3), counts (n, 1) and gamma (n,) of jets everywhere in the domain."""
    rng = np.random.default_rng(seed)
    pt, angles = random_angles(rng, n, K)
    pt, count = -np.sort(-pt, axis=1), rng.choice(COUNTS, n)
    real = np.arange(K) < count[:, None]
    codes = np.concatenate([pt[..., None] / TriggerGrid.PT_LSB_GEV, np.rint(angles)], -1) * real[..., None]
    gamma = gamma_of_angles(pt * real, codes[..., 1:])
    return torch.from_numpy(np.rint(codes)).long(), torch.from_numpy(count).long()[:, None], gamma


def errors(n: int, seed: int) -> tuple[Floats, dict[str, Floats]]:
    """Gamma (n,), and the largest error of each jet (n,) of everything in :data:`WHAT`."""
    codes, count, gamma = swept_jets(n, seed)
    inputs = FixedTensor(codes.float(), CODE_GRID), FixedTensor(count.float(), Grid(0, K, 0))
    tokens = QuantJetFrame(K, spurions=True).eval()(*inputs)
    exact = jet_geometry.JetFrame(K, spurions=True).double()(codes, count)
    products = QuantTokenFeatures(K, spurions=True).eval()(*inputs).value[..., 7:]
    wanted = jet_geometry.TokenFeatures(K, spurions=True).double()(codes, count)[..., 7:]
    rng = np.random.default_rng(seed)
    phi = np.rint(rng.normal(0, 1.5, (n, K + 3, 3)) * 2.0**_PHI.fraction).clip(_PHI.low, _PHI.high)
    logits = FixedTensor.from_integers(torch.from_numpy(phi.astype(np.int64)), _PHI)
    frames = TokenFrames(3, FrameBits(), weight_bits=16)(logits, tokens.every, inputs[1])
    local = LocalScalars()(frames, tokens.candidates, inputs[1]).value.double()
    matrix = frames.value.double().unflatten(-1, (4, 4))
    scalars = jet_geometry.LocalScalars(K)(matrix, tokens.candidates.value.double(), inputs[1].value)
    scalars = torch.nan_to_num(scalars).clamp(SCALAR_TYPE.min, SCALAR_TYPE.max)
    lsb = 2.0**SCALAR_TYPE.fraction
    found = (tokens.every.value - exact, (products - wanted) * lsb, (local - scalars) * lsb)
    return gamma, {name: x.abs().flatten(1).amax(1).double().numpy() for name, x in zip(WHAT, found, strict=True)}


def lines(n: int, seed: int) -> list[str]:
    """Rows of a Markdown table, by gamma: median / 99 % / largest of the jets' largest errors."""
    gamma, found = errors(n, seed)
    made = []
    for low, high in pairwise(LIMITS):
        inside = (gamma > low) & (gamma <= high)
        name = f"{low:g} to {high:g}" if high < np.inf else f"above {low:g}"
        cells = " | ".join(_cell(error[inside]) for error in found.values())
        made.append(f"| {name} | {inside.sum()} | {cells} |")
    return made


def _cell(error: Floats) -> str:
    return " / ".join(f"{x:.2g}" for x in (np.median(error), np.quantile(error, 0.99), error.max()))


def main(
    jets: Annotated[int, typer.Option(min=1000, help="Jets in all.")] = 1000,
    seed: Annotated[int, typer.Option(min=0)] = 0,
) -> None:
    """Print the table."""
    print(f"| gamma | jets | {' | '.join(WHAT)} |\n|{'---|' * (2 + len(WHAT))}")  # noqa: T201
    print("\n".join(lines(jets, seed)))  # noqa: T201


if __name__ == "__main__":
    typer.run(main)
